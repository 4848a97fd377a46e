"""The plots of one task: best over time, load, Pareto front, sensitivity."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from core.store.views import Overview
from core.values import AutotunerError, one_line
from tui.keys.binding import bindings
from tui.keys.screens import SCREENS
from tui.limits import limits_of
from tui.line import Line, Span, Tone
from tui.screens.base import View
from tui.views.plots import PLOTS, Data, Shown, drawn, head_line, metrics
from tui.widgets.base import Lines
from tui.widgets.page import Page

_MANY = 300  # points from which drawing takes long enough to be done beside the event loop
_PAUSE = 5.0  # of the time that reading took, before it is read again


class PlotsScreen(View):
    """Reads the points anew when the task's revision grew, and draws when something changed."""

    CSS_PATH = "plots.tcss"
    NAME = "plots"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(SCREENS["plots"])]

    def __init__(self, plot: int = 0) -> None:
        super().__init__()
        self._plot = plot
        self._metrics = [0] * len(PLOTS)
        self._data: Data | None = None
        self._wanted: tuple[str, int] | None = None
        self._reading = False
        self._not_before = 0.0
        self._limits: tuple[str, dict[str, float]] | None = None
        self._drawn: Shown | None = None

    def body(self) -> ComposeResult:
        yield Lines(id="head")
        yield Page(id="plot")

    def fill(self) -> None:
        overview = self.console.overview
        self._head(overview)
        if overview is None:
            self._say("No task is open.")
            return
        if (overview.task.id, overview.revision) != self._wanted:
            self._read(overview)
        self._draw(overview)

    def on_resize(self) -> None:
        # After the page has its new size.
        self.call_after_refresh(self._redraw)

    def action_step(self, steps: int) -> None:
        self._plot = (self._plot + steps) % len(PLOTS)
        self.query_one(Page).scroll_home(animate=False)
        self._redraw()

    def action_metric(self) -> None:
        count = len(metrics(self._plot))
        if count < 2:
            self.console.say("this plot has one metric: the score")
            return
        self._metrics[self._plot] = (self._metrics[self._plot] + 1) % count
        self._redraw()

    def action_back(self) -> None:
        self.dismiss()

    def _redraw(self) -> None:
        overview = self.console.overview
        if self.ready and self.is_current and overview is not None:
            self._head(overview)
            self._draw(overview)

    def _head(self, overview: Overview | None) -> None:
        plot, metric = self._plot, self._metrics[self._plot]
        lines = self.query_one("#head", Lines)
        lines.show(lambda cells: [head_line(overview, plot, metric, cells)] if overview else [])

    def _say(self, text: str) -> None:
        self._drawn = None
        self.query_one(Page).show(lambda cells: [(), (Span(text, Tone.DIM),)])

    # reading

    def _read(self, overview: Overview) -> None:
        """Never twice at a time, and with pauses where it takes long; a look each second makes
        up for what was left out."""
        if self._reading or time.monotonic() < self._not_before:
            return
        self._reading = True
        self._wanted = (overview.task.id, overview.revision)
        work = self._reads(overview)
        self.run_worker(work, group="read", name="reading the plots", exit_on_error=False)

    async def _reads(self, overview: Overview) -> None:
        began = time.monotonic()
        try:
            self._data = await self._gathered(overview)
        except Exception as error:  # a busy or broken journal must not end the console
            self.console.say(one_line(f"reading the plots failed: {error}"), bad=True)
        finally:
            self._reading = False
            self._not_before = time.monotonic() + _PAUSE * (time.monotonic() - began)
        self._redraw()

    async def _gathered(self, overview: Overview) -> Data:
        source, task = self.console.source, overview.task.id
        points = await source.points(task)
        base = next((point.number for point in points if point.baseline), None)
        baseline = None if base is None else await source.experiment(task, base)
        best = overview.task.best
        chosen = None if best is None else await source.experiment(task, best)
        limits = await self._limits_of(task)
        return Data(task, overview.revision, points, chosen, baseline, limits)

    async def _limits_of(self, task: str) -> dict[str, float]:
        """Those of the task file; none, and why is said, where it cannot be read."""
        if self._limits is None or self._limits[0] != task:
            self._limits = (task, {})
            try:
                self._limits = (task, await limits_of(self.console.source, task))
            except (AutotunerError, OSError) as error:
                self.console.say(f"the limits of the SLO are not shown: {error}", bad=True)
        return self._limits[1]

    # drawing

    def _draw(self, overview: Overview) -> None:
        data = self._data
        if data is None or data.task != overview.task.id:
            self._say("reading …")
            return
        page = self.query_one(Page)
        size = (page.size.width - 2, page.size.height)
        shown = Shown.of(data, overview, self._plot, self._metrics[self._plot],
                         size, self.console.now())  # fmt: skip
        if shown == self._drawn or size[0] <= 0:
            return
        self._drawn = shown
        if len(data.points) < _MANY:
            self._put(drawn(data, overview, shown))
        else:
            work = self._draws(data, overview, shown)
            self.run_worker(work, group="draw", exclusive=True, exit_on_error=False)

    async def _draws(self, data: Data, overview: Overview, shown: Shown) -> None:
        lines = await asyncio.to_thread(drawn, data, overview, shown)
        if shown == self._drawn and self.ready:
            self._put(lines)

    def _put(self, lines: Sequence[Line]) -> None:
        self.query_one(Page).show(lambda cells: lines)
