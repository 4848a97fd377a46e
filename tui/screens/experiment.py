"""One experiment: what was set, what was measured, what went wrong and what to do."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.screens.base import View
from tui.snapshot import experiment
from tui.views.report import report
from tui.views.status import Key
from tui.widgets.page import Page


class ExperimentScreen(View):
    CSS_PATH = "experiment.tcss"
    KEYS: ClassVar[tuple[Key, ...]] = (
        ("[ ]", "other experiment"),
        ("l", "log"),
        ("esc", "back"),
        ("?", "help"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left_square_bracket", "step(-1)", show=False),
        Binding("right_square_bracket", "step(1)", show=False),
        Binding("l", "log", show=False),
        Binding("escape", "dismiss", show=False),
    ]

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def body(self) -> ComposeResult:
        yield Page(id="report")

    def fill(self) -> None:
        now, detail = self.console.now(), self.console.detail
        view = experiment(detail, self._number) if detail else None
        if detail and view:
            self.query_one(Page).show(lambda cells: report(detail, view, now, cells))

    def action_step(self, steps: int) -> None:
        detail = self.console.detail
        if detail and experiment(detail, self._number + steps):
            self._number += steps
            self.fill()

    async def action_log(self) -> None:
        number = self._number
        await self.dismiss()
        self.console.open_log(number)
