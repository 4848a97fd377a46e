"""What carries our label and belongs to nobody's work any more: found, and ended."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection
from dataclasses import dataclass

import psutil
from docker.errors import APIError

from core import settings
from core.bench.adoption import under_way
from core.deploy import docker
from core.deploy.docker.ending import by_hand
from core.deploy.docker.labels import Found, Labels
from core.deploy.process import end_labelled, labelled
from core.paths import Home
from core.store.journal import StartKey
from core.store.reader import Reader
from core.values import AutotunerError, TaskState

log = logging.getLogger("autotuner.orphans")

_STOP_SECONDS = 10.0
_DAEMON_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Spare:
    """What one start is still at work with: processes by what their labels begin with, and its
    container.
    """

    processes: tuple[str, ...]
    container: Labels


@dataclass(frozen=True, slots=True)
class Swept:
    """What was ended, in words; what could not be, with the command that removes it."""

    ended: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def spared(home: Home, key: StartKey) -> Spare:
    """What the next runner goes on with: an engine, and the measurement under way on it."""
    task = f"{home.label}/{key.task}"
    labels = [f"{task}/{key.number}/{key.attempt}/"]
    if under_way(home.start(key.task, key.number, key.attempt)):
        labels.append(f"{task}/bench/")
    return Spare(tuple(labels), labels_of(home, key))


def labels_of(home: Home, key: StartKey) -> Labels:
    return Labels(home.label, key.task, key.number, key.attempt)


async def hosts(home: Home, reader: Reader, usual: str | None = None) -> set[str | None]:
    """The Docker daemons that running tasks use, and the usual one: None where none is named."""
    found = {usual}
    for task in await reader.tasks():
        if task.state is TaskState.RUNNING:
            found.add(settings.read(home.settings(task.id)).values.get("DOCKER_HOST"))
    return found


async def sweep(
    home: Home,
    hosts: Collection[str | None],
    spare: Spare | None,
    limit: float = _STOP_SECONDS,
) -> Swept:
    """End what is of this home, but for `spare`; nobody else's is touched.

    `hosts` are the Docker daemons to look at, None the usual one: where none answers there are
    no containers. `limit`: seconds a container has to stop by itself.
    """
    ended, left = await _processes(home, spare)
    for host in hosts:
        daemon = docker.Daemon(host, timeout=max(_DAEMON_SECONDS, 2 * limit))
        try:
            found = containers_of(await docker.find(home.label, daemon), spare)
            if not found:
                continue
            stuck = await docker.sweep(
                home.label, limit, daemon, spare.container if spare else None
            )
        except (AutotunerError, APIError) as error:
            log.info("no containers looked for: %s", error)
            continue
        ended += [f"container {one.name}" for one in found if one.id not in stuck]
        left += [f"container {one[:12]}: {by_hand(one)}" for one in stuck]
    return Swept(tuple(ended), tuple(left))


def processes_of(home: Home, spare: Spare | None) -> list[psutil.Process]:
    """This home's processes, but for those of `spare`."""
    return labelled(f"{home.label}/", spare.processes if spare else ())


def containers_of(found: Collection[Found], spare: Spare | None) -> list[Found]:
    """Of a home's containers those that are not of `spare`."""
    return [one for one in found if spare is None or not one.of_start(spare.container)]


def process_text(process: psutil.Process) -> str:
    """`process 4711 (vllm)`."""
    with contextlib.suppress(psutil.Error):
        return f"process {process.pid} ({process.name()})"
    return f"process {process.pid}"


async def _processes(home: Home, spare: Spare | None) -> tuple[list[str], list[str]]:
    said = {process.pid: process_text(process) for process in processes_of(home, spare)}
    stuck = await end_labelled(f"{home.label}/", spare.processes if spare else ())
    ended = [text for pid, text in said.items() if pid not in stuck]
    return ended, [f"process {pid}: kill -9 {pid}" for pid in stuck]
