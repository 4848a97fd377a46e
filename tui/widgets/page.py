"""Lines to read and scroll: help, the report on an experiment."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.line import Line
from tui.widgets.base import TONES, Build, Toned


class Page(Toned, ScrollView, can_focus=True):
    """Made anew when shown and when the width changes; keeps its place."""

    COMPONENT_CLASSES: ClassVar[set[str]] = TONES
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "scroll_up", show=False),
        Binding("j", "scroll_down", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G", "scroll_end", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._build: Build = lambda cells: ()
        self._lines: tuple[Line, ...] = ()

    def show(self, build: Build) -> None:
        self._build = build
        self._remake()

    def on_resize(self) -> None:
        self._remake()

    def _remake(self) -> None:
        # The scrollbar lies over the last column.
        width = self.size.width - self.styles.scrollbar_size_vertical
        lines = tuple(self._build(width)) if width > 0 else ()
        if lines != self._lines:
            self._lines = lines
            self.virtual_size = Size(self.size.width, len(lines))
            self.refresh()

    def render_line(self, y: int) -> Strip:
        index = y + self.scroll_offset.y
        return self.draw(self._lines[index] if index < len(self._lines) else ())
