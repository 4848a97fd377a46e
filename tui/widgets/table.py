"""A table to walk through: the cursor stays on its row whatever happens around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.line import Line, Span, Tone
from tui.views.layout import Grid, plan
from tui.widgets.base import TONES, Toned

_MARGIN = 3  # the cursor's mark, one blank, and one blank at the right edge


class Table(Toned, ScrollView, can_focus=True):
    """Draws the visible rows of a Grid; columns are chosen for the width at hand."""

    COMPONENT_CLASSES: ClassVar[set[str]] = TONES
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "move(-1000000)", show=False),
        Binding("end,G", "move(1000000)", show=False),
        Binding("enter", "choose", show=False),
    ]

    @dataclass
    class Chosen(Message):
        """Enter or a click on the row under the cursor."""

        key: str

    @dataclass
    class Moved(Message):
        """The cursor went to another row."""

        key: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._grid = Grid()
        self._header: tuple[Line, ...] = ()
        self._lines: list[Line] = []
        self._empty: Sequence[Line] = ()
        self._index = 0

    @property
    def cursor(self) -> str | None:
        """The key of the row under the cursor."""
        rows = self._grid.rows
        return rows[self._index].key if rows else None

    @property
    def lines(self) -> list[str]:
        """The rows as plain text."""
        return ["".join(span.text for span in text).rstrip() for text in self._lines]

    def show(self, grid: Grid, empty: Sequence[Line] = ()) -> None:
        """Show these rows, or `empty` when there are none."""
        if grid == self._grid and empty == self._empty:
            return
        key, before = self.cursor, self._index
        self._grid, self._empty = grid, empty
        keys = [row.key for row in grid.rows]
        last = max(0, len(keys) - 1)
        self._index = keys.index(key) if key in keys else min(before, last)
        self._remake()
        if self._index != before:
            # Rows came above: the row stays where the eye is.
            self.scroll_to(y=self.scroll_offset.y + self._index - before, animate=False)

    def go_to(self, key: str) -> None:
        """Put the cursor on this row, when it is there."""
        keys = [row.key for row in self._grid.rows]
        if key in keys:
            self._move_to(keys.index(key))

    def on_resize(self) -> None:
        self._remake()
        self._reveal()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        index = event.y - self._grid.head + self.scroll_offset.y
        if event.y >= self._grid.head and 0 <= index < len(self._grid.rows):
            if index == self._index:
                self.action_choose()
            self._move_to(index)

    def action_move(self, steps: int) -> None:
        self._move_to(self._index + steps)

    def action_page(self, pages: int) -> None:
        self._move_to(self._index + pages * max(1, self.size.height - self._grid.head))

    def action_choose(self) -> None:
        if (key := self.cursor) is not None:
            self.post_message(self.Chosen(key))

    def render_line(self, y: int) -> Strip:
        if not self._grid.rows:
            text = self._empty[y] if y < len(self._empty) else ()
            return self.draw((Span("  "), *text))
        if y < len(self._header):
            return self.draw((Span("  "), *self._header[y]))
        index = y - len(self._header) + self.scroll_offset.y
        if index >= len(self._lines):
            return self.draw(())
        if index != self._index:
            return self.draw((Span("  "), *self._lines[index]))
        marked = (Span("▸ ", Tone.STRONG), *self._lines[index])
        return self.draw(marked, self.cursor_style())

    def _move_to(self, index: int) -> None:
        index = max(0, min(index, len(self._grid.rows) - 1))
        if index == self._index or not self._grid.rows:
            return
        self._index = index
        self._reveal()
        self.refresh()
        self.post_message(self.Moved(self._grid.rows[index].key))

    def _reveal(self) -> None:
        room = self.size.height - self._grid.head
        top = self.scroll_offset.y
        if self._index < top:
            self.scroll_to(y=self._index, animate=False)
        elif room > 0 and self._index >= top + room:
            self.scroll_to(y=self._index - room + 1, animate=False)

    def _remake(self) -> None:
        """Lay out again; only lines that differ are drawn again."""
        if not self.size.width:
            return
        chosen = plan(self._grid, self.size.width - _MARGIN)
        header = chosen.header()[: self._grid.head]
        lines = [chosen.row(row) for row in self._grid.rows]
        before, self._lines = self._lines, lines
        same = header == self._header and len(before) == len(lines) and bool(lines)
        self._header = header
        self.virtual_size = Size(self.size.width, len(lines) + self._grid.head)
        if not same:
            self.refresh()
            return
        for index, (old, new) in enumerate(zip(before, lines, strict=True)):
            if old != new:
                self.refresh_line(index + len(header))
