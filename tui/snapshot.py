"""What the screens get to see: one frozen picture of the journal at a time."""

from __future__ import annotations

from dataclasses import dataclass

from core.store.views import ExperimentView, LiveView, RunnerView, TaskDetail, TaskView
from core.values import ExperimentState, TaskState
from tui.history import History

_AT_WORK = {
    ExperimentState.PREPARING,
    ExperimentState.STARTING,
    ExperimentState.READY,
    ExperimentState.BENCHMARKING,
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`details` are those of the running tasks and of the opened one. `error` says in one
    line why the last reading failed; what was read before it is kept. `history` is how busy
    the GPUs were in the last two minutes, as far as this console saw it.
    """

    tasks: tuple[TaskView, ...] = ()
    details: tuple[TaskDetail, ...] = ()
    runner: RunnerView = RunnerView(alive=False)
    error: str | None = None
    loaded: bool = False
    live: LiveView = LiveView()
    history: History = History()

    def task(self, task: str | None) -> TaskView | None:
        return next((view for view in self.tasks if view.id == task), None)

    def detail(self, task: str | None) -> TaskDetail | None:
        return next((view for view in self.details if view.task.id == task), None)

    def running(self) -> TaskView | None:
        """The task at work; the oldest of them."""
        return next((t for t in reversed(self.tasks) if t.state is TaskState.RUNNING), None)


def at_work(detail: TaskDetail) -> ExperimentView | None:
    """The experiment being tried now."""
    busy = [view for view in detail.experiments if view.state in _AT_WORK]
    return busy[-1] if busy else None


def experiment(detail: TaskDetail, number: int | None) -> ExperimentView | None:
    return next((view for view in detail.experiments if view.number == number), None)
