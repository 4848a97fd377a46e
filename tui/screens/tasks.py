"""1: all tasks, newest first."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from tui.keys.binding import bindings
from tui.keys.screens import SCREENS
from tui.line import Span, Tone
from tui.screens.base import View
from tui.views.tasks import EMPTY, about_task, task_grid
from tui.widgets.base import Lines
from tui.widgets.table import Table


class TasksScreen(View):
    CSS_PATH = "tasks.tcss"
    NAME = "tasks"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(SCREENS["tasks"])]

    def body(self) -> ComposeResult:
        yield Table(id="tasks")
        yield Lines(id="about")

    def fill(self) -> None:
        view, now = self.console.snapshot, self.console.now()
        empty = EMPTY if view.loaded else ((Span("reading …", Tone.DIM),),)
        self.query_one(Table).show(task_grid(view.tasks, now), empty)
        self._about()

    def target(self) -> str | None:
        return self.query_one(Table).cursor

    def on_table_moved(self) -> None:
        self._about()

    def on_table_chosen(self, event: Table.Chosen) -> None:
        self.console.open_task(event.key)

    def _about(self) -> None:
        view, now = self.console.snapshot, self.console.now()
        task = view.task(self.target())
        overview = view.overview(task.id) if task else None
        self.query_one("#about", Lines).show(lambda cells: about_task(task, overview, now, cells))
