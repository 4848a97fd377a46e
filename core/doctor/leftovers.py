"""What of this home is at work, and what an earlier runner left: shown, and swept."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from docker.errors import APIError

from core.deploy import docker
from core.deploy.docker.labels import Found, Labels
from core.deploy.process import labelled
from core.doctor.orphans import (
    Spare,
    Swept,
    containers_of,
    hosts,
    labels_of,
    process_text,
    processes_of,
    spared,
    sweep,
)
from core.doctor.report import Check, ok, unknown, warning
from core.paths import Home
from core.store.begun import open_start
from core.store.connection import connect
from core.store.journal import Journal, StartKey
from core.store.lock import borrowed, runner_status
from core.store.reader import Reader
from core.values import AutotunerError, TaskState

_STOP_SECONDS = 1.0  # that a container may take to stop by itself: a person waits for the answer


@dataclass(frozen=True, slots=True)
class _Live:
    """What the journal knows to be at work: running tasks, the start that is open, daemons."""

    tasks: tuple[str, ...]
    start: StartKey | None
    hosts: frozenset[str | None]


def leftover_checks(home: Home, environ: Mapping[str, str], limit: float) -> list[Check]:
    """`processes` and, where Docker is, `containers`. Without a runner what has no live start is
    ended. `limit`: seconds for each question to Docker.
    """
    return asyncio.run(_checks(home, environ, limit))


async def _checks(home: Home, environ: Mapping[str, str], limit: float) -> list[Check]:
    try:
        live = await _live(home, environ)
    except AutotunerError as error:
        # Without the journal nobody knows what is at work: nothing is ended.
        return [unknown("processes", f"{error}", "")]
    there = await _containers(home, live.hosts, limit)
    if home.root.is_dir() and not runner_status(home.lock).alive:
        spare = None if live.start is None else spared(home, live.start)
        try:
            with borrowed(home.lock):
                swept = await sweep(home, live.hosts, spare, _STOP_SECONDS)
        except AutotunerError:
            pass  # a runner came first, or none can: it is shown all the same
        else:
            return _told(swept, spare, there)
    return _shown(home, live, there)


async def _live(home: Home, environ: Mapping[str, str]) -> _Live:
    async with Reader.open(home) as reader:
        tasks = [one.id for one in await reader.tasks() if one.state is TaskState.RUNNING]
        named = frozenset(await hosts(home, reader, environ.get("DOCKER_HOST") or None))
    if not tasks:
        return _Live((), None, named)
    async with connect(home.database, owner=False) as db:
        return _Live(tuple(tasks), await open_start(Journal(db)), named)


async def _containers(
    home: Home, hosts: Collection[str | None], limit: float
) -> list[Found] | None:
    """None where no daemon answers: another check says why."""
    found: list[Found] | None = None
    for host in hosts:
        try:
            more = await docker.find(home.label, docker.Daemon(host, timeout=limit))
        except (AutotunerError, APIError):
            continue
        found = [*(found or ()), *more]
    return found


def _told(swept: Swept, spare: Spare | None, there: Collection[Found] | None) -> list[Check]:
    kept, stay = list[str](), list[str]()
    if spare is not None:
        kept = [process_text(one) for label in spare.processes for one in labelled(label)]
        stay = [one.name for one in there or () if one.of_start(spare.container)]
    checks = [_one("processes", "process ", swept, kept)]
    return checks if there is None else [*checks, _one("containers", "container ", swept, stay)]


def _one(check: str, prefix: str, swept: Swept, kept: Collection[str]) -> Check:
    ended = [one for one in swept.ended if one.startswith(prefix)]
    left = [one for one in swept.left if one.startswith(prefix)]
    parts = [f"ended, left by an earlier runner: {', '.join(ended)}"] if ended else []
    parts += [f"the next runner goes on with {', '.join(kept)}"] if kept else []
    if not left:
        return ok(check, "; ".join(parts) or "none of this home")
    names, commands = zip(*(one.split(": ", 1) for one in left), strict=True)
    said = "; ".join([*parts, f"could not be ended: {', '.join(names)}"])
    return warning(check, said, "; ".join(commands))


def _shown(home: Home, live: _Live, there: Collection[Found] | None) -> list[Check]:
    """What belongs to no live start, and how many are at work. Nothing is ended."""
    ours = [f"{home.label}/{task}/{kind}/" for task in live.tasks for kind in ("bench", "hub")]
    key = live.start
    if key is not None:
        ours.append(f"{home.label}/{key.task}/{key.number}/{key.attempt}/")
    stray = processes_of(home, Spare(tuple(ours), _labels(home, key)))
    work = len(processes_of(home, None)) - len(stray)
    commands = [f"kill -9 {one.pid}" for one in stray]
    checks = [_apart("processes", work, [process_text(one) for one in stray], commands)]
    if there is None:
        return checks
    lost = containers_of(there, Spare((), _labels(home, key)))
    commands = [f"docker rm -f {one.name}" for one in lost]
    others = [f"container {one.name}" for one in lost]
    return [*checks, _apart("containers", len(there) - len(lost), others, commands)]


def _labels(home: Home, key: StartKey | None) -> Labels:
    """Those of the open start; without one, of none."""
    if key is None:
        return Labels(home.label, "", -1, -1)
    return labels_of(home, key)


def _apart(check: str, work: int, stray: Collection[str], commands: Collection[str]) -> Check:
    said = f"{work} of this home at work" if work else "none of this home at work"
    if not stray:
        return ok(check, said if work else "none of this home")
    return warning(check, f"{said}; of no live start: {', '.join(stray)}", "; ".join(commands))
