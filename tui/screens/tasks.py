"""1: all tasks, newest first."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from tui.keys.binding import bindings
from tui.keys.screens import SCREENS
from tui.screens.base import View
from tui.views.tasks import about_task, about_width, nothing, task_grid
from tui.widgets.base import Lines
from tui.widgets.table import Table


class TasksScreen(View):
    CSS_PATH = "tasks.tcss"
    NAME = "tasks"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(SCREENS["tasks"])]

    def __init__(self) -> None:
        super().__init__()
        self._marked: frozenset[str] = frozenset()

    def body(self) -> ComposeResult:
        yield Table(id="tasks")
        yield Lines(id="about")

    def fill(self) -> None:
        view, now = self.console.snapshot, self.console.now()
        self._marked &= {task.id for task in view.tasks}
        room = about_width(self.size.width)
        grid = task_grid(view.tasks, now, self._marked, room, view.confirming())
        empty = nothing(view, self.console.keymap.key("tasks.new"), self.size.width - 4)
        self.query_one(Table).show(grid, empty)
        self._about()

    def on_resize(self) -> None:
        if self.ready:
            self.fill()

    def target(self) -> str | None:
        return self.query_one(Table).cursor

    def targets(self) -> tuple[str, ...]:
        return tuple(self._marked) or super().targets()

    def action_open(self) -> None:
        if (task := self.target()) is not None:
            self.console.open_task(task)

    def action_mark(self) -> None:
        if (task := self.target()) is not None:
            self._marked ^= {task}
            self.fill()
            self.query_one(Table).action_move(1)

    def action_unmark(self) -> None:
        self._marked = frozenset()
        self.fill()

    def on_table_moved(self) -> None:
        self._about()

    def on_table_chosen(self) -> None:
        self.action_open()

    def _about(self) -> None:
        view, now = self.console.snapshot, self.console.now()
        task = view.task(self.target())
        overview = view.overview(task.id) if task else None
        count = len(self._marked)
        self.query_one("#about", Lines).show(
            lambda cells: about_task(task, overview, now, cells, count)
        )
