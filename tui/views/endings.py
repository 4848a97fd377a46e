"""Which tasks came to an end from one snapshot to the next."""

from __future__ import annotations

from core.store.views import TaskView
from core.values import TaskState
from tui.snapshot import Snapshot
from tui.views import words
from tui.views.gains import delta
from tui.views.verdict import gain_decimals


def endings(before: Snapshot, after: Snapshot) -> list[tuple[str, bool]]:
    """(what is to be said, whether it is bad) for each task that was not final and now is."""
    found = []
    for task in after.tasks:
        was = before.task(task.id)
        if was is not None and not was.state.final and task.state.final:
            found.append((_said(task), task.state is TaskState.FAILED))
    return found


def _said(task: TaskView) -> str:
    text = f"{task.name}: {words.task_state(task).text}"
    if task.failure:
        return f"{text}: {words.failure(task.failure)}"
    gain = words.gain(delta(task), gain_decimals(task)) if task.best else ""
    return f"{text}, {gain} % against the baseline" if gain else text
