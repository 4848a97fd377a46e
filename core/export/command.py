"""The exact command that starts an experiment's engine."""

from __future__ import annotations

from core.engines.registry import launch
from core.paths import Home
from core.store.views import ExperimentView, TaskDetail
from core.task import Task, load
from core.values import AutotunerError, Configuration, LaunchSpec


def winner_spec(home: Home, detail: TaskDetail) -> LaunchSpec:
    """What starts the best configuration; AutotunerError when there is no best yet."""
    best = next((e for e in detail.experiments if e.number == detail.task.best), None)
    if best is None:
        raise AutotunerError(
            f"{detail.task.name}: no configuration met the limits yet; "
            f"look at `autotuner-tui show {detail.task.name}`"
        )
    return experiment_spec(load(home.task_file(detail.task.id)), best)


def experiment_spec(task: Task, experiment: ExperimentView) -> LaunchSpec:
    """What starts this experiment's engine on its usual port."""
    return launch(task, Configuration.of(task.engine, experiment.parameters))
