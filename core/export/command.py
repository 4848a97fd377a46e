"""The exact command that starts an experiment's engine."""

from __future__ import annotations

from core import settings
from core.engines.boxes import Host
from core.engines.registry import launch
from core.paths import Home
from core.store.views import TaskDetail
from core.task import load
from core.values import AutotunerError, Configuration, LaunchSpec


def winner_spec(home: Home, detail: TaskDetail) -> LaunchSpec:
    """What starts the best configuration; AutotunerError when there is no best yet."""
    best = next((e for e in detail.experiments if e.number == detail.task.best), None)
    if best is None:
        raise AutotunerError(
            f"{detail.task.name}: no configuration met the limits yet; "
            f"look at `autotuner-tui show {detail.task.name}`"
        )
    return experiment_spec(home, detail.task.id, best.configuration)


def experiment_spec(home: Home, task: str, configuration: Configuration) -> LaunchSpec:
    """What starts its engine with its flags, as a person would start it."""
    wanted = load(home.task_file(task))
    host = Host.of(settings.read(home.settings(task)), home.cache)
    return launch(wanted.of(configuration.engine), configuration, host)
