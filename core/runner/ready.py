"""Waiting for an engine: its health, its log's phases, its death, its limit."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import httpx

from core.deploy.base import Running
from core.doctor.diagnose import last_line
from core.doctor.endings import of_exit
from core.doctor.sources import cause
from core.engines.base import Engine, PhaseMark
from core.runner.setup import Setup
from core.runner.waiting import Wait
from core.store.journal import Journal, StartKey
from core.values import Failure, FailureKind, Phase

_POLL = 0.1


class EngineFailed(Exception):
    """The start failed; carries why. `under_load`: it had served before."""

    def __init__(self, failure: Failure, *, under_load: bool = False) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.under_load = under_load


class PhaseFollower:
    """Reads what a log gained and says which phases its newest lines announce."""

    def __init__(self, log: Path, engine: Engine) -> None:
        self._log = log
        self._engine = engine
        self._offset = 0
        self._rest = b""

    @property
    def size(self) -> int:
        """How many bytes of the log were read."""
        return self._offset

    def marks(self) -> list[PhaseMark]:
        """Those of the new lines, in order."""
        try:
            with self._log.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:  # somebody removed it from under the engine
            return []
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).replace(b"\r", b"\n").split(b"\n")
        found = (self._engine.phase(line.decode("utf-8", "replace")) for line in lines)
        return [mark for mark in found if mark]


async def wait_ready(
    setup: Setup,
    journal: Journal,
    key: StartKey,
    process: Running,
    port: int,
    log: Path,
    *,
    silence: float | None = None,
) -> None:
    """Until the engine answers its health check. Raises EngineFailed with the cause.

    Its limits are those of `Wait`, and count from now: what the log of an engine that an
    earlier runner started holds already is no progress.
    """
    wait = Wait(setup.task.timeouts.start, silence)
    follower = PhaseFollower(log, setup.engine)
    await journal.phase(key, Phase.LOAD)
    wait.recall(await _followed(follower, journal, key))
    async with httpx.AsyncClient(trust_env=False, timeout=2.0) as client:
        while True:
            wait.follow(await _followed(follower, journal, key))
            if process.exit_code is not None:
                raise EngineFailed(death(setup.engine, log, process, FailureKind.CRASH))
            if await _healthy(client, f"http://127.0.0.1:{port}{setup.engine.health}"):
                await journal.phase(key, Phase.READY)
                return
            if failure := await wait.over(process, follower.size):
                raise EngineFailed(_with_last_line(failure, log))
            await asyncio.sleep(_POLL)


def death(engine: Engine, log: Path, process: Running, otherwise: FailureKind) -> Failure:
    """Why an engine ended: what its deployment knows, what its log proves, what is presumed
    where nobody watched, else its exit code."""
    known = process.fault or cause(log, engine)
    if known and known.kind is not FailureKind.UNKNOWN:
        return known
    code = process.exit_code
    if not process.presumed and code is not None and (signalled := of_exit(code)):
        return _with_last_line(dataclasses.replace(signalled, kind=otherwise), log)
    if known:
        # That it died while it served says more than that nobody knows the exception.
        served = otherwise is FailureKind.ENGINE_DIED
        return dataclasses.replace(known, kind=otherwise) if served else known
    ended = Failure(otherwise, f"the engine ended with exit status {code}", f"read {log}")
    return _with_last_line(process.presumed or ended, log)


async def _followed(follower: PhaseFollower, journal: Journal, key: StartKey) -> list[PhaseMark]:
    """The new marks; of each phase the last is written down."""
    marks = follower.marks()
    for mark in {mark.phase: mark for mark in marks}.values():
        await journal.phase(key, mark.phase, mark.progress, mark.detail)
    return marks


def _with_last_line(failure: Failure, log: Path) -> Failure:
    """With the end of the log as evidence."""
    number, text = last_line(log) or (None, None)
    return dataclasses.replace(failure, log=log.name, line=number, text=text)


async def _healthy(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
