"""Room kept for a bad day: a file that is given up when the disk is full, so that what the
runner has to say then can still be written down.
"""

from __future__ import annotations

import os
from pathlib import Path

NAME = ".reserve"
SIZE = 1 << 20
"""Bytes: some dozens of writes of the journal."""

_ROOM = 8 << 20
# Bytes that have to be free before any are kept: a reserve must not fill the disk itself.


def free(folder: Path) -> int:
    """Bytes that this user may still write; the reserve is not among them."""
    stats = os.statvfs(folder)
    return stats.f_bavail * stats.f_frsize


def hold(folder: Path) -> None:
    """Keep it, unless it is there or there is little room. Only the runner does."""
    path = folder / NAME
    try:
        if path.exists() or free(folder) < _ROOM:
            return
        # Not zeros, which a file system that compresses would keep in no room at all.
        path.write_bytes(os.urandom(SIZE))
    except OSError:
        path.unlink(missing_ok=True)  # part of a reserve would pass for a whole one


def release(folder: Path) -> bool:
    """Give it up; False when there is none."""
    try:
        (folder / NAME).unlink()
    except OSError:
        return False
    return True
