"""Engines as processes of this machine: own session, labelled, ended to the last child."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import time
from collections.abc import Collection, Mapping
from pathlib import Path

import psutil

from core import pids
from core.deploy.base import StartError, Stopped
from core.deploy.ending import OUT_OF_MEMORY, from_outside, memory_kills
from core.deploy.watch import Child, Stranger, Watch
from core.values import Failure, FailureKind, LaunchSpec

LABEL = "AUTOTUNER_LABEL"
"""Environment variable that marks a process, and all it starts, as ours."""

_POLL = 0.05
_KILL_SECONDS = 5.0
_MIB = 1 << 20
_UNKNOWN = Failure(
    FailureKind.CRASH,
    "the engine ended; how is not known, an earlier runner had started it",
    "read its log; see `dmesg`, and who ends processes here",
    transient=True,
)


class EngineProcess:
    """One engine in its own session. Its pid with its start time names it for ever.

    `adopted`: an earlier program started it, so how it ends cannot be known.
    """

    def __init__(
        self, pid: int, started: float, watch: Watch, label: str, *, adopted: bool
    ) -> None:
        self.pid, self.started = pid, started
        self._watch = watch
        self._label = label
        self._adopted = adopted
        self._stopping = False
        self._kills = memory_kills()
        self._out_of_memory: bool | None = None

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
        # A child that has ended at once may be waited for already: then nothing has its number.
        since = pids.started(process.pid) or 0.0
        return cls(process.pid, since, Child(process), label, adopted=False)

    @classmethod
    async def find(cls, label: str, log: Path) -> EngineProcess | None:
        """The engine of exactly this label that an earlier program started; None: there is none.

        It writes to `log` by itself. Its children are told from it by its session, which it
        leads; of several it is the oldest.
        """
        leaders = await asyncio.to_thread(_leaders, label)
        if not leaders:
            return None
        log.touch()
        since, pid = min(leaders)
        return cls(pid, since, Stranger(pid, since), label, adopted=True)

    @property
    def identity(self) -> Mapping[str, object]:
        """Columns of `starts`."""
        return {"pid": self.pid, "pid_started": self.started}

    @property
    def facts(self) -> Mapping[str, object]:
        """For the manifest."""
        return self.identity

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        return self._watch.code

    @property
    def fault(self) -> Failure | None:
        """That the kernel or somebody else ended it, when its exit code says so."""
        code = self.exit_code
        if code is None or self._stopping:
            return None
        if code == -signal.SIGKILL and self._memory_ran_out():
            return OUT_OF_MEMORY
        return None if self._adopted else from_outside(code)

    @property
    def presumed(self) -> Failure | None:
        """That nobody knows, of one that an earlier program started."""
        unknown = self._adopted and self.exit_code is not None and not self._stopping
        return _UNKNOWN if unknown else None

    async def wait(self) -> int:
        return await self._watch.wait()

    async def activity(self) -> float | None:
        """CPU seconds and MiB read, by it and all it has started."""
        return await asyncio.to_thread(lambda: sum(map(_work, labelled(self._label))))

    async def stop(self, limit: float) -> Stopped:
        """SIGTERM, after `limit` seconds SIGKILL; ends when no process of ours is left."""
        began = time.monotonic()
        if self.exit_code is None:
            self._stopping = True
            if pids.lives(self.pid, self.started):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._watch.wait(), limit)
        killed = self.exit_code is None
        left = await end_labelled(self._label)
        if not left:
            await self._watch.wait()
        stuck = tuple(f"process {pid}: kill -9 {pid}" for pid in left)
        return Stopped(time.monotonic() - began, killed, stuck)

    def _memory_ran_out(self) -> bool:
        """As it stood at the first look after the end: later kills are others'."""
        if self._out_of_memory is None:
            now = memory_kills()
            self._out_of_memory = None not in (now, self._kills) and now != self._kills
        return self._out_of_memory


async def end_labelled(label: str, spare: Collection[str] = ()) -> tuple[int, ...]:
    """SIGKILL every process whose label starts with `label`; returns what is still there.

    Found by their environment, so children that left the session are ended as well. Labels
    that start with one of `spare` are left alone.
    """
    deadline = time.monotonic() + _KILL_SECONDS
    while found := await asyncio.to_thread(labelled, label, spare):
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        if time.monotonic() > deadline:
            return tuple(process.pid for process in found)
        await asyncio.sleep(_POLL)
    return ()


def labelled(label: str, spare: Collection[str] = ()) -> list[psutil.Process]:
    """Living processes of this user whose label starts with `label`, and with none of `spare`."""
    return [
        process
        for process in psutil.process_iter()
        if (own := _label(process)).startswith(label)
        if not own.startswith(tuple(spare))
        if _lives(process)
    ]


def _leaders(label: str) -> list[tuple[float, int]]:
    """Start and pid of the living processes of exactly this label that lead their session."""
    found = []
    for process in labelled(label):
        with contextlib.suppress(ProcessLookupError):
            if _label(process) == label and os.getsid(process.pid) == process.pid:
                found.append((pids.started(process.pid), process.pid))
    return [(since, pid) for since, pid in found if since is not None]


def _work(process: psutil.Process) -> float:
    """CPU seconds, those of its ended children too, and MiB read; 0 when it has just ended."""
    with contextlib.suppress(psutil.Error, OSError):
        used = sum(process.cpu_times()[:4])
        with contextlib.suppress(psutil.AccessDenied):
            counters = process.io_counters()
            used += (counters.read_chars + counters.read_bytes) / _MIB
        return float(used)
    return 0.0


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
