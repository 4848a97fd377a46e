"""A log on the screen: only the visible lines are ever read; follows until you scroll up."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.cells import cell_len
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from core.logs import LogFile
from tui.line import Line, Span, Tone, line
from tui.widgets.base import TONES, Toned, to_strip

_BAD = re.compile(r"\b(ERROR|CRITICAL|FATAL|Traceback|[A-Z]\w*Error)\b")
_WARN = re.compile(r"\bWARN(ING)?\b")


class LogView(Toned, ScrollView, can_focus=True):
    """One log file. `unseen` counts the lines that came since following stopped."""

    COMPONENT_CLASSES: ClassVar[set[str]] = TONES
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "scroll_up", show=False),
        Binding("j", "scroll_down", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("f,G,end", "follow", show=False),
    ]

    @dataclass
    class Changed(Message):
        """Following began or stopped, or lines came: the head line is out of date."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.following = True
        self._log: LogFile | None = None
        self._waiting: Line = ()
        self._cache: dict[int, str] = {}
        self._generation = 0
        self._seen = 0
        self._finished = 0
        self._polling = False

    @property
    def unseen(self) -> int:
        return 0 if self.following or self._log is None else max(0, self._log.count - self._seen)

    def show(self, path: Path | None, waiting: Line) -> None:
        """Show this file from its end; `waiting` is said while there is none."""
        self._waiting = waiting
        if path == (self._log.path if self._log else None):
            return
        self._log = LogFile(path) if path else None
        self._cache.clear()
        self._generation = self._seen = 0
        self.following = True
        self.virtual_size = Size(0, 0)
        self.scroll_to(0, 0, animate=False)
        self.refresh()

    async def poll(self) -> None:
        """Look for new lines."""
        log = self._log
        if log is None or self._polling:
            return
        self._polling = True
        try:
            changed = await asyncio.to_thread(log.poll)  # the first look may be at gigabytes
        finally:
            self._polling = False
        if changed and log is self._log:
            self._grown(log)

    def action_follow(self) -> None:
        self._set_following(True)
        self._to_end()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Scrolling up stops following, reaching the end takes it up again."""
        super().watch_scroll_y(old_value, new_value)
        if new_value >= self.max_scroll_y:
            self._set_following(True)
        elif new_value < old_value:
            self._set_following(False)

    def on_resize(self) -> None:
        if self.following:
            self._to_end()

    def render_line(self, y: int) -> Strip:
        log = self._log
        if log is None or log.count == 0:
            return self.draw((Span(" "), *self._waiting) if y == 0 else ())
        index = y + self.scroll_offset.y
        if index >= log.count:
            return self.draw(())
        text = self._text(log, index)
        left = self.scroll_offset.x
        strip = to_strip(line(Span(text, _tone(text))), max(cell_len(text), 1), self.tone)
        return strip.crop_extend(left, left + self.size.width, self.tone(Tone.PLAIN))

    def _text(self, log: LogFile, index: int) -> str:
        if index not in self._cache:
            top = self.scroll_offset.y
            first = min(top, index)
            lines = log.lines(first, max(top + self.size.height, index + 1))
            if len(self._cache) > 2000:
                self._cache.clear()
            self._cache.update(zip(range(first, first + len(lines)), lines, strict=True))
            widest = max((cell_len(text) for text in lines), default=0)
            if widest > self.virtual_size.width:
                self.call_after_refresh(self._widen, widest)
        return self._cache.get(index, "")

    def _widen(self, cells: int) -> None:
        if self._log:
            self.virtual_size = Size(cells, self._log.count)

    def _grown(self, log: LogFile) -> None:
        if log.generation != self._generation:
            self._cache.clear()
            self._generation, self._seen = log.generation, min(self._seen, log.count)
        # The last line may have been an unfinished one.
        self._cache = {i: text for i, text in self._cache.items() if i < self._finished}
        self._finished = log.count - 1
        self.virtual_size = Size(self.virtual_size.width, log.count)
        if self.following:
            self._seen = log.count
            self._to_end()
        self.refresh()
        self.post_message(self.Changed())

    def _to_end(self) -> None:
        # Forced: the scrollbar that allows scrolling comes with the next layout only.
        self.scroll_to(y=self.max_scroll_y, animate=False, force=True)

    def _set_following(self, following: bool) -> None:
        if following == self.following:
            return
        self.following = following
        self._seen = self._log.count if self._log else 0
        self.post_message(self.Changed())


def _tone(text: str) -> Tone:
    if _BAD.search(text):
        return Tone.BAD
    return Tone.WARN if _WARN.search(text) else Tone.PLAIN
