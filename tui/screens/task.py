"""2: one task: best so far, the experiment at work, the results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from core.store.filters import parse
from core.store.views import Condition, Overview, TaskView
from core.values import AutotunerError, Scalar, one_line
from tui.beside import Beside, beside
from tui.keys.binding import bindings
from tui.keys.screens import SCREENS
from tui.line import Span, Tone, line
from tui.screens.base import View
from tui.views import words
from tui.views.budget import spent
from tui.views.choices import compared, first_order, known_flags, log_of, not_to_retry
from tui.views.head import HEIGHT, head_lines
from tui.views.results import bar_line
from tui.widgets.base import Lines
from tui.widgets.prompt import Prompt
from tui.widgets.results import ResultsTable
from tui.widgets.table import Table

_TALL = 30  # rows of a terminal that has room for a chart
_CHART = 6


class TaskScreen(View):
    """Order, columns and marks are kept while the console is open; a filter until another task
    is opened.
    """

    CSS_PATH = "task.tcss"
    NAME = "task"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(SCREENS["task"])]

    def __init__(self) -> None:
        super().__init__()
        self._text = ""  # of the filter
        self._shown_task: str | None = None
        self._beside = Beside()
        self._read_beside: object = None

    def body(self) -> ComposeResult:
        yield Lines(id="head")
        yield Lines(id="bar")
        yield ResultsTable(self.console.source, id="results")
        yield Prompt()

    @property
    def table(self) -> ResultsTable:
        return self.query_one(ResultsTable)

    def fill(self) -> None:
        now, overview = self.console.now(), self.console.overview
        head = self.query_one("#head", Lines)
        if overview is None:
            nothing = "No task is open: 1 shows the list." if self.console.opened is None else "…"
            head.show(lambda cells: [(Span(f" {nothing}", Tone.DIM),)])
        else:
            rows = HEIGHT + (_CHART if self.size.height >= _TALL else 0)
            head.styles.height = rows
            self._read(overview)
            closest = self._beside.closest
            head.show(lambda cells: head_lines(overview, now, cells, rows, closest))
            if overview.task.id != self._shown_task:
                self._shown_task = overview.task.id
                self._filter("")
        self.table.follow(overview)
        self._bar()

    def on_resize(self) -> None:
        if self.ready:
            self.fill()

    def on_results_table_read(self) -> None:
        self._bar()
        if self.query_one(Prompt).open and not self._refused(self._text):
            self.query_one(Prompt).note(line(Span(self._hits(), Tone.DIM)))

    def on_table_chosen(self, event: Table.Chosen) -> None:
        from tui.screens.experiment import ExperimentScreen

        screen = ExperimentScreen(int(event.key), self.table.wants, self._came_back)
        self.app.push_screen(screen)

    # the filter

    def on_prompt_typed(self, event: Prompt.Typed) -> None:
        if trouble := self._refused(event.text):
            self.query_one(Prompt).note(line(Span(trouble, Tone.BAD)))
        else:
            self._filter(event.text)

    def on_prompt_done(self, event: Prompt.Done) -> None:
        if trouble := self._refused(event.text):
            self.query_one(Prompt).ask("filter", event.text)
            self.query_one(Prompt).note(line(Span(trouble, Tone.BAD)))
        else:
            self.table.focus()

    def on_prompt_left(self) -> None:
        self._filter("")
        self.table.focus()

    def _refused(self, text: str) -> str:
        """Why it is no filter; empty when it is one."""
        try:
            self._parsed(text)
        except AutotunerError as error:
            return str(error)
        return ""

    def _parsed(self, text: str) -> tuple[tuple[Condition, ...], tuple[str, ...]]:
        overview = self.console.overview
        return parse(text, known_flags(overview) if overview else None)

    def _filter(self, text: str) -> None:
        self._text = text
        conditions, wanted = self._parsed(text)
        query = replace(self.table.wants, conditions=conditions, words=wanted)
        if query != self.table.wants:
            self.table.ask(query)
        self._bar()

    def _hits(self) -> str:
        page = self.table.page
        return f"{words.count(page.matching)} of {words.count(page.total)}"

    def _bar(self) -> None:
        table, text = self.table, self._text
        page, marks, trouble = table.page, len(table.marks), table.trouble
        low, said = table.low, ""
        if overview := self.console.overview:
            said = spent(overview.task, self._beside.budget, self.console.now())
        self.query_one("#bar", Lines).show(
            lambda cells: [bar_line(page, text, marks, trouble, cells, low=low, spent=said)]
        )

    # what the journal's overview does not have

    def _read(self, overview: Overview) -> None:
        """When the task is another one, or its budget or results are."""
        task = overview.task
        wanted = (task.id, task.done, task.planned, task.deadline, task.verdict)
        if wanted != self._read_beside:
            if self._read_beside is None or task.id != self._shown_task:
                self._beside = Beside()
            self._read_beside = wanted
            work = self._reads(task)
            self.run_worker(work, group="beside", exclusive=True, exit_on_error=False)

    async def _reads(self, task: TaskView) -> None:
        try:
            self._beside = await beside(self.console.source, task)
        except Exception as error:  # a busy or broken journal; a later change tries again
            self.console.say(one_line(f"reading failed: {error}"), bad=True)
        if self.ready and self.is_current:
            self.fill()

    # keys

    def action_filter(self) -> None:
        self.query_one(Prompt).ask("filter", self._text)

    def action_detail(self) -> None:
        self.table.action_choose()

    def action_sort(self) -> None:
        from tui.screens.choose import ChooseScreen, Option

        query = self.table.wants
        options = [Option(one.name, one.label) for one in self.table.fields() if one.name]

        def chosen(keys: tuple[str, ...] | None) -> None:
            if keys and keys[0] == query.sort:
                self.action_reverse()
            elif keys:
                falling = first_order(self.table.fields(), keys[0])
                self.table.ask(replace(query, sort=keys[0], descending=falling))

        self.app.push_screen(ChooseScreen("sort by", options, at=query.sort), chosen)

    def action_reverse(self) -> None:
        query = self.table.wants
        self.table.ask(replace(query, descending=not query.descending))

    def action_columns(self) -> None:
        from tui.screens.choose import ChooseScreen, Option

        names = [one.title for one in self.table.fields()[1:]]
        options = [Option(one.title, one.label) for one in self.table.fields()[1:]]
        shown = [name for name in names if name not in self.table.hidden]

        def chosen(keys: tuple[str, ...] | None) -> None:
            if keys is not None:
                others = self.table.hidden - set(names)
                self.table.hide(others | (set(names) - set(keys)))

        self.app.push_screen(ChooseScreen("columns", options, many=True, marked=shown), chosen)

    def action_mark(self) -> None:
        self.table.toggle_mark()
        self._bar()

    def action_unmark(self) -> None:
        self.table.unmark()
        self._bar()

    def action_compare(self) -> None:
        overview = self.console.overview
        best = overview.task.best if overview else None
        numbers = compared(self.table.marks, self.table.number, best)
        if len(numbers) < 2:
            self.console.say("nothing to compare it with: mark two with space")
            return
        from tui.screens.compare import CompareScreen

        self.app.push_screen(CompareScreen(numbers))

    def action_plots(self) -> None:
        from tui.screens.plots import PlotsScreen

        self.app.push_screen(PlotsScreen())

    def action_log(self) -> None:
        row = self.table.row
        at, kind = log_of(row.failure if row else None)
        self.console.open_log(self.table.number, at, kind)

    def action_copy(self) -> None:
        if (number := self._chosen()) is not None:
            self.console.work(self._copy(number), "the command")

    def action_skip(self) -> None:
        from tui.screens.confirm import ConfirmScreen

        overview = self.console.overview
        busy = overview.busy if overview else None
        if overview is None or busy is None:
            self.console.say("nothing to skip: no experiment is at work")
            return
        task = overview.task.id

        def answered(yes: bool | None) -> None:
            if yes:
                self.console.ask("skip", task=task)

        question = f"Skip #{busy.number}? What was measured of it is kept."
        self.app.push_screen(ConfirmScreen(question, "skip it"), answered)

    def action_retry(self) -> None:
        row = self.table.row
        if row is None or self._shown_task is None:
            self._chosen()
        elif trouble := not_to_retry(row.number, row.state):
            self.console.say(trouble)
        else:
            self.console.ask("retry", task=self._shown_task, number=row.number)

    def action_back(self) -> None:
        if self._text:
            self._filter("")
        else:
            self.console.action_go("tasks")

    def flags(self) -> Mapping[str, Scalar] | None:
        """What `a` begins with: the flags of the row under the cursor."""
        return self.table.row.parameters if self.table.row else None

    def engine_of_row(self) -> str | None:
        return self.table.row.engine if self.table.row else None

    def _chosen(self) -> int | None:
        """The experiment under the cursor; None, and said, when there is none."""
        if self.table.number is None:
            self.console.say("no experiment is chosen")
        return self.table.number

    async def _copy(self, number: int) -> None:
        if self._shown_task is not None:
            text = await self.console.source.command(self._shown_task, number)
            self.console.copy(text, f"the command of #{number}")

    def _came_back(self, number: int) -> None:
        """From a report: the cursor goes to the one that was read last."""
        self.table.run_worker(self.table.visit(number), exit_on_error=False)
