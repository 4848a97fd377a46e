"""The keys of a screen as help shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui.line import Line, Span, Tone, labelled, line, pad, width

_GAP = 2
_NARROW = 34  # cells a column needs to say anything


@dataclass(frozen=True, slots=True)
class Group:
    """Keys that belong together: (keys, what they do)."""

    title: str
    keys: tuple[tuple[str, str], ...]


def help_lines(groups: Sequence[Group], cells: int) -> list[Line]:
    """All groups, in two columns of about the same height where there is room for two."""
    size = (cells - _GAP) // 2
    if size < _NARROW:
        return _one_column(_blocks(groups, cells))
    blocks = _blocks(groups, size)
    least = (sum(len(block) for block in blocks) + 1) // 2
    for height in range(least, 10_000):
        left, right = _split(blocks, height)
        if len(right) <= height:
            return _beside(left, right, size)
    raise AssertionError("one of the heights holds everything")


def _blocks(groups: Sequence[Group], cells: int) -> list[list[Line]]:
    """What is not to be torn apart: a title with its first key, each other key."""
    found: list[list[Line]] = []
    for group in groups:
        size = min(10, max((width(line(keys)) for keys, _ in group.keys), default=0)) + 2
        title: list[Line] = [(), (Span(group.title, Tone.STRONG),)]
        for keys, text in group.keys:
            label = Span(f"{keys:<{size}}", Tone.KEY)
            found.append([*title, *labelled(label, text, cells)])
            title = []
    return found


def _one_column(blocks: Sequence[list[Line]]) -> list[Line]:
    return [text for block in blocks for text in block][1:]


def _split(blocks: Sequence[list[Line]], height: int) -> tuple[list[Line], list[Line]]:
    """As many blocks as `height` lines hold, and the rest; no column begins with a blank."""
    left: list[Line] = []
    for index, block in enumerate(blocks):
        lines = block if left else _begun(block)
        if len(left) + len(lines) > height:
            rest = [text for later in blocks[index:] for text in later]
            return left, _begun(rest)
        left += lines
    return left, []


def _begun(lines: list[Line]) -> list[Line]:
    return lines[1:] if lines and not lines[0] else lines


def _beside(left: list[Line], right: list[Line], size: int) -> list[Line]:
    rows = []
    for index in range(max(len(left), len(right))):
        first = left[index] if index < len(left) else ()
        second = right[index] if index < len(right) else ()
        rows.append((*pad(first, size + _GAP), *second))
    return rows
