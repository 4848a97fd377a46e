"""Experiments side by side, and their curves over concurrency."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from core.store.views import ExperimentView, Overview
from core.values import one_line
from tui.keys.binding import bindings
from tui.keys.screens import SCREENS
from tui.line import Line, Span, Tone, apart, line
from tui.screens.base import View
from tui.views.compare import MOST, comparison, overlaid, sides
from tui.views.curves import METRICS
from tui.widgets.base import Lines
from tui.widgets.page import Page

_LEAST_PLOT, _PLOT = 9, 20  # rows of the curves


class CompareScreen(View):
    """`numbers` are the experiments from left to right; the first is what others are held
    against. At most six are shown.
    """

    CSS_PATH = "compare.tcss"
    NAME = "compare"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(SCREENS["compare"])]

    def __init__(self, numbers: Sequence[int]) -> None:
        super().__init__()
        self._numbers = tuple(numbers)
        self._views: tuple[ExperimentView, ...] = ()
        self._read: tuple[str, int] | None = None
        self._reading = False
        self._metric = 0
        self._everything = False

    def body(self) -> ComposeResult:
        yield Lines(id="head")
        yield Page(id="side-by-side")

    def fill(self) -> None:
        overview = self.console.overview
        if overview is None:
            return
        wanted = (overview.task.id, overview.revision)
        if wanted != self._read and not self._reading:
            self._reading = True
            work = self._reads(overview.task.id, wanted)
            self.run_worker(work, exclusive=True, exit_on_error=False)
        self._draw(overview)

    def on_resize(self) -> None:
        self.call_after_refresh(self.show)

    def action_all(self) -> None:
        self._everything = not self._everything
        self.fill()

    def action_curve(self) -> None:
        self._metric = (self._metric + 1) % len(METRICS)
        self.fill()

    async def action_back(self) -> None:
        await self.dismiss()

    async def _reads(self, task: str, wanted: tuple[str, int]) -> None:
        source = self.console.source
        try:
            views = [await source.experiment(task, one) for one in self._numbers[:MOST]]
            self._views, self._read = tuple(view for view in views if view), wanted
        except Exception as error:  # a busy or broken journal; the next snapshot tries again
            self.console.say(one_line(f"reading failed: {error}"), bad=True)
        finally:
            self._reading = False
        if self.is_current:
            self.show()

    def _draw(self, overview: Overview) -> None:
        found, everything, metric = (
            sides(overview.task, self._views),
            self._everything,
            self._metric,
        )
        self.query_one("#head", Lines).show(lambda cells: [self._head(overview, cells)])
        page = self.query_one(Page)
        room = page.size.height
        if not found:
            page.show(lambda cells: [line(Span("reading …", Tone.DIM))])
            return

        def built(cells: int) -> list[Line]:
            table = comparison(overview.task, found, cells, everything=everything)
            rows = min(_PLOT, max(_LEAST_PLOT, room - len(table) - 1))
            return [*table, (), *overlaid(found, metric, cells, rows)]

        page.show(built)

    def _head(self, overview: Overview, cells: int) -> Line:
        left: list[Span | str] = [Span(f" {overview.task.name}", Tone.STRONG), "  side by side"]
        if len(self._numbers) > MOST:
            left.append(Span(f"  the first {MOST} of {len(self._numbers)} marked", Tone.WARN))
        what = "everything" if self._everything else "what differs"
        return apart(line(*left), line(Span(f"{what} ", Tone.DIM)), cells)
