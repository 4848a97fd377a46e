"""The runner's lock: who holds it is the runner, and alive."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from core import pids
from core.store import faults, reserve
from core.store.views import RunnerView
from core.values import AutotunerError

# Readers test the lock by taking it for an instant, and others tidy up under it for a while.
_PATIENCE = 15.0


class RunnerLock:
    """`flock` on runner.lock; the kernel lets go of it however the holder dies."""

    def __init__(self, path: Path, version: str) -> None:
        self._path = path
        self._version = version
        self._file: int | None = None

    def __enter__(self) -> RunnerLock:
        self._file = _taken(self._path)
        try:
            self._sign(self._file)
        except BaseException:
            os.close(self._file)
            raise
        return self

    def _sign(self, file: int) -> None:
        """Say who holds it; on a full disk with the room of the reserve."""
        note = {"pid": os.getpid(), "since": time.time(), "version": self._version}
        text = json.dumps(note).encode()
        os.ftruncate(file, 0)
        with _plainly(self._path):
            try:
                os.pwrite(file, text, 0)
            except OSError:
                if not reserve.release(self._path.parent):
                    raise
                os.pwrite(file, text, 0)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            os.ftruncate(self._file, 0)  # left on purpose: no note says that it died
            os.close(self._file)


@contextlib.contextmanager
def borrowed(path: Path) -> Iterator[None]:
    """The lock for a while, by who is no runner: what the last one said of itself stays."""
    file = _taken(path)
    try:
        yield
    finally:
        os.close(file)


def runner_status(path: Path) -> RunnerView:
    """Whether a runner lives, told by the lock and never by a pid.

    One that is not alive and has a pid has died; one that left on purpose has none.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return RunnerView(alive=False)
    try:
        alive = not _try_lock(file, fcntl.LOCK_SH)
        return _view(alive, os.pread(file, 4096, 0))
    finally:
        os.close(file)


@contextlib.contextmanager
def _plainly(path: Path) -> Iterator[None]:
    """The system's errors as those a person can act on."""
    try:
        yield
    except OSError as error:
        raise (
            faults.of_system(error, path.parent)
            or AutotunerError(f"{path}: the runner's lock cannot be taken ({error.strerror})")
        ) from error


def _taken(path: Path) -> int:
    """The locked file. AutotunerError at once where a runner holds it: it may be about to leave,
    and who waited for that would go on with what was meant to end.
    """
    with _plainly(path):
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + _PATIENCE
    while not _try_lock(file, fcntl.LOCK_EX):
        if time.monotonic() > deadline or _lives(_view(True, os.pread(file, 4096, 0)).pid):
            os.close(file)
            raise AutotunerError("another runner holds this home's lock; it stays in charge")
        time.sleep(0.02)
    return file


def _lives(pid: int | None) -> bool:
    """Only beside a lock that is held does a pid tell anything: without it, it may be anybody's."""
    began = None if pid is None else pids.started(pid)
    return pid is not None and began is not None and pids.lives(pid, began)


def _try_lock(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _view(alive: bool, text: bytes) -> RunnerView:
    try:
        note = json.loads(text)
        return RunnerView(alive, int(note["pid"]), float(note["since"]), str(note["version"]))
    except (ValueError, KeyError, TypeError):
        return RunnerView(alive)  # left on purpose, or has the lock and no note written yet
