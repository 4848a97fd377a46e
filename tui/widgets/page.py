"""Lines to read and scroll: help, the report on an experiment."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.keys.everywhere import MOVES
from tui.widgets.base import TONES, Built

_ACTIONS = {
    "up": "scroll_up",
    "down": "scroll_down",
    "pageup": "page_up",
    "pagedown": "page_down",
    "first": "scroll_home",
    "last": "scroll_end",
}


class Page(Built, ScrollView, can_focus=True):
    """Keeps its place when it is made anew."""

    COMPONENT_CLASSES: ClassVar[set[str]] = TONES
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(",".join(MOVES[move]), act, show=False) for move, act in _ACTIONS.items()
    ]

    @property
    def cells(self) -> int:
        # The scrollbar lies over the last column.
        return self.size.width - self.styles.scrollbar_size_vertical

    def _resized(self, lines: int) -> None:
        self.virtual_size = Size(self.size.width, lines)

    def _redraw(self, y: int, first: int, end: int) -> None:
        self.refresh_line(y)

    def render_line(self, y: int) -> Strip:
        index = y + self.scroll_offset.y
        return self.draw(self._lines[index] if index < len(self._lines) else ())
