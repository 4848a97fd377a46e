"""The runner's life: take the lock, tidy up, serve commands, work, leave when idle."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time

from core import __version__
from core.doctor.orphans import hosts, spared, sweep
from core.paths import Home
from core.runner import room
from core.runner.adoption import kept
from core.runner.ahead import Ahead
from core.runner.commands import Desk
from core.runner.gpus import Keeper
from core.runner.hook import Hooks
from core.runner.live import CONSOLE_FRESH, Live
from core.runner.work import Worker
from core.store.journal import Journal
from core.store.lock import RunnerLock
from core.store.reader import Reader
from core.store.schema import Newer
from core.values import AutotunerError

log = logging.getLogger("autotuner.runner")

_IDLE_SECONDS = 20.0
_POLL = 0.1


DIED = 70
"""Exit status of a runner that met what it should not have: another may do better."""


def main() -> int:
    """Run until idle or told to stop.

    Exit status 1 when another runner is in charge or the home is unusable, else DIED.
    """
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # The matrices of a strategy are small: more threads only wait for each other, and on a machine
    # whose processors run an engine they wait long. It is read when numpy is first imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    home = Home.find()
    since = time.time()  # what is asked of whoever holds the lock from now on is asked of this one
    try:
        home.create()
        with RunnerLock(home.lock, __version__):
            return _guarded(home, since)
    except AutotunerError as error:
        log.error("%s", error)
        return 1


def _guarded(home: Home, since: float) -> int:
    try:
        asyncio.run(_run(home, since))
    except AutotunerError as error:
        log.error("%s", error)
        return 1 if isinstance(error, Newer) else DIED
    except Exception as error:
        if said := room.plainly(error, home):
            log.error("%s", said)
        else:
            log.exception("the runner met an error of its own")
        return DIED
    return 0


async def _run(home: Home, since: float) -> None:
    async with Journal.open(home.database) as journal, Reader.open(home) as reader:
        await _recover(home, journal, reader)
        keeper, hooks = Keeper(home, journal), Hooks(home, journal, reader)
        worker = Worker(home, journal, reader, keeper, hooks)
        desk = Desk(home, journal, reader, worker)
        await hooks.missed()
        await desk.settle(since)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, desk.leave)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        async with asyncio.TaskGroup() as group:
            work = group.create_task(worker.run())
            live = group.create_task(Live(home, journal, keeper).run())
            ahead = group.create_task(Ahead(home, journal, reader).run())
            await _serve(group, journal, desk, worker)
            ahead.cancel()
            work.cancel()
            live.cancel()
        await hooks.wait()
        # Interrupted work keeps its state in the journal: the next runner goes on with it.
        await journal.interrupt_open()
        log.info("leaving")


async def _recover(home: Home, journal: Journal, reader: Reader) -> None:
    """End what an earlier runner left and nobody goes on with, then its open rows."""
    key = await kept(journal, reader)
    spare = None if key is None else spared(home, key)
    swept = await sweep(home, await hosts(home, reader), spare)
    for one in swept.ended:
        log.info("ended, left by an earlier runner: %s", one)
    for one in swept.left:
        log.error("could not be ended: %s", one)
    await journal.interrupt_open(spare=key)


async def _serve(group: asyncio.TaskGroup, journal: Journal, desk: Desk, worker: Worker) -> None:
    """Carry out commands until told to leave, or nobody needs a runner any more."""
    idle_since = time.monotonic()
    while not desk.leaving:
        for command in await journal.open_commands():
            if desk.accepts(command):
                group.create_task(desk.carry_out(command))
        if worker.busy or desk.in_hand:
            idle_since = time.monotonic()
        elif time.monotonic() - idle_since > _IDLE_SECONDS:
            if abs(time.time() - await journal.console_seen()) > CONSOLE_FRESH:
                return
            idle_since = time.monotonic()
        await asyncio.sleep(_POLL)


if __name__ == "__main__":
    sys.exit(main())
