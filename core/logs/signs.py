"""What kind of line a log line is, and where its time stands."""

from __future__ import annotations

import re
from enum import Enum

_LEVEL = re.compile(r"\b(DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL)\b")
_LEVEL_REACH = 100
_ERROR = re.compile(
    r"\bTraceback \(most recent|(?<![\w.])(?:[a-z_]\w*\.)*[A-Z]\w*Error\b(?=:|\(|$)"
)


class Sign(Enum):
    """What a line says: something failed, something is odd, or neither."""

    NONE = 0
    WARNING = 1
    ERROR = 2


_SIGNS = {"DEBUG": Sign.NONE, "INFO": Sign.NONE, "WARN": Sign.WARNING, "WARNING": Sign.WARNING}


def sign(text: str) -> Sign:
    """By the level the line names at its beginning; without one, by what Python prints."""
    level = _LEVEL.search(text, 0, _LEVEL_REACH)
    if level:
        return _SIGNS.get(level[1], Sign.ERROR)
    return Sign.ERROR if _ERROR.search(text) else Sign.NONE


_CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
_TIME = re.compile(
    r"(?:\([^)]{1,80}\) )?(?:\x5b?(?:DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL)\x5d? +|[DIWEF])?"
    r"(?P<box>\[)?"
    r"(?P<time>(?:(?:\d{4}[-/])?\d\d[-/]\d\d[ T]|\d{4} )?" + _CLOCK + r"(?:Z|[+-]\d\d:?\d\d)?"
    r"(?(box)(?:\](?: |$)| (?=[^\]]*\]))(?: - )?|(?: - | |$)))"
)


def time_span(text: str) -> tuple[int, int] | None:
    """Where the time stands before the message, in characters, with the blank or the brackets
    that go with it; None when the line does not begin with one.
    """
    found = _TIME.match(text)
    if found is None:
        return None
    start, end = found.span("time")
    boxed = found["box"] is not None and "]" in found["time"]
    return (start - 1 if boxed else start), end
