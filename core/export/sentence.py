"""A task in one line, for a notification or a mail."""

from __future__ import annotations

from core.export.table import score_text
from core.store.views import TaskView
from core.values import one_line


def sentence(task: TaskView) -> str:
    """Such as `chat completed: best is #3 with 812.4 tok/s, +38.0% against the baseline`."""
    mark = " (simulated)" if task.simulated else ""
    return one_line(f"{task.name} {task.state}{mark}: {_came_to(task)}", 400)


def gain(task: TaskView) -> float | None:
    """Relative gain over the baseline, 0.38 = 38 % better; None when it is not known."""
    return task.verdict.delta if task.verdict and task.best is not None else None


def _came_to(task: TaskView) -> str:
    if task.best is not None and task.best_score is not None:
        text = f"best is #{task.best} with {score_text(task.best_score, task.unit)} {task.unit}"
        if task.best == 0:
            return f"{text}, the baseline"
        return text if (more := gain(task)) is None else f"{text}, {more:+.1%} against the baseline"
    if task.failure is not None:
        return f"{task.failure.kind}, {task.failure.message}"
    return "no configuration met the limits" if task.verdict else "no result"
