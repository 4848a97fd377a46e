"""Log files as a person reads them: any line at once, while they grow, nothing harmful in them."""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

BLOCK = 64 * 1024
LINE_LIMIT = 4000
"""Characters of a line that are shown; the rest is cut."""

_RAW_LIMIT = 4 * LINE_LIMIT  # a character has at most four bytes
_CUT = "…"

_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor moves
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c|$)"  # OSC: titles, links, clipboard
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c\n]*(?:\x1b\\|\x9c|$)"  # DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-~]"  # two-character sequences
)
_INVISIBLE = re.compile(rb"\s+|\x1b\[[0-?]*[ -/]*[@-~]")


def sanitize(line: bytes) -> str:
    """One line as printable text, at most LINE_LIMIT characters.

    Escape sequences go, a progress bar shows its last state, tabs become blanks, invalid
    UTF-8 becomes U+FFFD, and control, bidirectional and other invisible characters go:
    a log can neither move the cursor nor turn the text round.
    """
    text = _last_state(line).decode("utf-8", "replace")
    if not text.isprintable():
        text = _ESCAPES.sub("", text).expandtabs(8)
        text = "".join(c if c.isprintable() else " " * c.isspace() for c in text)
    return text if len(text) <= LINE_LIMIT else text[: LINE_LIMIT - 1] + _CUT


def _last_state(raw: bytes) -> bytes:
    """What a terminal would show after the carriage returns of a line."""
    if b"\r" not in raw:
        return raw
    for state in reversed(raw.split(b"\r")):
        if _INVISIBLE.sub(b"", state):
            return state
    return b""


class LogFile:
    """A growing text file with random access to its lines.

    Holds one number for each 64 KiB: the newlines before that block. Methods do short file
    reads and never raise for a file that is missing, cut short or replaced; such a file
    starts anew. `poll` may take a second for gigabytes: call it in a thread.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._generation = -1
        self._reset()

    @property
    def exists(self) -> bool:
        """Whether the last `poll` found the file."""
        return self._inode is not None

    @property
    def count(self) -> int:
        """Lines known so far; a last line without its newline counts."""
        return self._newlines + (0 if self._ends_line else 1)

    @property
    def generation(self) -> int:
        """Grows when the file was replaced or cut short: earlier lines are no longer true."""
        return self._generation

    def poll(self) -> bool:
        """Look for growth; whether anything changed."""
        try:
            with self.path.open("rb") as file:
                return self._look(file)
        except OSError:
            gone = self.exists
            if gone:
                self._reset()
            return gone

    def lines(self, first: int, last: int) -> list[str]:
        """The sanitized lines `first` (from 0) up to and without `last`; fewer at the end."""
        wanted = min(last, self.count) - first
        if wanted <= 0:
            return []
        before, size = self._before, self._size  # `poll` may replace them meanwhile
        block = bisect_right(before, first) - 1
        # The line may begin in an earlier block that ends with the same number of newlines.
        while block > 0 and before[block] == first:
            block -= 1
        try:
            with self.path.open("rb") as file:
                file.seek(block * BLOCK)
                raw = _raw_lines(file, size - block * BLOCK, first - before[block])
                return [sanitize(line) for line, _ in zip(raw, range(wanted), strict=False)]
        except OSError:
            return []

    def _reset(self) -> None:
        self._inode: tuple[int, int] | None = None
        self._size = 0
        self._before = [0]
        self._newlines = 0
        self._ends_line = True
        self._generation += 1

    def _look(self, file: BinaryIO) -> bool:
        status = os.fstat(file.fileno())
        found, size = (status.st_dev, status.st_ino), status.st_size
        replaced = self.exists and (found != self._inode or size < self._size)
        if replaced:
            self._reset()
        appeared, self._inode = not self.exists, found
        grown = size > self._size
        if grown:
            self._index(file, size)
        return replaced or appeared or grown

    def _index(self, file: BinaryIO, size: int) -> None:
        file.seek(self._size)
        while self._size < size:
            # Up to the next block boundary, so that `_before` has one entry for each block.
            data = file.read(min(BLOCK - self._size % BLOCK, size - self._size))
            if not data:
                return
            self._size += len(data)
            self._newlines += data.count(b"\n")
            self._ends_line = data.endswith(b"\n")
            if self._size % BLOCK == 0:
                self._before.append(self._newlines)


def _raw_lines(file: BinaryIO, size: int, skip: int) -> Iterator[bytes]:
    """Lines after the first `skip` ones, from where the file stands, at most `size` bytes on."""
    line = b""
    while size > 0 and (data := file.read(min(BLOCK, size))):
        size -= len(data)
        *ended, rest = data.split(b"\n")
        for piece in ended:
            if skip:
                skip -= 1
            else:
                yield _joined(line, piece)
            line = b""
        line = b"" if skip else _joined(line, rest)
    if line and not skip:
        yield line


def _joined(line: bytes, piece: bytes) -> bytes:
    """A line grown by a piece, without what a carriage return or the limit hides."""
    line += piece
    if b"\r" in line[:-1]:
        state = _last_state(line)
        # A return at the very end is kept: what follows it overwrites this state.
        line = state + b"\r" if line.endswith(b"\r") else state
    return line if len(line) <= _RAW_LIMIT else line[:_RAW_LIMIT]
