"""Whether the state folder can still be written, and which errors say that it cannot."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator

from core.paths import Home
from core.store import faults, reserve
from core.store.faults import Damaged, Unwritable
from core.values import Failure, FailureKind

_LEAST = 4 << 20
"""Bytes: with less, neither the journal nor a measurement's files are safe."""

_FULL = {errno.ENOSPC, errno.EDQUOT}


def short(home: Home) -> Failure | None:
    """Why nothing should be begun now; None when there is room, of which some is then kept."""
    try:
        stats = os.statvfs(home.root)
    except OSError as error:
        return faults.read_only(home.root, str(error.strerror)).failure
    if stats.f_flag & os.ST_RDONLY:
        return faults.read_only(home.root, "it is mounted read-only").failure
    if stats.f_bavail * stats.f_frsize < _LEAST or (stats.f_files and not stats.f_favail):
        return faults.full(home.root).failure
    reserve.hold(home.root)
    return None


def of_error(error: BaseException, home: Home) -> Failure | None:
    """The full disk or read-only folder behind an error; None when it is something else."""
    for one in _behind(error, set()):
        if isinstance(one, Unwritable):
            return one.failure
        if isinstance(one, sqlite3.Error):
            found = faults.told(one, home.database)
            if isinstance(found, Unwritable):
                return found.failure
        if isinstance(one, OSError) and (failure := _of_system(one, home)):
            return failure
    return None


def plainly(error: BaseException, home: Home) -> str | None:
    """One line about the journal or disk that is behind an error; None when neither is."""
    damage = next((one for one in _behind(error, set()) if isinstance(one, Damaged)), None)
    if damage is not None:
        return str(damage)
    short = of_error(error, home)
    return None if short is None else f"{short.message}; {short.advice}"


def _of_system(error: OSError, home: Home) -> Failure | None:
    """A full disk need not be the home's own."""
    if error.errno == errno.EROFS:
        return short(home)
    if error.errno not in _FULL:
        return None
    elsewhere = Failure(
        FailureKind.DISK,
        f"the disk of {error.filename or 'a file'} is full: {error.strerror}",
        "make room there",
    )
    return short(home) or elsewhere


def _behind(error: BaseException, seen: set[int]) -> Iterator[BaseException]:
    """An error, what caused it, what it was raised after, and what a group of them holds."""
    if id(error) in seen:
        return
    seen.add(id(error))
    yield error
    members = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for one in (*members, error.__cause__, error.__context__):
        if one is not None:
            yield from _behind(one, seen)
