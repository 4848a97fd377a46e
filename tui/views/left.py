"""How long a task will still take."""

from __future__ import annotations

from core.store.views import TaskView
from core.values import TaskState
from tui.views import words


def left(task: TaskView, now: float) -> str:
    """`1h50m`, `≤1h50m` when only the end of the budget is known, `?` when nothing is; empty
    for a task that does not run.
    """
    if task.state is not TaskState.RUNNING:
        return ""
    end = _end(task)
    if end is None:
        return "?"
    most = "" if task.expected is not None else "≤"
    return most + words.near(max(0.0, end - now))


def left_in_words(task: TaskView, now: float) -> str:
    """`about 1h50m left`, `at most 1h50m left`, `no estimate yet`."""
    said = left(task, now)
    if said in ("", "?"):
        return "no estimate yet" if said else ""
    return f"at most {said[1:]} left" if said.startswith("≤") else f"about {said} left"


def _end(task: TaskView) -> float | None:
    known = [at for at in (task.expected, task.deadline) if at is not None]
    return min(known, default=None)
