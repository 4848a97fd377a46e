"""Which lines of a log are listed: all of them, or those that a filter finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from core.logs import (
    Found,
    LogFile,
    Pattern,
    Piece,
    Scan,
    Sign,
    Stop,
    pieces,
    sanitize,
    sign,
    time_span,
)

_PAGE = 32
_KEPT = 1024


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line as it is drawn. `number` counts from 0, `time` is where its time stands."""

    number: int
    text: str
    pieces: tuple[Piece, ...] = ()
    sign: Sign = Sign.NONE
    time: tuple[int, int] | None = None


def log_line(number: int, raw: bytes) -> LogLine:
    parts = pieces(raw)
    text = "".join(part.text for part in parts)
    return LogLine(number, text, parts, sign(text), time_span(text))


class Items:
    """`grow` looks at the file, in a thread; `take` adopts what it found, so that nothing
    changes while the screen is drawn. Places count from 0 among the lines that are listed.
    """

    def __init__(self, log: LogFile, pattern: Pattern | None = None) -> None:
        self.log = log
        self.pattern = pattern
        self.complete = False
        self._scan = Scan(log, pattern) if pattern else None
        self._found = Found()
        self._count = 0
        self._lines = self._size = 0
        self._generation = log.generation
        self._kept: dict[int, LogLine] = {}

    @property
    def count(self) -> int:
        return self._count

    def grow(self, stop: Stop) -> None:
        """Index what the file grew by, and filter it."""
        self.log.poll(stop)
        if self._scan:
            self._scan.advance(stop)

    def take(self) -> bool:
        """Adopt what is known by now; whether the file was replaced since the last time."""
        fresh, lines, size = self._generation != self.log.generation, self.log.count, self.log.size
        if fresh:
            self._generation = self.log.generation
            self._kept.clear()
        elif size != self._size:  # the last line may have been unfinished, and may be still
            self._kept.pop(self._lines - 1, None)
            self._kept.pop(lines - 1, None)
        self._lines, self._size = lines, size
        self._found = self._scan.found if self._scan else self._found
        self._count = self._found.count if self._scan else lines
        return fresh

    def line(self, place: int) -> int:
        """The number of the line at a place."""
        return self._found.line(place) if self._scan else place

    def place(self, line: int) -> int:
        """Of this line, or of the first one listed after it; at most `count`."""
        return self._found.place(line) if self._scan else min(line, self._count)

    def get(self, place: int) -> LogLine:
        """The line at a place, read with those around it; empty when it is no longer there."""
        number = self.line(place)
        if number not in self._kept:
            self._read(place - place % _PAGE)
        return self._kept.get(number) or LogLine(number, "")

    def texts(self, first: int, last: int) -> list[str]:
        """The plain lines from one place up to and without another. Reads the file: for
        thousands of lines, in a thread."""
        numbers = [self.line(place) for place in range(max(0, first), min(last, self._count))]
        return [sanitize(raw) for _, raw in self._raw(numbers)]

    def _read(self, first: int) -> None:
        if len(self._kept) > _KEPT:
            self._kept.clear()
        numbers = [self.line(place) for place in range(first, min(first + _PAGE, self._count))]
        self._kept.update((number, log_line(number, raw)) for number, raw in self._raw(numbers))

    def _raw(self, numbers: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        for first, last in _runs(numbers):
            yield from enumerate(self.log.raw(first, last), first)


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Rising numbers as ranges without gaps."""
    if not numbers:
        return
    first = numbers[0]
    for one, following in pairwise(numbers):
        if following != one + 1:
            yield first, one + 1
            first = following
    yield first, numbers[-1] + 1
