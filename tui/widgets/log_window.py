"""The part of a list that is in view, when a line of it may take several rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

Spot = tuple[int, int]
"""A line's place and one of its rows, both from 0."""


class Window:
    """`rows` tells how many rows the line at a place takes; it is asked only about lines in
    view and those that come into view, never about the whole list.
    """

    def __init__(self, rows: Callable[[int], int]) -> None:
        self._rows = rows
        self.height = 1
        self.count = 0
        self.top: Spot = (0, 0)
        self.cursor = 0

    @property
    def last(self) -> int:
        """The place of the last line; 0 when there is none."""
        return max(0, self.count - 1)

    @property
    def at_end(self) -> bool:
        return self.cursor >= self.last

    def spots(self) -> Iterator[Spot]:
        """What is in view, from the top, at most `height` rows."""
        place, row = self.top
        left = self.height
        while left > 0 and place < self.count:
            rows = self._rows(place)
            for one in range(row, min(rows, row + left)):
                yield place, one
            left -= max(0, rows - row)
            place, row = place + 1, 0

    def fit(self) -> None:
        """Sizes changed: the cursor stays in view, and no room is left under the last line."""
        self.cursor = max(0, min(self.cursor, self.last))
        self._reveal()

    def go(self, place: int, *, centre: bool = False) -> None:
        """The cursor to a place; `centre` also shows what stands around it."""
        self.cursor = max(0, min(place, self.last))
        if centre and self.count:
            self.top = self._back((self.cursor, 0), self.height // 3)
        self._reveal()

    def end(self) -> None:
        self.cursor = self.last
        self.top = self._lowest()

    def move(self, steps: int) -> None:
        """The cursor by lines; inside a line taller than the window, by rows."""
        if not self.count:
            return
        first, low = self._range()
        if steps == 1 and low > first and self.top < low:
            self.top = self._forward(self.top, 1)
        elif steps == -1 and low > first and self.top > first:
            self.top = self._back(self.top, 1)
        else:
            self.go(self.cursor + steps)

    def page(self, pages: int) -> None:
        """By what is in view, less one row that shows where one was."""
        self.scroll(pages * max(1, self.height - 1))

    def scroll(self, rows: int) -> None:
        """The view by rows; the cursor stays in it. Where nothing is left to scroll, it goes to
        the first or last line."""
        if not self.count:
            return
        before = self.top
        move = self._forward if rows > 0 else self._back
        self.top = min(move(self.top, abs(rows)), self._lowest())
        if self.top == before:
            self.cursor = self.last if rows > 0 else 0
            return
        paged = abs(rows) >= self.height - 1
        cursor = self.cursor + (self.top[0] - before[0] if paged else 0)
        places = [place for place, _ in self.spots()]
        self.cursor = max(places[0], min(cursor, places[-1]))

    def thumb(self) -> range:
        """Which rows of a scroll bar are marked; none when all is in view."""
        lowest = self._lowest()
        if lowest == (0, 0):
            return range(0)
        size = max(1, self.height * self.height // max(1, self.count))
        size = min(size, max(1, self.height - 1))
        room = self.height - size
        at = room if self.top >= lowest else min(room - 1, room * self.top[0] // (lowest[0] or 1))
        return range(max(0, at), max(0, at) + size)

    def _reveal(self) -> None:
        if not self.count:
            self.top = (0, 0)
            return
        ends = sorted(self._range())
        self.top = min(max(ends[0], min(self.top, ends[1])), self._lowest())

    def _range(self) -> tuple[Spot, Spot]:
        """The top that shows the cursor's line from its first row, and the one that shows it
        to its last row."""
        last = (self.cursor, self._rows(self.cursor) - 1)
        return (self.cursor, 0), self._back(last, self.height - 1)

    def _lowest(self) -> Spot:
        """The top that shows the last row of all at the bottom."""
        if not self.count:
            return (0, 0)
        return self._back((self.last, self._rows(self.last) - 1), self.height - 1)

    def _back(self, spot: Spot, rows: int) -> Spot:
        place, row = spot
        while rows > row:
            if place == 0:
                return (0, 0)
            rows -= row + 1
            place -= 1
            row = self._rows(place) - 1
        return (place, row - rows)

    def _forward(self, spot: Spot, rows: int) -> Spot:
        place, row = spot
        while place < self.last and rows >= self._rows(place) - row:
            rows -= self._rows(place) - row
            place, row = place + 1, 0
        return (place, min(row + rows, self._rows(place) - 1))
