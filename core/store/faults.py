"""What SQLite's errors mean to a person: a full disk, a folder that is read-only, damage."""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.values import AutotunerError, Failure, FailureKind

_FULL = {errno.ENOSPC, errno.EDQUOT}
_CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM}
_PROBE = bytes(64 << 10)

_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
# Which of them it is, the file system knows: SQLite says the same for several reasons.
_UNWRITTEN = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}


class Unwritable(AutotunerError):
    """The journal cannot be written; `failure` says why, and what a person can do."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.message}; {failure.advice}")
        self.failure = failure


class DiskFull(Unwritable):
    """No room for another write."""


class Damaged(AutotunerError):
    """The journal's file is broken. The next runner keeps it aside and goes on."""


def told(error: sqlite3.Error, path: Path) -> AutotunerError | None:
    """The error a person can act on; None for one that is not the journal's file's fault."""
    code = _code(error)
    if code == sqlite3.SQLITE_FULL:
        return full(path.parent)
    if locked(error):
        return AutotunerError(f"{path}: another program keeps the journal locked")
    if code in _DAMAGE or "Could not decode to UTF-8" in str(error):
        return damaged(path, str(error))
    if code in _UNWRITTEN:
        return refused(path.parent) or _unusable(path, error)
    return None


def locked(error: sqlite3.Error) -> bool:
    """Whether another program holds the file."""
    return _code(error) in _LOCKED


@contextmanager
def plainly(path: Path) -> Iterator[None]:
    """SQLite's errors inside leave as those of `told`."""
    try:
        yield
    except sqlite3.Error as error:
        plain = told(error, path)
        if plain is None:
            raise
        raise plain from error


def damaged(path: Path, why: str) -> Damaged:
    return Damaged(
        f"{path}: the journal is damaged ({why}); the next runner keeps the file aside, beside "
        "it, and goes on with what can be read: `autotuner-tui` starts one"
    )


def full(folder: Path) -> DiskFull:
    try:
        stats = os.statvfs(folder)
        free = f"{stats.f_bavail * stats.f_frsize / 1e6:.1f} MB left"
    except OSError as error:
        free = str(error.strerror)
    return DiskFull(
        Failure(
            FailureKind.DISK,
            f"the disk of {folder} is full: {free}",
            f"make room there (tasks' logs are in {folder / 'tasks'})",
        )
    )


def read_only(folder: Path, why: str) -> Unwritable:
    return Unwritable(
        Failure(
            FailureKind.PERMISSION,
            f"{folder}: the state folder is not writable ({why})",
            "make it writable or set AUTOTUNER_HOME to another folder",
        )
    )


def refused(folder: Path) -> Unwritable | None:
    """Why nothing can be written into a folder; None when it can."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(_PROBE)
            file.flush()
    except OSError as error:
        return of_system(error, folder)
    return None


def of_system(error: OSError, folder: Path) -> Unwritable | None:
    """What the system's refusal means for the state folder; None: something else."""
    if error.errno in _FULL:
        return full(folder)
    if error.errno in _CLOSED:
        return read_only(folder, str(error.strerror))
    return None


def _code(error: sqlite3.Error) -> int | None:
    """Without what is particular to it."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _unusable(path: Path, error: sqlite3.Error) -> AutotunerError:
    return AutotunerError(
        f"{path}: the journal cannot be used ({error}); "
        "move it aside or set AUTOTUNER_HOME to another folder"
    )
