"""One reading of the journal: all that the console always shows."""

from __future__ import annotations

from typing import Protocol

from core.store.views import CommandView, LiveView, Overview, RunnerView, TaskView
from core.values import TaskState
from tui.snapshot import Snapshot


class Readable(Protocol):
    """The part of a journal that a snapshot is made of."""

    async def tasks(self) -> tuple[TaskView, ...]: ...

    async def overview(self, task: str) -> Overview | None: ...

    async def runner(self) -> RunnerView: ...

    async def live(self) -> LiveView: ...

    async def commands(self) -> tuple[CommandView, ...]: ...


async def read(journal: Readable, wanted: str | None) -> Snapshot:
    """Everything anew; the overviews are those of running tasks and of the `wanted` one."""
    tasks = await journal.tasks()
    shown = [task.id for task in tasks if task.state is TaskState.RUNNING or task.id == wanted]
    views = [await journal.overview(task) for task in shown]
    return Snapshot(
        tasks=tasks,
        overviews=tuple(view for view in views if view),
        runner=await journal.runner(),
        commands=await journal.commands(),
        loaded=True,
        live=await journal.live(),
    )
