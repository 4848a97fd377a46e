"""A table of any length, of which only the rows in view and some around them are held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.message import Message

from tui.line import Line
from tui.views.layout import Grid, Plan, plan, widths
from tui.widgets.table import MARGIN, Table

_LEAST = 30  # rows to read at each side of those in view


class WindowTable(Table):
    """Says with `Wanted` which rows it needs and shows what `hold` brings.

    What was shown stays until then: a step to a row that is not held is done when it comes.
    """

    @dataclass
    class Wanted(Message):
        """Rows beyond those held are needed: see `window`."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._total = 0
        self._key: str | None = None  # of the row under the cursor, held or not
        self._ahead: int | None = None  # where the cursor goes once its row is held
        self._floors: tuple[int, ...] = ()

    @property
    def total(self) -> int:
        return self._total

    @property
    def cursor(self) -> str | None:
        return self.key_at(self._index) or self._key

    def window(self, cursor: int | None = None) -> tuple[int, int]:
        """Which rows to read: the first one's place, and how many. `cursor` is where the row
        under the cursor is by now; what is in view moves with it.
        """
        room = max(self.room, _LEAST)
        top = self.scroll_offset.y
        if self._ahead is not None:
            top = self._ahead - self.room // 2
        elif cursor is not None:
            top += cursor - self._index
        return max(0, top - room), self.room + 2 * room

    def hold(
        self, grid: Grid, first: int, total: int, cursor: int | None = None,
        empty: Sequence[Line] = (), *, key: str | None = None, fresh: bool = False,
    ) -> None:  # fmt: skip
        """Show these rows, the first of which is at `first` of `total`; other columns begin
        with widths of their own. `cursor` is as in `window`; `key` is the row it is to be on,
        None: where it is. `fresh`: these are other rows than before, so it is to be seen.
        """
        before, top = self._index, self.scroll_offset.y
        key = self.cursor if key is None else key
        if grid.columns != self._grid.columns:
            self._floors = ()
        self._floors = widths(grid, self._floors)
        self._grid, self._first, self._total, self._empty = grid, first, total, empty
        keys = [row.key for row in grid.rows]
        if key in keys:
            self._index = first + keys.index(key)
        elif cursor is not None:
            self._index = cursor
        self._index = max(0, min(self._index, total - 1))
        self._key = self.cursor if total else None
        self._remake()
        self._follow(before, top, fresh=fresh)
        if self._ahead is not None and self.key_at(min(self._ahead, total - 1)) is not None:
            ahead, self._ahead = self._ahead, None
            self._move_to(ahead)
        self._want()

    def forget(self) -> None:
        """Rows of something else come next: the cursor begins at the first of them."""
        self._grid, self._first, self._total = Grid(), 0, 0
        self._index, self._ahead, self._floors, self._key = 0, None, (), None
        self._remake()
        self.scroll_to(y=0, animate=False)

    def put(self, place: int) -> None:
        """The cursor to the row at this place, when it is held or as soon as it is."""
        self._move_to(place)

    def on_resize(self) -> None:
        super().on_resize()
        self._want()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._want()

    def action_move(self, steps: int) -> None:
        self._move_to((self._index if self._ahead is None else self._ahead) + steps)

    def action_page(self, pages: int) -> None:
        self.action_move(pages * self.room)

    def _move_to(self, index: int) -> None:
        index = max(0, min(index, self.total - 1))
        if not self.total or self.key_at(index) is not None:
            self._ahead = None
            super()._move_to(index)
            self._key = self.cursor
            return
        self._ahead = index
        self.post_message(self.Wanted())

    def _follow(self, before: int, top: int, *, fresh: bool) -> None:
        """The row under the cursor stays on its line; at the very top new rows are seen."""
        moved = self._index - before
        newer_above = top == 0 and moved > 0 and self._index < self.room
        if moved and not newer_above:
            self.scroll_to(y=top + moved, animate=False)
        if fresh or (moved and top <= before < top + self.room):
            self._reveal()

    def _want(self) -> None:
        """Ask for rows when those in view, or soon in view, are not held."""
        top, held = self.scroll_offset.y, len(self._grid.rows)
        near = self.room // 2
        first, last = max(0, top - near), min(self._total, top + self.room + near)
        if first < self._first or last > self._first + held:
            self.post_message(self.Wanted())

    def _plan(self) -> Plan:
        return plan(self._grid, self.size.width - MARGIN, self._floors)
