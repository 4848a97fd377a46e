"""How a log is being read: where, whether it follows, what is selected. No screen in here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from tui.views.log import LogState
from tui.widgets.log_items import Items, LogLine
from tui.widgets.log_paint import Layout, Row, rows
from tui.widgets.log_window import Window


class Reading:
    """`items` is what is listed, `wanted` what was asked for and may still be searched.

    The lines to stay at, and those selected, are kept by their numbers in the file: places
    among the listed lines change with a filter.
    """

    def __init__(self) -> None:
        self.layout = Layout()
        self.window = Window(lambda place: rows(self._line(place), self.layout))
        self.begin(None)

    def begin(self, items: Items | None) -> None:
        """Another file, from its end."""
        self.items = self.wanted = items
        self.tail: Sequence[LogLine] = ()
        self.following = True
        self.window.count = self._seen = 0
        self._stay: tuple[int, bool] | None = None  # a line, and whether to centre it
        self._marks: tuple[int, int | None] | None = None
        self.layout = replace(self.layout, left=0)

    # what comes

    def want(self, items: Items) -> None:
        """List these, as soon as something of them is known."""
        self.wanted = items

    def publish(self) -> None:
        """Show what is known of `wanted` by now."""
        wanted = self.wanted
        if wanted is None:
            return
        fresh = wanted.take()
        if not wanted.complete and (wanted.pattern is None or not wanted.count):
            return
        if wanted is not self.items:
            self._seen = wanted.count  # other lines than before: none of them came just now
            if not self.following and self._stay is None and self.window.count:
                self._stay = self.cursor_line, False
        self.items, self.tail = wanted, ()
        if fresh:
            self.following, self._stay, self._marks = True, None, None
        self._settle(wanted)

    def _settle(self, items: Items) -> None:
        window = self.window
        before, window.count = window.count, items.count
        if self.following:
            window.end()
        elif self._stay is not None:
            line, centre = self._stay
            window.go(items.place(line), centre=centre)
            # Before it is complete, or written, the line may still be further down.
            if items.complete and (line <= items.line(window.cursor) or not centre):
                self._stay = None
        else:
            window.fit()
        if self.following or not items.complete or window.count < before or not before:
            self._seen = window.count

    # where

    @property
    def cursor_line(self) -> int:
        """The number of the line under the cursor, from 0."""
        items = self.items
        return items.line(self.window.cursor) if items and self.window.count else 0

    def walk(self, move: Callable[[], None], *, back: bool) -> None:
        """Going up stops following, reaching the end takes it up again."""
        window = self.window
        before = window.top, window.cursor
        move()
        self._stay = None
        if back and (window.top, window.cursor) != before:
            self.stop()
        elif not back and window.at_end:
            self.follow()

    def follow(self) -> None:
        self.following, self._stay = True, None
        self.window.end()
        self._seen = self.window.count

    def stop(self) -> None:
        if self.following:
            self.following = False
            self._seen = self.window.count

    def go_to(self, line: int) -> None:
        """The cursor to a line, from 0, or to the last one until it is written."""
        self.stop()
        self._stay = line, True
        if self.items and self.items.complete:
            self._settle(self.items)

    def match(self, steps: int) -> None:
        """To the next line that is listed, round the end."""
        if self.window.count:
            self.stop()
            self._stay = None
            self.window.go((self.window.cursor + steps) % self.window.count)

    def resize(self, cells: int, height: int) -> None:
        self.window.height = max(1, height)
        self.lay_out(replace(self.layout, cells=max(1, cells)))

    def lay_out(self, layout: Layout) -> None:
        self.layout = layout
        if self.following:
            self.window.end()
        else:
            self.window.fit()

    # what is selected

    def mark(self) -> None:
        """Begin a selection at the cursor, or end it there."""
        if not self.window.count:
            return
        self.stop()
        if self._marks is None or self._marks[1] is not None:
            self._marks = self.cursor_line, None
        else:
            self._marks = self._marks[0], self.cursor_line

    def unmark(self) -> bool:
        """Take the selection away; whether there was one."""
        marked, self._marks = self._marks is not None, None
        return marked

    def selection(self) -> range:
        """The places of the selected lines."""
        if self._marks is None or self.items is None:
            return range(0)
        first, last = sorted((self._marks[0], self._end()))
        return range(self.items.place(first), min(self.items.place(last + 1), self.window.count))

    def chosen(self) -> range:
        """The places to copy: the selection, or the line under the cursor."""
        cursor = self.window.cursor
        return self.selection() or range(cursor, min(cursor + 1, self.window.count))

    def last(self, lines: int) -> range:
        """The places of the last lines that are listed."""
        return range(max(0, self.window.count - lines), self.window.count)

    def _end(self) -> int:
        return self._marks[1] if self._marks and self._marks[1] is not None else self.cursor_line

    # what is seen

    @property
    def state(self) -> LogState:
        items, window = self.items, self.window
        current = items is self.wanted  # else what is listed is not yet what was asked for
        return LogState(
            following=self.following,
            unseen=0 if self.following else max(0, window.count - self._seen),
            place=window.cursor + 1 if current and window.count else 0,
            count=window.count if current else 0,
            complete=self.wanted is not None and self.wanted.complete,
            selected=len(self.selection()),
            wrap=self.layout.wrap,
            time=self.layout.time,
            left=self.layout.left,
        )

    def rows(self) -> list[Row]:
        """What is in view, from the top."""
        if self.tail:
            return [Row(line) for line in self.tail[-self.window.height :]]
        window, selected = self.window, self.selection()
        thumb = window.thumb()
        return [
            self._row(place, row, selected, thumb=y in thumb)
            for y, (place, row) in enumerate(window.spots())
        ]

    def _row(self, place: int, row: int, selected: range, *, thumb: bool) -> Row:
        cursor, chosen = place == self.window.cursor, place in selected
        mark = ("▸" if cursor else "▪" if chosen else " ") if row == 0 else " "
        return Row(self._line(place), row, mark, cursor or chosen, thumb)

    def _line(self, place: int) -> LogLine:
        return self.items.get(place) if self.items else LogLine(0, "")
