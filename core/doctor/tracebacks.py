"""Which exception ended a program, where its log has tracebacks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.doctor.log_lines import Line

_HEADER = re.compile(r"Traceback \(most recent call last\):")
_EXCEPTION = re.compile(r"^(?P<name>[A-Za-z_][\w.]*)(?::(?: .*)?)?$")
_CHAIN = re.compile(
    r"^(?:The above exception was the direct cause|During handling of the above exception)"
)
# Somebody ended it, or it is what Python says at every exit.
_HARMLESS = re.compile(
    r"^(?:[\w.]*\.)?(?:KeyboardInterrupt|SystemExit|CancelledError|GeneratorExit|BrokenPipeError"
    r"|StopIteration|StopAsyncIteration)\b"
)
# What stands above a traceback of something that the program went on without.
_APART = re.compile(
    r"Exception ignored (?:in|on)|Exception in ASGI application|Exception in callback"
    r"|exception was never retrieved|(?i:warning)|--- Logging error ---"
)


def exceptions(lines: Sequence[Line]) -> list[Line]:
    """The last line of every traceback that may have ended the program, in order."""
    found: list[Line] = []
    for at, line in enumerate(lines):
        if not _HEADER.search(line.text) or _stands_apart(lines, at):
            continue
        if (end := _end(lines, at)) and not _HARMLESS.match(end.said):
            found.append(end)
    return found


def _stands_apart(lines: Sequence[Line], at: int) -> bool:
    own = _HEADER.split(lines[at].text)[0]
    above = [line.text for line in lines[max(0, at - 1) : at]]
    return any(_APART.search(text) for text in (own, *above))


def _end(lines: Sequence[Line], at: int) -> Line | None:
    """The first line below the header that is not indented and reads like an exception."""
    for line in lines[at + 1 : at + 400]:
        said = line.said
        if said[:1].isspace() or not said:
            continue
        if _EXCEPTION.match(said):
            return line
        if _CHAIN.match(said) or _HEADER.search(said):
            return None
    return None
