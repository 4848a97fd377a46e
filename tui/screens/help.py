"""?: the keys of the screen it was called from, and those that work everywhere."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.screens.base import View
from tui.views.keys import help_lines
from tui.widgets.page import Page


class HelpScreen(View):
    """`name` is the screen's in `tui.keys.screens`."""

    CSS_PATH = "help.tcss"
    NAME = "help"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", show=False),
        # The keys that opened it.
        Binding("question_mark", "dismiss", show=False, id="help"),
        Binding("f1", "dismiss", show=False, id="new.help"),
    ]

    def __init__(self, name: str) -> None:
        super().__init__()
        self._of = name

    def body(self) -> ComposeResult:
        yield Page(id="help")

    def fill(self) -> None:
        groups = self.console.keymap.groups(self._of)
        self.query_one(Page).show(lambda cells: help_lines(groups, cells))
