"""The table of a task's results: reads the rows in view, and keeps up with what is written."""

from __future__ import annotations

from dataclasses import dataclass, replace

from textual.message import Message

from core.store.views import Overview, ResultPage, ResultQuery, ResultRow
from core.values import one_line
from tui.source import Source
from tui.views.results import Field, Scale, fields, nothing, result_grid
from tui.views.verdict import confirming
from tui.widgets.window import WindowTable


@dataclass(frozen=True, slots=True)
class _Request:
    """What rows depend on: they are read again when one of these is another."""

    task: str
    revision: int
    query: ResultQuery
    window: int  # counts how often others were wanted


class ResultsTable(WindowTable):
    """`follow` says what to show; everything else is the person's: order, filter, marks."""

    @dataclass
    class Read(Message):
        """Rows came, or `trouble` says why not."""

    def __init__(self, source: Source, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._source = source
        self._overview: Overview | None = None
        self._have: _Request | None = None
        self._asked = 0
        self._span = (0, 0)
        self._reading = False
        self._scale = Scale()
        self._lost: int | None = None  # where the cursor was before a filter hid it
        self._row: ResultRow | None = None
        self.wants = ResultQuery()
        self.hidden: frozenset[str] = frozenset()
        self.marks: tuple[int, ...] = ()
        self.page = ResultPage()
        self.trouble: str | None = None

    @property
    def number(self) -> int | None:
        """The experiment under the cursor."""
        return None if self.cursor is None else int(self.cursor)

    @property
    def row(self) -> ResultRow | None:
        """All of the row under the cursor."""
        found = next((row for row in self.page.rows if row.number == self.number), self._row)
        self._row = found if found and found.number == self.number else None
        return self._row

    @property
    def low(self) -> bool:
        """Whether a percentile that rests on too few requests was among the rows."""
        return self._scale.low

    @property
    def _wanted(self) -> int | None:
        """The experiment that the cursor is to be on."""
        return self.number if self._lost is None else self._lost

    def fields(self) -> tuple[Field, ...]:
        """Every column there is."""
        return fields(self._overview, self._scale) if self._overview else ()

    def follow(self, overview: Overview | None) -> None:
        """Show this task as of now. Rows are read only when something about them changed."""
        before, self._overview = self._overview, overview
        if overview is None or before is None or before.task.id != overview.task.id:
            if before is not overview:
                self._begin_anew()
        elif _look(before) != _look(overview):
            self._draw()
        self._catch_up()

    def ask(self, query: ResultQuery) -> None:
        """Other rows, or in another order; the cursor stays on its own."""
        self.wants = query
        self._catch_up()

    def hide(self, names: frozenset[str]) -> None:
        """Leave these columns out."""
        self.hidden = names
        self._draw()

    def toggle_mark(self) -> None:
        """Mark the row under the cursor, or no longer, and go to the next."""
        if (number := self.number) is None:
            return
        others = tuple(one for one in self.marks if one != number)
        self.marks = others if len(others) < len(self.marks) else (*self.marks, number)
        self.mark([str(one) for one in self.marks])
        self.action_move(1)

    def unmark(self) -> None:
        self.marks = ()
        self.mark(())

    async def visit(self, number: int) -> None:
        """Put the cursor on this experiment, wherever its row is."""
        if self._overview is None:
            return
        place = await self._source.place(self._overview.task.id, self.wants, number)
        if place is not None:
            self.put(place)

    def on_window_table_wanted(self, event: WindowTable.Wanted) -> None:
        event.stop()
        if self.window() != self._span:
            self._asked += 1
            self._catch_up()

    def on_table_moved(self) -> None:
        self._lost = None

    def _begin_anew(self) -> None:
        self.forget()
        self._lost = None
        self.unmark()
        self.page, self._have, self._span = ResultPage(), None, (0, 0)

    def _request(self) -> _Request | None:
        if self._overview is None:
            return None
        task, revision = self._overview.task.id, self._overview.revision
        return _Request(task, revision, self.wants, self._asked)

    def _catch_up(self) -> None:
        if not self._reading and self._request() not in (None, self._have):
            self._reading = True
            self.run_worker(self._read(), "reading results", exit_on_error=False)

    async def _read(self) -> None:
        """Until what is shown is what is wanted. Nothing is cancelled on the way: under a
        runner that writes faster than rows are read, some would never be shown."""
        try:
            while (request := self._request()) and request != self._have:
                await self._load(request, self._have)
            self.trouble = None
        except Exception as error:  # a busy or broken journal; the next snapshot tries again
            self.trouble = one_line(f"reading failed: {error}")
        finally:
            self._reading = False
        self.post_message(self.Read())

    async def _load(self, request: _Request, have: _Request | None) -> None:
        others = have is None or replace(have, window=request.window) != request
        number, place = self._wanted, None
        if others and number is not None:
            place = await self._source.place(request.task, request.query, number)
        span = self.window(place)
        page = await self._source.results(request.task, request.query, *span)
        now = self._request()
        if now is None or (now.task, now.query) != (request.task, request.query):
            return  # an answer to an old question
        self._have, self._span, self.page = request, span, page
        fresh = have is None or have.query != request.query
        self._scale = Scale() if fresh else self._scale
        if number != self._wanted:
            place = None  # the person went elsewhere meanwhile
        elif others:
            self._lost = number if place is None else None
        self._draw(place, None if place is None else number, fresh=fresh)
        self.post_message(self.Read())

    def _draw(
        self, place: int | None = None, number: int | None = None, *, fresh: bool = False
    ) -> None:
        overview, page = self._overview, self.page
        if overview is None or self._have is None:
            return
        self._scale = self._scale.grown(overview, page.rows)
        grid = result_grid(overview, page.rows, self._have.query, self._scale, self.hidden)
        empty = nothing(overview, page)
        key = None if number is None else str(number)
        self.hold(grid, page.offset, page.matching, place, empty, key=key, fresh=fresh)


def _look(overview: Overview) -> tuple[object, ...]:
    """What the drawing of a row takes from its task."""
    task = overview.task
    told = (task.best, task.best_score, task.baseline_score, task.verdict, task.state)
    busy = overview.busy.number if overview.busy and confirming(overview) else None
    return (*told, overview.flags, busy)
