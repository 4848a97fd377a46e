"""The runner's lock: who holds it is the runner, and alive."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from types import TracebackType

from core.store.views import RunnerView
from core.values import AutotunerError

# Readers test the lock by taking it for an instant, so a starting runner tries for a while.
_PATIENCE = 1.0


class RunnerLock:
    """`flock` on runner.lock; the kernel lets go of it however the holder dies."""

    def __init__(self, path: Path, version: str) -> None:
        self._path = path
        self._version = version
        self._file: int | None = None

    def __enter__(self) -> RunnerLock:
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + _PATIENCE
        while not _try_lock(self._file, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                os.close(self._file)
                raise AutotunerError("another runner holds this home's lock; it stays in charge")
            time.sleep(0.02)
        note = {"pid": os.getpid(), "since": time.time(), "version": self._version}
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, json.dumps(note).encode(), 0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            os.ftruncate(self._file, 0)  # left on purpose: no note says that it died
            os.close(self._file)


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
