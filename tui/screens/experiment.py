"""One experiment: what was set, what was measured, what went wrong and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from core.store.views import ExperimentView, Overview, ResultQuery
from core.values import AutotunerError, one_line
from tui.keys.binding import bindings
from tui.keys.screens import SCREENS
from tui.limits import limits_of
from tui.line import Span, Tone
from tui.screens.base import View
from tui.views.choices import log_of, not_to_retry
from tui.views.report import Command, report
from tui.widgets.page import Page


class ExperimentScreen(View):
    """`query` is that of the table it came from, which gives the next one and the one before;
    `left` is told the last number that was read here.
    """

    CSS_PATH = "experiment.tcss"
    NAME = "experiment"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(SCREENS["experiment"])]

    def __init__(
        self, number: int, query: ResultQuery | None = None,
        left: Callable[[int], None] = lambda number: None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._number = number
        self._query = query or ResultQuery()
        self._left = left
        self._view: ExperimentView | None = None
        self._read: tuple[str, int, int] | None = None
        self._reading = False
        self._commands: dict[int, Command] = {}
        self._limits: tuple[str, dict[str, float]] = ("", {})

    def body(self) -> ComposeResult:
        yield Page(id="report")

    def fill(self) -> None:
        overview, view, now = self.console.overview, self._view, self.console.now()
        if overview is None:
            return
        self._catch_up(overview)
        page = self.query_one(Page)
        if view is None or view.number != self._number:
            page.show(lambda cells: [(Span(f"reading #{self._number} …", Tone.DIM),)])
            return
        key = self.console.keymap.key("experiment.copy")
        command = self._commands.get(view.number, Command(key))
        task, rows, limits = overview.task, self.size.height, self._limits[1]
        page.show(lambda cells: report(task, view, now, cells, rows, command, limits))

    def on_resize(self) -> None:
        self.call_after_refresh(self.show)

    def action_step(self, steps: int) -> None:
        if overview := self.console.overview:
            self.console.work(self._step(overview.task.id, steps), "the next experiment")

    async def action_back(self) -> None:
        self._left(self._number)
        await self.dismiss()

    async def action_log(self) -> None:
        number, view = self._number, self._view
        at, kind = log_of(view.failure if view and view.number == number else None)
        await self.dismiss()
        self.console.open_log(number, at, kind)

    def action_environment(self) -> None:
        from tui.screens.environment import EnvironmentScreen

        overview, number = self.console.overview, self._number
        if overview is not None:
            whose = f"{overview.task.name} #{number}"
            self.app.push_screen(EnvironmentScreen(overview.task.id, number, whose))

    def action_copy(self) -> None:
        command = self._commands.get(self._number)
        if command and command.text:
            self.console.copy(command.text, f"the command of #{self._number}")
        else:
            self.console.say(command.trouble if command and command.trouble else "not there yet")

    def action_retry(self) -> None:
        overview, view = self.console.overview, self._view
        if overview is None or view is None or view.number != self._number:
            return
        if trouble := not_to_retry(view.number, view.state):
            self.console.say(trouble)
        else:
            self.console.ask("retry", task=overview.task.id, number=view.number)

    def _catch_up(self, overview: Overview) -> None:
        wanted = (overview.task.id, overview.revision, self._number)
        if wanted != self._read and not self._reading:
            self._reading = True
            self.run_worker(self._reads(wanted), "reading", exit_on_error=False)

    async def _reads(self, wanted: tuple[str, int, int]) -> None:
        task, _, number = wanted
        try:
            self._view = await self.console.source.experiment(task, number)
            if self._limits[0] != task:
                self._limits = (task, await self._slo(task))
            self._read = wanted
        except Exception as error:  # a busy or broken journal; the next snapshot tries again
            self.console.say(one_line(f"reading failed: {error}"), bad=True)
        finally:
            self._reading = False
        self._again()
        if number not in self._commands:
            self._commands[number] = await self._command(task, number)
            self._again()

    async def _slo(self, task: str) -> dict[str, float]:
        """None where the task file cannot be read: the curves are shown all the same."""
        try:
            return await limits_of(self.console.source, task)
        except (AutotunerError, OSError):
            return {}

    async def _command(self, task: str, number: int) -> Command:
        key = self.console.keymap.key("experiment.copy")
        try:
            return Command(key, await self.console.source.command(task, number))
        except Exception as error:  # a task file that is gone, an image nobody knows
            return Command(key, trouble=one_line(str(error)))

    async def _step(self, task: str, steps: int) -> None:
        """By the order of the table; by number where it is not in the table."""
        source, number = self.console.source, self._number
        place = await source.place(task, self._query, number)
        if place is None:
            view = await source.experiment(task, number + steps)
            found = view.number if view else None
        elif place + steps < 0:
            found = None
        else:
            page = await source.results(task, self._query, place + steps, 1)
            found = page.rows[0].number if page.rows else None
        if found is None:
            self.console.say("this is the last one" if steps > 0 else "this is the first one")
        else:
            self._number = found
            self.query_one(Page).scroll_home(animate=False)
            self._again()

    def _again(self) -> None:
        if self.is_current:
            self.show()
