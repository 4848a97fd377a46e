"""What consoles show of the machine: kept once a second while one is open."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import sqlite3
import time
from collections.abc import Sequence
from typing import Any

from core.deploy.docker import snapshot
from core.gpu import Gpu
from core.paths import Home
from core.runner.gpus import Keeper
from core.store.faults import Damaged
from core.store.journal import Journal
from core.store.views import ContainerView
from core.values import AutotunerError

log = logging.getLogger("autotuner.runner")

CONSOLE_FRESH = 15.0
_STEP = 1.0


class Live:
    """Writes GPUs and containers into the journal's table `live`."""

    def __init__(self, home: Home, journal: Journal, gpus: Keeper) -> None:
        self._home = home
        self._journal = journal
        self._gpus = gpus

    async def run(self) -> None:
        """For ever; nothing is looked at while no console is open."""
        while True:
            await self.look()
            await asyncio.sleep(_STEP)

    async def look(self) -> None:
        """Once. A full disk or a locked journal is others' to tell: the look is left out."""
        try:
            if await self.watched():
                await self._write()
        except Damaged:
            raise
        except (AutotunerError, sqlite3.Error, OSError) as error:
            log.debug("nothing kept for consoles: %s", error)

    async def watched(self) -> bool:
        """Whether a console is open. A sign of life from the future is of a clock set back."""
        return abs(time.time() - await self._journal.console_seen()) < CONSOLE_FRESH

    async def _write(self) -> None:
        found, note = await self._gpus.snapshot()
        await self._journal.live("gpus", _kept(found, note))
        await self._journal.live("containers", await self._containers())

    async def _containers(self) -> dict[str, Any]:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5.0):
                try:
                    return _kept(await snapshot(self._home.label), None)
                except AutotunerError as error:
                    return _kept((), str(error))
        return _kept((), "Docker did not answer within 5 s")


def _kept(items: Sequence[Gpu] | Sequence[ContainerView], note: str | None) -> dict[str, Any]:
    return {"items": [dataclasses.asdict(one) for one in items], "note": note}
