"""What the screens get to see: one frozen picture of the journal at a time."""

from __future__ import annotations

from dataclasses import dataclass

from core.store.views import CommandView, LiveView, Overview, RunnerView, TaskView
from core.values import TaskState
from tui.history import History
from tui.views.verdict import confirming


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`overviews` are those of the running tasks and of the opened one; rows of results,
    single experiments and points for plots are read when a screen shows them. `commands` are
    those not yet answered. `error` says in one line why the last reading failed; what was
    read before it is kept. `history` is how busy the GPUs were in the last two minutes, as
    far as this console saw it.
    """

    tasks: tuple[TaskView, ...] = ()
    overviews: tuple[Overview, ...] = ()
    runner: RunnerView = RunnerView(alive=False)
    commands: tuple[CommandView, ...] = ()
    error: str | None = None
    loaded: bool = False
    live: LiveView = LiveView()
    history: History = History()

    def task(self, task: str | None) -> TaskView | None:
        return next((view for view in self.tasks if view.id == task), None)

    def overview(self, task: str | None) -> Overview | None:
        return next((view for view in self.overviews if view.task.id == task), None)

    def confirming(self) -> frozenset[str]:
        """The tasks whose start at work is there to confirm."""
        return frozenset(one.task.id for one in self.overviews if confirming(one))

    def running(self) -> TaskView | None:
        """The task at work; the oldest of them."""
        return next((t for t in reversed(self.tasks) if t.state is TaskState.RUNNING), None)
