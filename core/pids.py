"""Processes, named for ever by their pid with the time they began."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_STATE, _STARTED = 0, 19  # places after the program's name: fields 3 and 22 of proc(5)'s stat
_ENDED = frozenset({"Z", "X", "x"})


def started(pid: int) -> float | None:
    """When a process began, in seconds since the machine booted; None when there is none.

    Not in seconds since the epoch: setting the clock would move those, and the process would
    not be found again.
    """
    fields = _stat(pid)
    return None if fields is None else int(fields[_STARTED]) / _TICKS


def lives(pid: int, since: float) -> bool:
    """Whether the process `pid` that began at `since` (see `started`) is still at work.

    One that has ended and was not waited for is not.
    """
    fields = _stat(pid)
    if fields is None or fields[_STATE] in _ENDED:
        return False
    return int(fields[_STARTED]) / _TICKS == since


def _stat(pid: int) -> list[str] | None:
    if pid <= 0:
        return None
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name stands in brackets and may hold anything, brackets and blanks too.
    return text.rpartition(")")[2].split()
