"""Watching the journal: one frozen snapshot for each change, whatever goes wrong on the way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace

from core.values import one_line
from tui.reading import read
from tui.snapshot import Snapshot
from tui.source import Source

REFRESH = 0.25
"""Seconds between two looks."""
_LONGEST = 2.0  # seconds between two looks at a journal that cannot be read
_HEARTBEAT = 5.0  # seconds; three may be missed before the runner thinks that nobody looks


class Watch:
    """Reads a source for as long as the console is open, every `refresh` seconds.

    `wanted` names the opened task, whose overview is read beside those of running ones.
    """

    def __init__(
        self, source: Source, wanted: Callable[[], str | None], refresh: float = REFRESH
    ) -> None:
        self._source = source
        self._wanted = wanted
        self._refresh = refresh
        self._last = Snapshot()
        self._stale = True  # something was written that is not read yet
        self._mark: object = None

    async def run(self, post: Callable[[Snapshot], object]) -> None:
        """For ever. What cannot be read is tried again, at longer and longer intervals."""
        pause = self._refresh
        while True:
            view = await self._look()
            if view != self._last:
                self._last = view
                post(view)
            pause = self._pause(pause, failed=view.error is not None)
            await asyncio.sleep(pause)

    async def beat(self) -> None:
        """Keep telling that a console is open."""
        while True:
            # What stops a heartbeat stops reading too, and that is shown.
            with contextlib.suppress(Exception):
                await self._source.heartbeat()
            await asyncio.sleep(_HEARTBEAT)

    def _pause(self, last: float, *, failed: bool) -> float:
        return max(self._refresh, min(2 * last, _LONGEST)) if failed else self._refresh

    async def _look(self) -> Snapshot:
        try:
            # A change that could not be read is still to be read.
            self._stale = await self._source.changed() or self._stale
            view = await self._read()
            self._stale = False
            return view
        except Exception as error:  # a busy or broken journal must not end the console
            self._mark, self._stale = None, True
            with contextlib.suppress(Exception):
                await self._source.close()
            return replace(self._last, error=one_line(f"reading failed: {error}"), loaded=True)

    async def _read(self) -> Snapshot:
        """As little as can be: a runner writes `live` every second, the rest seldom."""
        last, mark = self._last, self._mark
        if self._stale:
            self._mark = await self._source.mark()
        if mark is None or self._mark != mark or not self._known():
            view = await read(self._source, self._wanted())
            return replace(view, history=last.history.grown(view.live))
        runner = await self._source.runner()
        live = await self._source.live() if self._stale else last.live
        history = last.history.grown(live)
        return replace(last, runner=runner, live=live, history=history, error=None)

    def _known(self) -> bool:
        """Whether the opened task's overview is there, or cannot be."""
        wanted = self._wanted()
        return self._last.task(wanted) is None or self._last.overview(wanted) is not None
