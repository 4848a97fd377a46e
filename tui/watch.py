"""Watching the journal: one frozen snapshot for each change, whatever goes wrong on the way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace

from core.store.views import RunnerView
from core.values import TaskState, one_line
from tui.snapshot import Snapshot
from tui.source import Source

_POLL = 0.25
_HEARTBEAT = 2.0


class Watch:
    """Reads a source for as long as the console is open.

    `wanted` names the opened task, whose details are read beside those of running ones.
    """

    def __init__(self, source: Source, wanted: Callable[[], str | None]) -> None:
        self._source = source
        self._wanted = wanted
        self._last = Snapshot()
        self._stale = True

    async def run(self, post: Callable[[Snapshot], object]) -> None:
        while True:
            view = await self._look()
            if view != self._last:
                self._last = view
                post(view)
            await asyncio.sleep(_POLL)

    async def beat(self) -> None:
        """Keep telling that a console is open."""
        while True:
            # What stops a heartbeat stops reading too, and that is shown.
            with contextlib.suppress(Exception):
                await self._source.heartbeat()
            await asyncio.sleep(_HEARTBEAT)

    async def _look(self) -> Snapshot:
        try:
            # A change that could not be read is still to be read.
            self._stale = await self._source.changed() or self._stale
            runner = await self._source.runner()
            known = {view.task.id for view in self._last.overviews}
            if self._stale or not self._last.loaded or not self._needed() <= known:
                return await self._read(runner)
            return replace(self._last, runner=runner, error=None)
        except Exception as error:  # a busy or broken journal must not end the console
            with contextlib.suppress(Exception):
                await self._source.close()
            return replace(self._last, error=one_line(f"reading failed: {error}"), loaded=True)

    def _needed(self) -> set[str]:
        wanted = self._wanted()
        return {wanted} if self._last.task(wanted) and wanted else set()

    async def _read(self, runner: RunnerView) -> Snapshot:
        tasks = await self._source.tasks()
        running = [task.id for task in tasks if task.state is TaskState.RUNNING]
        opened = [task.id for task in tasks if task.id == self._wanted()]
        views = [await self._source.overview(task) for task in dict.fromkeys(running + opened)]
        live, commands = await self._source.live(), await self._source.commands()
        self._stale = False
        found = tuple(view for view in views if view)
        history = self._last.history.grown(live)
        return Snapshot(tasks, found, runner, commands, loaded=True, live=live, history=history)
