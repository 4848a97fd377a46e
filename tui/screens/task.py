"""2: one task: best so far, the experiment at work, the results."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.line import Line, Span, Tone
from tui.screens.base import View
from tui.screens.experiment import ExperimentScreen
from tui.views.layout import Grid
from tui.views.results import head_lines, result_grid
from tui.views.status import Key
from tui.widgets.base import Lines
from tui.widgets.table import Table

_NOTHING: tuple[Line, ...] = ((), (Span("No experiment yet.", Tone.DIM),))


class TaskScreen(View):
    CSS_PATH = "task.tcss"
    KEYS: ClassVar[tuple[Key, ...]] = (
        ("enter", "detail"),
        ("o", "order"),
        ("l", "log"),
        ("s", "skip running"),
        ("esc", "back"),
        ("?", "help"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "order", show=False),
        Binding("l", "log", show=False),
        Binding("s", "app.ask('skip')", show=False),
        Binding("escape", "app.go('tasks')", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._by_score = False

    def body(self) -> ComposeResult:
        yield Lines(id="head")
        yield Table(id="results")

    def fill(self) -> None:
        now, detail = self.console.now(), self.console.detail
        head, table = self.query_one("#head", Lines), self.query_one(Table)
        if detail is None:
            nothing = "No task is open: 1 shows the list." if self.console.opened is None else "…"
            head.show(lambda cells: [(Span(f" {nothing}", Tone.DIM),)])
            table.show(Grid())
            return
        head.show(lambda cells: head_lines(detail, now, cells))
        table.show(result_grid(detail, self._by_score), _NOTHING)

    def action_order(self) -> None:
        self._by_score = not self._by_score
        self.fill()

    def action_log(self) -> None:
        key = self.query_one(Table).cursor
        self.console.open_log(None if key is None else int(key))

    def on_table_chosen(self, event: Table.Chosen) -> None:
        self.app.push_screen(ExperimentScreen(int(event.key)))
