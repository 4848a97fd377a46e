"""A question before work is ended."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from tui.line import Line, Span, Tone, line, wrap
from tui.widgets.base import Lines

_WIDTH = 60  # cells, as confirm.tcss has it
_FRAME = 6


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
        self.on_resize()

    def on_resize(self) -> None:
        """As high as the question needs."""
        box = self.query_one(Lines)
        inner = min(_WIDTH, self.size.width * 9 // 10) - _FRAME
        box.styles.height = len(self._lines(max(1, inner))) + 4

    def _lines(self, cells: int) -> list[Line]:
        keys = line(Span("y", Tone.KEY), f" {self._yes}    ", Span("n", Tone.KEY), " go back")
        return [*wrap(self._question, cells)[:3], (), keys]
