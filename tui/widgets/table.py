"""A table to walk through: the cursor stays on its row whatever happens around it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.keys.everywhere import MOVES
from tui.line import Line, Span, Tone
from tui.views.layout import Grid, Plan, plan
from tui.widgets.base import TONES, Toned

MARGIN = 3  # the cursor, the mark, and one blank at the right edge
_FAR = 1_000_000_000
_ACTIONS = {
    "up": "move(-1)",
    "down": "move(1)",
    "pageup": "page(-1)",
    "pagedown": "page(1)",
    "first": f"move(-{_FAR})",
    "last": f"move({_FAR})",
}


class Table(Toned, ScrollView, can_focus=True):
    """Draws the visible rows of a Grid; columns are chosen for the width at hand."""

    COMPONENT_CLASSES: ClassVar[set[str]] = TONES
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(",".join(MOVES[move]), act, show=False) for move, act in _ACTIONS.items()),
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
        self._first = 0  # the place of the grid's first row in the whole table
        self._header: tuple[Line, ...] = ()
        self._lines: list[Line] = []
        self._seen: dict[int, Line] = {}  # what was laid out last, by place
        self._empty: Sequence[Line] = ()
        self._marked: Collection[str] = ()
        self._index = 0

    @property
    def total(self) -> int:
        """Rows, those that are not held here included."""
        return len(self._grid.rows)

    @property
    def cursor(self) -> str | None:
        """The key of the row under the cursor."""
        return self.key_at(self._index)

    @property
    def lines(self) -> list[str]:
        """The rows as plain text."""
        return ["".join(span.text for span in text).rstrip() for text in self._lines]

    @property
    def room(self) -> int:
        """Rows that are seen at once."""
        return max(1, self.size.height - self._grid.head)

    def key_at(self, index: int) -> str | None:
        rows, place = self._grid.rows, index - self._first
        return rows[place].key if 0 <= place < len(rows) else None

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

    def mark(self, keys: Collection[str]) -> None:
        """Show these rows as marked, and no others."""
        changed = set(keys) ^ set(self._marked)
        self._marked = frozenset(keys)
        for place, row in enumerate(self._grid.rows):
            if row.key in changed:
                self._refresh_row(self._first + place)

    def go_to(self, key: str) -> None:
        """Put the cursor on this row, when it is there."""
        keys = [row.key for row in self._grid.rows]
        if key in keys:
            self._move_to(self._first + keys.index(key))

    def on_resize(self) -> None:
        self._remake()
        self._reveal()

    def on_focus(self) -> None:
        self._refresh_row(self._index)

    def on_blur(self) -> None:
        self._refresh_row(self._index)

    def on_click(self, event: events.Click) -> None:
        index = event.y - self._grid.head + self.scroll_offset.y
        if event.y >= self._grid.head and 0 <= index < self.total:
            if index == self._index:
                self.action_choose()
            self._move_to(index)

    def action_move(self, steps: int) -> None:
        self._move_to(self._index + steps)

    def action_page(self, pages: int) -> None:
        self._move_to(self._index + pages * self.room)

    def action_choose(self) -> None:
        if (key := self.cursor) is not None:
            self.post_message(self.Chosen(key))

    def render_line(self, y: int) -> Strip:
        if not self.total:
            text = self._empty[y] if y < len(self._empty) else ()
            return self.draw((Span("  "), *text))
        if y < len(self._header):
            return self.draw((Span("  "), *self._header[y]))
        index = y - len(self._header) + self.scroll_offset.y
        place = index - self._first
        if not 0 <= place < len(self._lines):
            return self.draw((Span("  …", Tone.DIM),) if index < self.total else ())
        mark = Span("•", Tone.KEY) if self.key_at(index) in self._marked else Span(" ")
        if index != self._index:
            return self.draw((Span(" "), mark, *self._lines[place]))
        return self.draw((Span("▸", Tone.STRONG), mark, *self._lines[place]), self.cursor_style())

    def _move_to(self, index: int) -> None:
        index = max(0, min(index, self.total - 1))
        if index == self._index or not self.total:
            return
        before, self._index = self._index, index
        self._refresh_row(before)
        self._refresh_row(index)
        self._reveal()
        if (key := self.cursor) is not None:
            self.post_message(self.Moved(key))

    def _reveal(self) -> None:
        top = self.scroll_offset.y
        if self._index < top:
            self.scroll_to(y=self._index, animate=False)
        elif self._index >= top + self.room:
            self.scroll_to(y=self._index - self.room + 1, animate=False)

    def _plan(self) -> Plan:
        return plan(self._grid, self.size.width - MARGIN)

    def _remake(self) -> None:
        """Lay out again; only lines that differ are drawn again."""
        if not self.size.width:
            return
        chosen = self._plan()
        header = chosen.header()[: self._grid.head]
        self._lines = [chosen.row(row) for row in self._grid.rows]
        before, self._seen = self._seen, dict(enumerate(self._lines, self._first))
        same = header == self._header and bool(before) and bool(self._seen)
        self._header = header
        self.virtual_size = Size(self.size.width, self.total + self._grid.head)
        if not same:
            self.refresh()
            return
        top = self.scroll_offset.y
        for index in range(top, top + self.room):
            if before.get(index) != self._seen.get(index):
                self._refresh_row(index)

    def _refresh_row(self, index: int) -> None:
        """Draw one row again, if it is seen."""
        if 0 <= index - self.scroll_offset.y < self.room:
            self.refresh_line(index + self._grid.head)
