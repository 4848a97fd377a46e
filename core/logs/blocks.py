"""Raw lines out of a file that may hold lines of many megabytes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from core.logs.text import RAW_LIMIT, last_state

BLOCK = 64 * 1024


def raw_lines(file: BinaryIO, before: Sequence[int], size: int, first: int) -> Iterator[bytes]:
    """The lines from number `first` (from 0) on, for `sanitize` and `pieces`.

    `before` has the newlines before each block, `size` is where the file ends. Of a line
    that is longer than a few blocks, only the beginning and the end are read.
    """
    block = _beginning(before, first)
    number, at, line = before[block], block * BLOCK, b""
    file.seek(at)
    while at < size and (data := file.read(min(BLOCK, size - at))):
        at += len(data)
        *ended, rest = data.split(b"\n")
        for piece in ended:
            if number >= first:
                yield joined(line, piece)
            number, line = number + 1, b""
        line = joined(line, rest) if number >= first else b""
        # A progress bar's last state may begin in the block before the last one.
        end = (bisect_right(before, number) - 2) * BLOCK
        if len(line) > RAW_LIMIT and end > at:
            at = end
            file.seek(at)
    if line:
        yield line


def _beginning(before: Sequence[int], number: int) -> int:
    """The block in which a line begins."""
    block = bisect_right(before, number) - 1
    # It may begin in an earlier block that ends with the same number of newlines.
    while block > 0 and before[block] == number:
        block -= 1
    return block


def joined(line: bytes, piece: bytes) -> bytes:
    """A line grown by a piece, without what a carriage return or the limit hides."""
    line += piece
    # A return at the very end is kept: what follows it overwrites what it ends.
    mark = b"\r" if line.endswith(b"\r") else b""
    if b"\r" in line[:-1]:
        line = last_state(line) + mark
    return line if len(line) <= RAW_LIMIT + 1 else line[: RAW_LIMIT + 1] + mark
