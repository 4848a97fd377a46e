"""What comes next is fetched while something else is at work: images of the engines that a task
compares, image and weights of the task that waits.

A measurement must not notice. Weights are brought by a process that gets the processors and
disks only while nobody else wants them; the network is not in the way, as an engine is measured
over loopback. An image is brought by Docker's daemon, which works as hard as anyone: on a small
machine it is pulled while an engine starts, and left alone while one is measured.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from docker import APIClient
from docker.errors import DockerException

from core import settings
from core.deploy import docker
from core.deploy.base import StartError
from core.deploy.process import LABEL
from core.doctor import disk
from core.doctor.report import Verdict
from core.hub.fetch import FetchError, fetch
from core.paths import Home
from core.runner.wanted import Wanted, wanted
from core.store.begun import begun, measuring, open_start
from core.store.damage import Damaged
from core.store.journal import Journal
from core.store.reader import Reader
from core.store.views import TaskView
from core.task import load
from core.values import AutotunerError, TaskState, one_line, size_text

log = logging.getLogger("autotuner.ahead")

_POLL = 1.0
_SHOWN = 2.0
_PATIENT = 8
"""Processors from which on unpacking an image, which takes one, leaves a measurement enough."""


class _Short(Exception):
    """There is not enough room."""


class Ahead:
    """Fetches one thing at a time, each once; whether it came is nobody's failure.

    What it is at is given up when its task begins, which then fetches it itself and goes on
    from what is there.
    """

    def __init__(self, home: Home, journal: Journal, reader: Reader) -> None:
        self._home = home
        self._journal = journal
        self._reader = reader
        self._tried: set[Wanted] = set()
        self._needs: dict[tuple[str, TaskState], list[Wanted]] = {}  # of tasks met so far
        self._at: Wanted | None = None
        self._work: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """For ever."""
        try:
            while True:
                await self._look_out()
                await asyncio.sleep(_POLL)
        finally:
            await self._leave()

    async def _look_out(self) -> None:
        """Look once. A full disk or a locked journal is others' to tell."""
        try:
            await self._look()
        except Damaged:
            raise
        except (AutotunerError, sqlite3.Error, OSError) as error:
            log.debug("not looked ahead: %s", error)

    async def _look(self) -> None:
        """Begin with what is wanted; leave what is not wanted any more."""
        listed = await self._listed()
        if self._work is not None and self._work.done():
            self._settle(self._work)
        if self._at is not None and self._at not in listed:
            await self._leave()
        new = next((one for one in listed if one not in self._tried), None)
        if self._at is None and new is not None:
            self._at = new
            self._work = asyncio.create_task(self._fetch(new))

    async def _listed(self) -> list[Wanted]:
        """What could be fetched now, first what is needed first."""
        key = await open_start(self._journal)
        if key is None or not (await begun(self._journal, key)).launched:
            return []  # its own image or model may be on the way
        images = not await measuring(self._journal, key) or (os.cpu_count() or 1) >= _PATIENT
        tasks = sorted(await self._reader.tasks(), key=lambda task: task.submitted)
        running = [task for task in tasks if task.id == key.task]
        queued = [task for task in tasks if task.state is TaskState.QUEUED][:1]
        found = [one for task in (*running, *queued) for one in self._of(task)]
        return [one for one in found if images or not one.image]

    def _of(self, task: TaskView) -> list[Wanted]:
        """What a task needs; where that cannot be said, its own start will say why."""
        known = (task.id, task.state)
        if known not in self._needs:
            try:
                self._needs[known] = wanted(task, load(self._home.task_file(task.id)))
            except (AutotunerError, OSError):
                self._needs[known] = []
        return self._needs[known]

    async def _fetch(self, one: Wanted) -> None:
        """To its end, or until it fails."""
        showing = _Showing(self._journal, self._home, one)
        try:
            await (self._pull(one, showing) if one.image else self._download(one, showing))
        except asyncio.CancelledError:
            await showing.ended()
            raise
        except _Short:
            await self._failed(one, showing, "there is too little room on its disk")
        except (StartError, FetchError) as error:
            await self._failed(one, showing, error.failure.message)
        except (AutotunerError, DockerException, OSError) as error:
            await self._failed(one, showing, one_line(str(error)))
        else:
            self._tried.add(one)
            await showing.ended("ahead.fetched")

    async def _failed(self, one: Wanted, showing: _Showing, why: str) -> None:
        log.info("not fetched ahead: %s: %s", one.name, why)
        self._tried.add(one)
        await showing.ended("ahead.left", why)

    async def _download(self, one: Wanted, showing: _Showing) -> None:
        resolved = settings.read(self._home.settings(one.task))
        showing.folder = disk.hub_cache(resolved.values)
        label = f"{self._home.label}/{one.task}/hub/"
        given = {**settings.host_environment(resolved), LABEL: label}
        log_file = self._home.task(one.task) / "download.log"
        await fetch(one.name, given, log_file, showing, one.limit, aside=True)

    async def _pull(self, one: Wanted, showing: _Showing) -> None:
        host = settings.read(self._home.settings(one.task)).values.get("DOCKER_HOST")
        daemon = docker.Daemon(host)
        root = await asyncio.to_thread(daemon.call, _root)
        if disk.image_disk(root).verdict is not Verdict.OK:
            raise _Short
        showing.folder = Path(root)
        await docker.pull(one.name, showing, one.limit, daemon)

    async def _leave(self) -> None:
        if self._work is not None:
            self._work.cancel()
            await asyncio.wait({self._work})
            self._settle(self._work)

    def _settle(self, work: asyncio.Task[None]) -> None:
        """What nobody foresaw is written down, and not met again."""
        if not work.cancelled() and (error := work.exception()) and self._at is not None:
            log.error("not fetched ahead: %s", self._at.name, exc_info=error)
            self._tried.add(self._at)
        self._work = self._at = None


class _Showing:
    """What is on the way, in the note of the task that waits and as events of it.

    `folder` is where the bytes go, when that is known: they are given up before they take the
    room that logs need.
    """

    def __init__(self, journal: Journal, home: Home, one: Wanted) -> None:
        self._journal = journal
        self._home = home
        self._one = one
        self._began = False
        self._next = 0.0
        self.folder = home.root

    async def __call__(self, done: int, total: int | None) -> None:
        """Raises _Short."""
        if total is None or (done >= total and not self._began):
            return  # it is there
        if not disk.spare(self.folder, total - done):
            raise _Short
        now = asyncio.get_running_loop().time()
        if not self._began:
            await self._event("ahead.fetching", {"bytes": total - done})
        self._began = True
        if now >= self._next:
            self._next = now + _SHOWN
            await self._note(f"{self._one.words}: {size_text(done)} of {size_text(total)}")

    async def ended(self, kind: str | None = None, why: str = "") -> None:
        """It came, or not; of what was there already nothing is said."""
        if self._began:
            await self._note("")
        if kind is not None and (self._began or why):
            await self._event(kind, {"message": why} if why else {})

    async def _event(self, kind: str, detail: Mapping[str, object]) -> None:
        await self._journal.event(kind, self._one.task, None, name=self._one.name, **detail)

    async def _note(self, text: str) -> None:
        """A task at work has notes of its own."""
        if not self._one.at_work:
            await self._journal.set_task(self._one.task, note=text)


def _root(client: APIClient) -> str:
    return str(client.info().get("DockerRootDir") or "")
