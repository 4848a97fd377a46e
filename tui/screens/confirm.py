"""A question before work is ended."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from tui.line import Line, Span, Tone, line, wrap
from tui.widgets.base import Lines


class ConfirmScreen(ModalScreen[bool]):
    """True for `y`; anything else that answers is a no."""

    CSS_PATH = "confirm.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", show=False),
        Binding("n,escape,q", "dismiss(False)", show=False),
    ]

    def __init__(self, question: str, yes: str) -> None:
        super().__init__()
        self._question = question
        self._yes = yes

    def compose(self) -> ComposeResult:
        yield Lines(id="question")

    def on_mount(self) -> None:
        self.query_one(Lines).show(self._lines)

    def _lines(self, cells: int) -> list[Line]:
        keys = line(Span("y", Tone.KEY), f" {self._yes}    ", Span("n", Tone.KEY), " go back")
        return [*wrap(self._question, cells)[:3], (), keys]
