"""Engines as processes of this machine: own session, labelled, ended to the last child."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from core.deploy.base import StartError, Stopped
from core.values import Failure, FailureKind, LaunchSpec

LABEL = "AUTOTUNER_LABEL"
"""Environment variable that marks a process, and all it starts, as ours."""

_POLL = 0.05
_KILL_SECONDS = 5.0


class EngineProcess:
    """One engine in its own session. Its pid with its start time names it for ever."""

    def __init__(self, process: asyncio.subprocess.Process, label: str) -> None:
        self._process = process
        self._label = label
        self.pid = process.pid
        self.started = _started(process.pid)

    @classmethod
    async def start(
        cls, spec: LaunchSpec, environment: Mapping[str, str], log: Path, label: str
    ) -> EngineProcess:
        """Start with exactly this environment; output goes to `log` from the first byte.

        Raises StartError when the program is missing or may not be run.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            try:
                process = await asyncio.create_subprocess_exec(
                    *spec.argv,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd=log.parent,
                    env={**environment, LABEL: label},
                    start_new_session=True,
                )
            except OSError as error:
                raise StartError(_unstartable(spec.argv[0], error)) from None
            except asyncio.CancelledError:
                await end_labelled(label)  # it may have been started all the same
                raise
        return cls(process, label)

    @property
    def identity(self) -> Mapping[str, object]:
        """Columns of `starts`."""
        return {"pid": self.pid, "pid_started": self.started}

    @property
    def facts(self) -> Mapping[str, object]:
        """For the manifest."""
        return self.identity

    @property
    def fault(self) -> Failure | None:
        """What ends a process is in its log, or is its exit code."""
        return None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        return self._process.returncode

    async def wait(self) -> int:
        return await self._process.wait()

    async def stop(self, limit: float) -> Stopped:
        """SIGTERM, after `limit` seconds SIGKILL; ends when no process of ours is left."""
        began = time.monotonic()
        _signal(self.pid, self.started, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), limit)
        killed = self._process.returncode is None
        left = await end_labelled(self._label)
        if not left:
            await self._process.wait()
        stuck = tuple(f"process {pid}: kill -9 {pid}" for pid in left)
        return Stopped(time.monotonic() - began, killed, stuck)


async def end_labelled(label: str) -> tuple[int, ...]:
    """SIGKILL every process whose label starts with `label`; returns what is still there.

    Found by their environment, so children that left the session are ended as well.
    """
    deadline = time.monotonic() + _KILL_SECONDS
    while found := await asyncio.to_thread(labelled, label):
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        if time.monotonic() > deadline:
            return tuple(process.pid for process in found)
        await asyncio.sleep(_POLL)
    return ()


def labelled(label: str) -> list[psutil.Process]:
    """Living processes of this user whose label starts with `label`."""
    return [p for p in psutil.process_iter() if _label(p).startswith(label) and _lives(p)]


def _unstartable(program: str, error: OSError) -> Failure:
    kind = FailureKind.PERMISSION if error.errno == errno.EACCES else FailureKind.CONFIG
    advice = "install it, name the program with `command:` in the task file, or use deploy: docker"
    return Failure(kind, f"{program}: {error.strerror}", advice)


def _label(process: psutil.Process) -> str:
    try:
        if process.pid == os.getpid() or process.uids().real != os.getuid():
            return ""
        return process.environ().get(LABEL, "")
    except (psutil.Error, OSError):
        return ""


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _started(pid: int) -> float:
    """When a process began, epoch seconds: with the pid it names the process for ever."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return time.time()


def _signal(pid: int, started: float, number: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
        if psutil.Process(pid).create_time() == started:
            os.kill(pid, number)
