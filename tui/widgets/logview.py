"""A log on the screen: only lines in view are ever read; follows until you go up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from core.logs import Errors, LogFile, Pattern, Scan
from tui.keys.everywhere import MOVES
from tui.line import Line, Span, Tone
from tui.views.log import LogState
from tui.widgets.base import TONES, Toned
from tui.widgets.log_items import Items, log_line
from tui.widgets.log_paint import GUTTER, Layout, Row, paint
from tui.widgets.log_reading import Reading
from tui.widgets.log_thread import in_thread

_POLL = 0.25  # seconds between two looks at the file: at most so often is it painted anew
_SOON = 0.03  # after which the tail is shown while a large file is still indexed
_SIDEWAYS = 16
_WHEEL = 3
_COLOURLESS = "mono"  # the theme of those who want no colour at all
_ACTIONS = {
    "up": "move(-1)", "down": "move(1)", "pageup": "page(-1)", "pagedown": "page(1)",
    "first": "first", "last": "follow", "left": "sideways(-1)", "right": "sideways(1)",
}  # fmt: skip


class LogView(Toned, Widget, can_focus=True):
    """One log file, or the lines of it that a filter finds.

    Looks at the file only between `wake` and `rest`.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = TONES
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(",".join(MOVES[to]), action, show=False) for to, action in _ACTIONS.items()
    ]

    @dataclass
    class Changed(Message):
        """`state` is another one: the head line is out of date."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._reading = Reading()
        self._path: Path | None = None
        self._waiting: Line = ()
        self._rows: list[Row] = []
        self._told = LogState()
        self._awake = asyncio.Event()

    # what is shown

    @property
    def state(self) -> LogState:
        return self._reading.state

    @property
    def pattern(self) -> Pattern | None:
        """The filter that is set, whether or not it found anything yet."""
        wanted = self._reading.wanted
        return wanted.pattern if wanted else None

    def show(self, path: Path | None, waiting: Line, pattern: Pattern | None = None) -> None:
        """Show this file from its end; `waiting` is said while there is none."""
        if waiting != self._waiting:
            self._waiting = waiting
            self.refresh()
        if path == self._path:
            return
        self._path = path
        items = Items(LogFile(path), pattern) if path else None
        self._reading.begin(items)
        self._draw(everything=True)
        if items:
            self._watch_file(items)
        else:
            self.workers.cancel_node(self)

    def filter(self, pattern: Pattern | None) -> None:
        """List only the lines that match; None: all lines. The cursor stays on its line."""
        shown = self._reading.items
        if shown is None or pattern == self.pattern:
            return
        items = Items(shown.log, pattern)
        # All lines are known as soon as the file was once looked through.
        items.complete = pattern is None and shown.complete
        self._reading.want(items)
        self._publish()
        self._watch_file(items)

    def go_to(self, line: int) -> None:
        """The cursor to a line, from 0, or to the last one until it is written."""
        self._do(lambda: self._reading.go_to(line))

    def match(self, steps: int) -> None:
        """To the next line that is listed, round the end."""
        self._do(lambda: self._reading.match(steps))

    def lists(self, line: int) -> bool:
        """Whether the filter lets this line, from 0, be seen; it may still be at work."""
        pattern, items = self.pattern, self._reading.wanted
        if pattern is None or items is None:
            return True
        return any(pattern.places(text, line) for text in items.log.lines(line, line + 1))

    def turn_wrap(self) -> None:
        """Break long lines, or cut them."""
        layout = self._reading.layout
        self._lay_out(lambda: replace(layout, wrap=not layout.wrap, left=0))

    def turn_time(self) -> None:
        """With the time as it was written, or without."""
        layout = self._reading.layout
        self._lay_out(lambda: replace(layout, time=not layout.time))

    async def first_error(self) -> int | None:
        """The number of the first line that says an error, from 0."""
        items = self._reading.items
        if items is None:
            return None
        scan = Scan(items.log, Errors())
        await in_thread(lambda stop: scan.advance(stop, most=1))
        return scan.found.line(0) if scan.found.count else None

    # selecting and copying

    def mark(self) -> None:
        """Begin a selection at the cursor, or end it there."""
        self._do(self._reading.mark)

    def unmark(self) -> bool:
        """Take the selection away; whether there was one."""
        marked = self._reading.unmark()
        self._draw()
        return marked

    def chosen(self) -> range:
        """The places of the selection, or of the line under the cursor."""
        return self._reading.chosen()

    def last(self, lines: int) -> range:
        """The places of the last lines that are listed."""
        return self._reading.last(lines)

    async def texts(self, places: range) -> list[str]:
        """These lines, plain."""
        items = self._reading.items
        if items is None:
            return []
        return await in_thread(lambda stop: items.texts(places.start, places.stop))

    # watching the file

    @property
    def watching(self) -> bool:
        """Whether it looks for new lines."""
        return self._awake.is_set()

    def wake(self) -> None:
        self._awake.set()

    def rest(self) -> None:
        self._awake.clear()

    def _watch_file(self, items: Items) -> None:
        """Ends what was looked for before."""
        self.run_worker(
            self._watching(items), name="reading the log", group="file", exclusive=True,
            exit_on_error=False,
        )  # fmt: skip

    async def _watching(self, items: Items) -> None:
        while True:
            await self._awake.wait()
            looking = asyncio.ensure_future(in_thread(items.grow))
            try:
                while not (await asyncio.wait({looking}, timeout=_SOON))[0]:
                    await self._meanwhile(items)
                await looking
            finally:
                looking.cancel()
            items.complete = True
            self._publish()
            await asyncio.sleep(_POLL)

    async def _meanwhile(self, items: Items) -> None:
        """A large file takes a moment: its end is shown at once, and what was found so far."""
        reading = self._reading
        if items.pattern is None and not items.complete and not reading.tail:
            raw = await in_thread(lambda stop: items.log.tail(reading.window.height))
            reading.tail = [log_line(number, line) for number, line in enumerate(raw)]
            self._draw()
        else:
            self._publish()
            await asyncio.sleep(_POLL - _SOON)

    def _publish(self) -> None:
        before = self._reading.items
        self._reading.publish()
        self._draw(everything=self._reading.items is not before)

    # keys and mouse

    def action_move(self, steps: int) -> None:
        self._walk(lambda: self._reading.window.move(steps), back=steps < 0)

    def action_page(self, pages: int) -> None:
        self._walk(lambda: self._reading.window.page(pages), back=pages < 0)

    def action_first(self) -> None:
        self._walk(lambda: self._reading.window.go(0), back=True)

    def action_follow(self) -> None:
        self._do(self._reading.follow)

    def action_sideways(self, steps: int) -> None:
        layout = self._reading.layout
        widest = max((cell_len(row.line.text) for row in self._rows if row.line), default=0)
        most = max(0, widest - layout.cells)
        left = max(0, min(layout.left + steps * _SIDEWAYS, most))
        if not layout.wrap and left != layout.left:
            self._lay_out(lambda: replace(layout, left=left))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._walk(lambda: self._reading.window.scroll(-_WHEEL), back=True)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._walk(lambda: self._reading.window.scroll(_WHEEL), back=False)

    def on_click(self, event: events.Click) -> None:
        window = self._reading.window
        spots = list(window.spots())
        if event.y < len(spots):
            place = spots[event.y][0]
            self._walk(lambda: window.go(place), back=place < window.last)

    def on_resize(self) -> None:
        self._reading.resize(self.size.width - GUTTER - 1, self.size.height)
        self._draw(everything=True)

    def _walk(self, move: Callable[[], None], *, back: bool) -> None:
        self._do(lambda: self._reading.walk(move, back=back))

    def _do(self, change: Callable[[], None]) -> None:
        change()
        self._draw()

    def _lay_out(self, make: Callable[[], Layout]) -> None:
        self._reading.lay_out(make())
        self._draw(everything=True)

    # drawing

    def _draw(self, *, everything: bool = False) -> None:
        """Paint the rows that are not what they were."""
        before, self._rows = self._rows, self._reading.rows()
        if everything or not before or not self._rows:
            self.refresh()
        else:
            for y in range(max(len(before), len(self._rows))):
                if before[y : y + 1] != self._rows[y : y + 1]:
                    self.refresh(Region(0, y, self.size.width, 1))
        state = self.state
        if state != self._told:
            self._told = state
            self.post_message(self.Changed())

    def render_line(self, y: int) -> Strip:
        if not self._rows:
            return self.draw((Span("  "), *self._nothing()) if y == 0 else ())
        row = self._rows[y] if y < len(self._rows) else Row()
        reading = self._reading
        pattern = reading.items.pattern if reading.items else None
        layout = replace(reading.layout, colours=self.app.theme != _COLOURLESS)
        strip = paint(row, layout, pattern, self.tone, self.cursor_style())
        return strip.adjust_cell_length(self.size.width)

    def _nothing(self) -> Line:
        """What is said instead of lines."""
        wanted = self._reading.wanted
        if wanted is None or not wanted.log.exists:
            return self._waiting
        if not wanted.complete:
            return (Span("reading …", Tone.DIM),)
        said = "The log is empty so far." if wanted.pattern is None else "No line has this."
        return (Span(said, Tone.DIM),)
