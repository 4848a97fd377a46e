"""Seeing a process end: a child of ours, or one that an earlier program started."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Protocol

from core import pids

_POLL = 0.2


class Watch(Protocol):
    """What is known of a process's end."""

    @property
    def code(self) -> int | None:
        """None while it lives; negative for the signal that ended it."""
        ...

    async def wait(self) -> int:
        """Its code, when it has ended."""
        ...


class Child:
    """A process that this program started."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def code(self) -> int | None:
        return self._process.returncode

    async def wait(self) -> int:
        return await self._process.wait()


class Stranger:
    """A process that another program started: its end is seen at once, its status is not.

    Its code is then that of SIGKILL. To be made inside a running loop.
    """

    def __init__(self, pid: int, started: float) -> None:
        self._pid, self._started = pid, started
        self._ended = asyncio.Event()
        self._file: int | None = None
        try:
            self._file = os.pidfd_open(pid)
        except (AttributeError, OSError):  # it has ended, or the kernel is old or forbids it
            self._poll()
            return
        asyncio.get_running_loop().add_reader(self._file, self._over)
        if not pids.lives(pid, started):  # the number may be another's by now
            self._over()

    @property
    def code(self) -> int | None:
        return -signal.SIGKILL if self._ended.is_set() else None

    async def wait(self) -> int:
        await self._ended.wait()
        return -signal.SIGKILL

    def _over(self) -> None:
        if self._file is not None:
            asyncio.get_running_loop().remove_reader(self._file)
            os.close(self._file)
            self._file = None
        self._ended.set()

    def _poll(self) -> None:
        if pids.lives(self._pid, self._started):
            asyncio.get_running_loop().call_later(_POLL, self._poll)
        else:
            self._over()
