"""A task in one line, for a notification or a mail."""

from __future__ import annotations

from core.export.table import score_text
from core.export.verdict import verdict_text
from core.store.views import TaskView
from core.values import one_line


def sentence(task: TaskView) -> str:
    """Such as `chat completed: best is #3 with 812.4 tok/s; winner: #3 is 38.1 % better than …`."""
    mark = " (simulated)" if task.simulated else ""
    return one_line(f"{task.name} {task.state}{mark}: {_came_to(task)}", 400)


def gain(task: TaskView) -> float | None:
    """Relative gain over the baseline, 0.38 = 38 % better; None when it is not known."""
    return task.verdict.delta if task.verdict and task.best is not None else None


def best_text(task: TaskView, score: float | None) -> str:
    """`best is #3 with 812.4 tok/s`."""
    name = f"#{task.best}, the baseline," if task.best == 0 else f"#{task.best}"
    return f"best is {name} with {score_text(score, task.unit)} {task.unit}"


def _came_to(task: TaskView) -> str:
    if task.best is not None and task.best_score is not None:
        return f"{best_text(task, task.best_score)}; {verdict_text(task)}"
    if task.failure is not None:
        return f"{task.failure.kind}, {task.failure.message}"
    return verdict_text(task)
