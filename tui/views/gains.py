"""How far the best is ahead of the baseline."""

from __future__ import annotations

from core import score
from core.store.views import TaskView
from core.values import Objective


def lower_is_better(task: TaskView) -> bool:
    return score.lower_is_better(Objective(task.objective))


def delta(task: TaskView) -> float | None:
    """The verdict's gain, else that of the scores so far; 0.38 is 38 % better."""
    if task.verdict and task.verdict.delta is not None:
        return task.verdict.delta
    if task.best_score is None or task.baseline_score is None or task.best == 0:
        return None
    return score.gain(Objective(task.objective), task.best_score, task.baseline_score)
