"""A container that was started: watched until it ends, however it ends, and removed."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker import APIClient
from docker.errors import APIError, NotFound

from core.deploy.base import StartError, Stopped
from core.deploy.docker.daemon import Daemon, Unreachable
from core.deploy.docker.ending import by_hand, gone, stopped
from core.deploy.docker.log import LogCopy
from core.deploy.docker.threads import in_thread
from core.values import Failure, FailureKind

_POLL = 1.0  # a container's end is mostly seen at once, by the end of its log
_AGAIN = 0.2
_LAST_BYTES = 10.0
_ALIVE = {"running", "paused", "restarting"}
_SIGNALS = range(129, 193)


@dataclass(frozen=True, slots=True)
class _End:
    code: int
    fault: Failure | None = None


class DockerRunning:
    """One container of ours. Its log is copied from the first byte until it has ended.

    `volumes` were made for it alone. `have` says how much of its output `log` holds already:
    0 for a new container.
    """

    def __init__(
        self,
        daemon: Daemon,
        facts: Mapping[str, object],
        log: Path,
        volumes: tuple[str, ...] = (),
        have: int = 0,
    ) -> None:
        self.facts: Mapping[str, object] = dict(facts)
        self.id = str(facts["container"])
        self._daemon = daemon
        self._volumes = volumes
        self._copy = LogCopy(daemon, self.id, log, have)
        self._stopping = False
        self._interrupted = False
        log.touch()
        self._watch = asyncio.create_task(self._watched(), name=f"container {self.id[:12]}")

    @property
    def identity(self) -> Mapping[str, object]:
        """Columns of `starts`."""
        return {"container": self.id}

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        return self._end.code if self._end else None

    @property
    def fault(self) -> Failure | None:
        """Why it ended, when that was not the engine's doing: removed, or the daemon's end."""
        return self._end.fault if self._end else None

    async def wait(self) -> int:
        """Its exit code, when it has ended and its log is complete."""
        return (await asyncio.shield(self._watch)).code

    async def stop(self, limit: float) -> Stopped:
        """SIGTERM, after `limit` seconds SIGKILL, then removal with its anonymous volumes."""
        began = time.monotonic()
        ran = self._end is None
        self._stopping = True
        with contextlib.suppress(StartError):
            await stopped(self._daemon, self.id, limit)
            await asyncio.wait({self._watch}, timeout=_LAST_BYTES)
        removed = await gone(self._daemon, self.id, self._volumes)
        await self._unwatch()
        killed = ran and self.exit_code == -signal.SIGKILL
        left = () if removed else (f"container {self.id[:12]}: {by_hand(self.id)}",)
        return Stopped(time.monotonic() - began, killed, left)

    @property
    def _end(self) -> _End | None:
        over = self._watch.done() and not self._watch.cancelled()
        return self._watch.result() if over else None

    async def _unwatch(self) -> None:
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)

    async def _watched(self) -> _End:
        copying = in_thread(self._copy.follow)
        try:
            while True:
                state = await self._state()
                if state is None or state["Status"] not in _ALIVE:
                    break
                self._interrupted = False
                if copying.done():  # the daemon went and came back, and the container lives on
                    await asyncio.sleep(_AGAIN)
                    copying = in_thread(self._copy.follow)
                else:
                    await asyncio.wait({copying}, timeout=_POLL)
        except StartError as error:
            return _End(-signal.SIGKILL, error.failure)
        except asyncio.CancelledError:
            self._copy.close()
            raise
        await self._complete_log(copying)
        return self._judged(state)

    async def _state(self) -> dict[str, Any] | None:
        """None: there is no such container any more. StartError: no daemon for too long."""

        def look(client: APIClient) -> dict[str, Any] | None:
            try:
                return dict(client.inspect_container(self.id)["State"])
            except NotFound:
                return None
            except APIError as error:  # a daemon on its way down answers so
                raise Unreachable(_daemon_failure(str(error))) from None

        try:
            return await in_thread(lambda: self._daemon.call(look))
        except Unreachable:
            self._interrupted = True
        return await self._daemon.patiently(look)

    async def _complete_log(self, copying: asyncio.Future[None]) -> None:
        """Docker may end a followed log a moment before its last bytes."""
        await asyncio.wait({copying}, timeout=_LAST_BYTES)
        self._copy.close()
        await asyncio.wait({copying, in_thread(self._copy.rest)}, timeout=_LAST_BYTES)

    def _judged(self, state: Mapping[str, Any] | None) -> _End:
        if state is None or state["Status"] in {"removing", "dead"}:
            return _End(-signal.SIGKILL, None if self._stopping else _REMOVED)
        number = int(state["ExitCode"])
        code = 128 - number if number in _SIGNALS else number
        return _End(code, None if self._stopping else self._fault(state))

    def _fault(self, state: Mapping[str, Any]) -> Failure | None:
        if self._interrupted:
            return _daemon_failure("the Docker daemon was stopped while the engine ran")
        if state.get("OOMKilled"):
            return _OUT_OF_MEMORY
        if text := state.get("Error"):
            return _daemon_failure(f"Docker ended the container: {text}")
        return None


_REMOVED = Failure(
    FailureKind.DOCKER,
    "the container was removed while the engine ran",
    "retry the experiment; stop a container with the console, or pause the task before",
)
_OUT_OF_MEMORY = Failure(
    FailureKind.CRASH,
    "the kernel ended the engine: the machine, or its container's limit, is out of memory",
    "see `dmesg`; free memory of the machine (not of the GPU) and retry",
)


def _daemon_failure(message: str) -> Failure:
    advice = (
        'retry the experiment; "live-restore": true in /etc/docker/daemon.json keeps '
        "containers running while the daemon restarts"
    )
    return Failure(FailureKind.DOCKER, message, advice)
