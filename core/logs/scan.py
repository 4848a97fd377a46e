"""Looking through a whole log, and through what comes to it."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field

from core.logs.blocks import joined
from core.logs.chunk import plain
from core.logs.file import LogFile, Stop, never
from core.logs.pattern import Pattern
from core.logs.text import sanitize

_CHUNK = 64 * 1024  # larger ones cost more: their memory comes from the kernel each time


@dataclass(frozen=True, slots=True)
class Found:
    """The matching lines up to some moment, in order. `unfinished` is the number of the last
    line when it matches before its newline has come. `complete`: the file was looked through.
    """

    numbers: array[int] = field(default_factory=lambda: array("I"))  # only ever appended to
    whole: int = 0
    unfinished: int | None = None
    complete: bool = False

    @property
    def count(self) -> int:
        return self.whole + (self.unfinished is not None)

    def line(self, place: int) -> int:
        """The number of the line at a place, both from 0."""
        if place == self.whole and self.unfinished is not None:
            return self.unfinished
        return self.numbers[place]

    def place(self, line: int) -> int:
        """Of the first match at this line or after it; `count` when there is none."""
        place = bisect_left(self.numbers, line, 0, self.whole)
        late = self.unfinished is not None and place == self.whole and line > self.unfinished
        return place + late


class Scan:
    """One pattern in one file. `advance` takes half a second for 200 MB: call it in a thread."""

    def __init__(self, log: LogFile, pattern: Pattern) -> None:
        self.log = log
        self.pattern = pattern
        self.found = Found()
        self._generation = -1

    def advance(self, stop: Stop = never, most: int | None = None) -> None:
        """Look at what the log's last `poll` found; end early after `most` matches."""
        if self._generation != self.log.generation:
            self._generation = self.log.generation
            self._at = self._line = 0
            self._carry = b""
            self.found = Found()
        size = self.log.size
        try:
            with self.log.path.open("rb", buffering=0) as file:
                file.seek(self._at)
                while self._at < size and not stop():
                    data = file.read(min(_CHUNK, size - self._at))
                    if not data:
                        break
                    self._at += len(data)
                    self._take(data)
                    if most is not None and self.found.whole >= most:
                        return
        except OSError:
            return
        self._end(complete=self._at >= size)

    def _take(self, data: bytes) -> None:
        """Search the lines that end in this piece of the file."""
        ended, newline, rest = data.rpartition(b"\n")
        if not newline:
            self._carry = joined(self._carry, rest)
            return
        text = plain(self._carry + ended)
        numbers = self.found.numbers
        numbers.extend(self.pattern.places(text, self._line))
        self._line += text.count("\n") + 1
        self._carry = joined(b"", rest)
        self.found = Found(numbers, len(numbers))

    def _end(self, *, complete: bool) -> None:
        last = self._carry and self.pattern.places(sanitize(self._carry), self._line)
        unfinished = self._line if last else None
        self.found = Found(self.found.numbers, self.found.whole, unfinished, complete)
