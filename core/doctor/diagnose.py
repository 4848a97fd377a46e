"""From a log to a cause: the first signature that a line proves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.engines.base import Signature
from core.values import Failure, one_line

_TAIL = 4 << 20


def diagnose(log: Path, signatures: Sequence[Signature]) -> Failure | None:
    """What this log proves, with the line as evidence; None when nothing is recognised.

    Earlier signatures win over later ones: they are the causes, the others consequences.
    """
    first, lines = _lines(log)
    for signature in signatures:
        start = _below(signature, lines)
        for number, line in enumerate(lines[start:], first + start):
            if match := signature.pattern.search(line):
                named = {name: text or "?" for name, text in match.groupdict().items()}
                return Failure(
                    signature.kind,
                    signature.message.format(**named),
                    signature.advice.format(**named),
                    log.name,
                    number,
                    one_line(line, 500),
                )
    return None


def _below(signature: Signature, lines: Sequence[str]) -> int:
    """The index of the first line that counts for this signature."""
    if signature.after is None:
        return 0
    found = (index for index, line in enumerate(lines, 1) if signature.after.search(line))
    return next(found, len(lines))


def last_line(log: Path) -> tuple[int, str] | None:
    """Number and text of the last line that says something."""
    first, lines = _lines(log)
    said = [(number, line) for number, line in enumerate(lines, first) if line.strip()]
    return (said[-1][0], one_line(said[-1][1], 500)) if said else None


def _lines(log: Path) -> tuple[int, list[str]]:
    """The number of the first line read, and the lines; of a huge log, its tail."""
    try:
        data = log.read_bytes()
    except OSError:
        return 1, []
    start = max(0, len(data) - _TAIL)
    return data.count(b"\n", 0, start) + 1, data[start:].decode("utf-8", "replace").split("\n")
