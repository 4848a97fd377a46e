"""A container that was started: watched until it ends, however it ends, and removed."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docker import APIClient
from docker.errors import APIError, NotFound

from core.deploy.base import StartError, Stopped
from core.deploy.docker.daemon import Daemon, Unreachable
from core.deploy.docker.ended import End, judged
from core.deploy.docker.ending import by_hand, gone, stopped
from core.deploy.docker.log import LogCopy
from core.deploy.docker.threads import in_thread
from core.values import Failure

_POLL = 1.0  # a container's end is mostly seen at once, by the end of its log
_AGAIN = 0.2
_LAST_BYTES = 10.0
_LOOK_SECONDS = 5.0
_MIB = 1 << 20
ALIVE = frozenset({"running", "paused", "restarting"})
"""States of a container whose engine has not ended."""


class DockerRunning:
    """One container of ours. Its log is copied from the first byte until it has ended.

    `volumes` were made for it alone. `have` says how much of its output `log` holds already:
    0 for a new container. `unwatched`: it had ended when it was found.
    """

    def __init__(
        self,
        daemon: Daemon,
        facts: Mapping[str, object],
        log: Path,
        volumes: tuple[str, ...] = (),
        have: int = 0,
        *,
        unwatched: bool = False,
    ) -> None:
        self.facts: Mapping[str, object] = dict(facts)
        self.id = str(facts["container"])
        self._daemon = daemon
        self._volumes = volumes
        self._copy = LogCopy(daemon, self.id, log, have)
        self._stopping = False
        self._interrupted = False
        self._unwatched = unwatched
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
        """Why it ended, when that is certain and not the engine's doing: removed, killed."""
        return self._end.fault if self._end else None

    @property
    def presumed(self) -> Failure | None:
        """That nobody watched how it ended, of one that had when it was found."""
        return self._end.presumed if self._end else None

    async def wait(self) -> int:
        """Its exit code, when it has ended and its log is complete."""
        return (await asyncio.shield(self._watch)).code

    async def activity(self) -> float | None:
        """CPU seconds and MiB read; None when the daemon does not say soon."""
        daemon = dataclasses.replace(self._daemon, timeout=_LOOK_SECONDS)
        try:
            stats = await in_thread(
                lambda: daemon.call(
                    lambda client: client.stats(self.id, stream=False, one_shot=True)
                )
            )
        except (StartError, APIError):
            return None
        return _work(stats)

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
    def _end(self) -> End | None:
        over = self._watch.done() and not self._watch.cancelled()
        return self._watch.result() if over else None

    async def _unwatch(self) -> None:
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)

    async def _watched(self) -> End:
        copying = in_thread(self._copy.follow)
        try:
            while True:
                state = await self._state()
                if state is None or state["Status"] not in ALIVE:
                    break
                self._interrupted = False
                if copying.done():  # the daemon went and came back, and the container lives on
                    await asyncio.sleep(_AGAIN)
                    copying = in_thread(self._copy.follow)
                else:
                    await asyncio.wait({copying}, timeout=_POLL)
        except StartError as error:
            return End(-signal.SIGKILL, error.failure)
        except asyncio.CancelledError:
            self._copy.close()
            raise
        await self._complete_log(copying)
        return judged(
            state,
            stopping=self._stopping,
            interrupted=self._interrupted,
            unwatched=self._unwatched,
        )

    async def _state(self) -> dict[str, Any] | None:
        """None: there is no such container any more. StartError: no daemon for too long."""

        def look(client: APIClient) -> dict[str, Any] | None:
            try:
                return dict(client.inspect_container(self.id)["State"])
            except NotFound:
                return None

        try:
            return await in_thread(lambda: self._daemon.call(look))
        except (APIError, Unreachable):
            self._interrupted = True
        return await self._daemon.patiently(look)

    async def _complete_log(self, copying: asyncio.Future[None]) -> None:
        """Docker may end a followed log a moment before its last bytes."""
        await asyncio.wait({copying}, timeout=_LAST_BYTES)
        self._copy.close()
        await asyncio.wait({copying, in_thread(self._copy.rest)}, timeout=_LAST_BYTES)


def _work(stats: Mapping[str, Any]) -> float | None:
    used = stats.get("cpu_stats", {}).get("cpu_usage", {}).get("total_usage")
    if used is None:
        return None
    moved = stats.get("blkio_stats", {}).get("io_service_bytes_recursive") or ()
    read = sum(one["value"] for one in moved if str(one["op"]).lower() == "read")
    return float(used / 1e9 + read / _MIB)
