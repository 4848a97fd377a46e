"""Waiting for an engine: its health, its log's phases, its death, its limit."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx

from core.deploy.base import Running
from core.doctor.diagnose import diagnose, last_line
from core.engines.base import Engine, PhaseMark
from core.runner.setup import Setup
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
    """Reads what a log gained and says which phase its newest lines announce."""

    def __init__(self, log: Path, engine: Engine) -> None:
        self._log = log
        self._engine = engine
        self._offset = 0
        self._rest = b""

    def marks(self) -> list[PhaseMark]:
        """The last mark of each phase among the new lines, in order."""
        with self._log.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).replace(b"\r", b"\n").split(b"\n")
        found: dict[Phase, PhaseMark] = {}
        for line in lines:
            if mark := self._engine.phase(line.decode("utf-8", "replace")):
                found[mark.phase] = mark
        return list(found.values())


async def wait_ready(
    setup: Setup, journal: Journal, key: StartKey, process: Running, port: int, log: Path
) -> None:
    """Until the engine answers its health check. Raises EngineFailed with the cause."""
    limit = setup.task.timeouts.start
    deadline = time.monotonic() + limit
    follower = PhaseFollower(log, setup.engine)
    await journal.phase(key, Phase.LOAD)
    async with httpx.AsyncClient(trust_env=False, timeout=2.0) as client:
        while True:
            for mark in follower.marks():
                await journal.phase(key, mark.phase, mark.progress)
            if process.exit_code is not None:
                raise EngineFailed(death(setup.engine, log, process, FailureKind.CRASH))
            if await _healthy(client, f"http://127.0.0.1:{port}{setup.engine.health}"):
                await journal.phase(key, Phase.READY)
                return
            if time.monotonic() > deadline:
                raise EngineFailed(_too_slow(log, limit))
            await asyncio.sleep(_POLL)


def death(engine: Engine, log: Path, process: Running, otherwise: FailureKind) -> Failure:
    """Why an engine ended: what its log or its deployment proves, else its exit code."""
    if found := process.fault or diagnose(log, engine.signatures):
        return found
    number, text = last_line(log) or (None, None)
    code = process.exit_code
    how = f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"
    return Failure(
        otherwise,
        f"the engine ended with {how}",
        f"read {log}",
        log.name,
        number,
        text,
    )


async def _healthy(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _too_slow(log: Path, limit: float) -> Failure:
    number, text = last_line(log) or (None, None)
    return Failure(
        FailureKind.START_TIMEOUT,
        f"the engine was not ready after {limit:g} s",
        "raise timeouts.start if the log shows progress",
        log.name,
        number,
        text,
    )
