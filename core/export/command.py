"""The exact command that starts an experiment's engine."""

from __future__ import annotations

from collections.abc import Mapping

from core import settings
from core.engines.boxes import Host
from core.engines.registry import launch
from core.paths import Home
from core.store.views import TaskDetail
from core.task import load
from core.values import AutotunerError, Configuration, LaunchSpec, Scalar


def winner_spec(home: Home, detail: TaskDetail) -> LaunchSpec:
    """What starts the best configuration; AutotunerError when there is no best yet."""
    best = next((e for e in detail.experiments if e.number == detail.task.best), None)
    if best is None:
        raise AutotunerError(
            f"{detail.task.name}: no configuration met the limits yet; "
            f"look at `autotuner-tui show {detail.task.name}`"
        )
    return experiment_spec(home, detail.task.id, best.parameters)


def experiment_spec(home: Home, task: str, parameters: Mapping[str, Scalar]) -> LaunchSpec:
    """What starts the engine with these flags, as a person would start it."""
    wanted = load(home.task_file(task))
    host = Host.of(settings.read(home.settings(task)), home.cache)
    return launch(wanted, Configuration.of(wanted.engine, parameters), host)
