"""Lines that Rich wrapped into its column of messages, as genai-bench logs them, made whole.

A message of more than a line's width stands below its time and level, indented, and a traceback
in it as boxes of source with each exception's words, wrapped too, between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_LEVELS = "DEBUG|INFO|WARNING|ERROR|CRITICAL"
_PLACE = r"(?:\s+[\w.]+\.py:\d+)?\s*$"
_HEAD = re.compile(
    rf"^(?:\[\d\d/\d\d/\d\d \d\d:\d\d:\d\d\]|\s{{15,25}}) ({_LEVELS})\s+(.*?){_PLACE}"
)
_MORE = re.compile(rf"^\s{{25,40}}(\S.*?){_PLACE}")
_BOX = re.compile(r"^[╭│╰]")


def joined(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """The numbered lines, each wrapped message as one line with the number of its first.

    Its level stays in front of a message; lines of boxes and all other lines pass as they are.
    """
    held: tuple[int, str] | None = None
    inside = False
    for number, line in lines:
        head, more = _HEAD.match(line), _MORE.match(line) if inside else None
        if more and held and not _BOX.match(more[1]):
            held = (held[0], f"{held[1]} {more[1]}")
            continue
        if held:
            yield held
        held = None
        if head:
            inside, held = True, (number, f"{head[1]} {head[2]}")
        elif more and not _BOX.match(more[1]):
            held = (number, more[1])
        else:
            inside = inside and (more is not None or not line.strip())
            yield number, line
    if held:
        yield held
