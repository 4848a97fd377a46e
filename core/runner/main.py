"""The runner's life: take the lock, tidy up, serve commands, work, leave when idle."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import time

from core import __version__, settings
from core.deploy import docker
from core.deploy.process import end_labelled
from core.paths import Home
from core.runner.commands import Desk
from core.runner.gpus import Keeper
from core.runner.hook import Hooks
from core.runner.live import CONSOLE_FRESH, Live
from core.runner.work import Worker
from core.store.journal import Journal
from core.store.lock import RunnerLock
from core.store.reader import Reader
from core.values import AutotunerError, TaskState

log = logging.getLogger("autotuner.runner")

_IDLE_SECONDS = 20.0
_DOCKER_SECONDS = 10.0
_POLL = 0.1


def main() -> int:
    """Run until idle or told to stop. Exit status 1 when another runner is in charge."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    home = Home.find()
    try:
        home.create()
        with RunnerLock(home.lock, __version__):
            asyncio.run(_run(home))
    except AutotunerError as error:
        log.error("%s", error)
        return 1
    return 0


async def _run(home: Home) -> None:
    since = time.time()
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
            await _serve(group, journal, desk, worker)
            work.cancel()
            live.cancel()
        await hooks.wait()
        # Interrupted work keeps its state in the journal: the next runner goes on with it.
        await journal.interrupt_open()
        log.info("leaving")


async def _recover(home: Home, journal: Journal, reader: Reader) -> None:
    """End what an earlier runner left: its processes first, then its open rows."""
    left = (*await end_labelled(f"{home.label}/"), *await _sweep_containers(home, reader))
    if left:
        log.error("could not be ended: %s", left)
    await journal.interrupt_open()


async def _sweep_containers(home: Home, reader: Reader) -> tuple[str, ...]:
    """Containers of an earlier runner; without a Docker daemon there are none to end."""
    left: tuple[str, ...] = ()
    for host in await _docker_hosts(home, reader):
        try:
            daemon = docker.Daemon(host, timeout=_DOCKER_SECONDS)
            left += await docker.sweep(home.label, daemon=daemon)
        except AutotunerError as error:
            log.info("no containers looked for: %s", error)
    return left


async def _docker_hosts(home: Home, reader: Reader) -> set[str | None]:
    """The daemons that running tasks used; None for the usual one."""
    hosts: set[str | None] = {None}
    for task in await reader.tasks():
        if task.state is TaskState.RUNNING:
            hosts.add(settings.read(home.settings(task.id)).values.get("DOCKER_HOST"))
    return hosts


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
            if time.time() - await journal.console_seen() > CONSOLE_FRESH:
                return
            idle_since = time.monotonic()
        await asyncio.sleep(_POLL)
