"""A log file with any line at once, while it grows."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from core.logs.blocks import BLOCK, raw_lines
from core.logs.text import sanitize

_HEAD = 64
_TAIL = 4 * BLOCK

Stop = Callable[[], bool]
"""Asked between blocks: true ends a long reading early; it goes on with the next call."""


def never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class _Known:
    """How much of the file is indexed. `before` has the newlines before each block and is
    shared with later states, which only append to it.
    """

    before: list[int]
    size: int = 0
    newlines: int = 0
    ends_line: bool = True


class LogFile:
    """A growing text file with random access to its lines.

    Holds one number for each 64 KiB. Methods do file reads and never raise for a file that
    is missing, cut short or replaced; such a file starts anew. `poll` takes a tenth of a
    second for 200 MB: call it in a thread, while others read lines.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        self._generation = -1
        self._reset()

    @property
    def exists(self) -> bool:
        """Whether the last `poll` found the file."""
        return self._inode is not None

    @property
    def count(self) -> int:
        """Lines known so far; a last line without its newline counts."""
        known = self._known
        return known.newlines + (not known.ends_line)

    @property
    def size(self) -> int:
        """Bytes known so far."""
        return self._known.size

    @property
    def generation(self) -> int:
        """Grows when the file was replaced or cut short: earlier lines are no longer true."""
        return self._generation

    def poll(self, stop: Stop = never) -> bool:
        """Look for growth; whether anything changed."""
        with self._lock:
            try:
                with self.path.open("rb", buffering=0) as file:
                    return self._look(file, stop)
            except OSError:
                gone = self.exists
                if gone:
                    self._reset()
                return gone

    def raw(self, first: int, last: int) -> list[bytes]:
        """The lines `first` (from 0) up to and without `last`, fewer at the end, with at most
        as many bytes of each as `pieces` and `sanitize` look at.
        """
        known = self._known  # `poll` may go on meanwhile
        wanted = min(last, known.newlines + (not known.ends_line)) - first
        if wanted <= 0:
            return []
        try:
            with self.path.open("rb", buffering=0) as file:
                return list(islice(raw_lines(file, known.before, known.size, first), wanted))
        except OSError:
            return []

    def lines(self, first: int, last: int) -> list[str]:
        """The sanitized lines `first` (from 0) up to and without `last`; fewer at the end."""
        return [sanitize(line) for line in self.raw(first, last)]

    def tail(self, count: int) -> list[bytes]:
        """The last lines before anything is indexed; at most 256 KiB are read."""
        try:
            with self.path.open("rb", buffering=0) as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(max(0, size - _TAIL))
                data = file.read(_TAIL)
        except OSError:
            return []
        lines = data.removesuffix(b"\n").split(b"\n")
        return (lines[1:] if size > _TAIL and len(lines) > 1 else lines)[-count:]

    def _reset(self) -> None:
        self._inode: tuple[int, int] | None = None
        self._head = b""
        self._known = _Known([0])
        self._generation += 1

    def _look(self, file: BinaryIO, stop: Stop) -> bool:
        status = os.fstat(file.fileno())
        found, size = (status.st_dev, status.st_ino), status.st_size
        head = file.read(_HEAD)
        replaced = self.exists and (
            found != self._inode
            or size < self._known.size
            or head[: len(self._head)] != self._head  # cut short and grown again since
        )
        if replaced:
            self._reset()
        appeared, self._inode, self._head = not self.exists, found, head
        grown = size > self._known.size
        if grown:
            self._index(file, size, stop)
        return replaced or appeared or grown

    def _index(self, file: BinaryIO, size: int, stop: Stop) -> None:
        known = self._known
        file.seek(known.size)
        while known.size < size and not stop():
            # Up to the next block boundary, so that `before` has one entry for each block.
            data = file.read(min(BLOCK - known.size % BLOCK, size - known.size))
            if not data:
                return
            newlines = known.newlines + data.count(b"\n")
            if (known.size + len(data)) % BLOCK == 0:
                known.before.append(newlines)
            known = _Known(known.before, known.size + len(data), newlines, data.endswith(b"\n"))
            self._known = known
