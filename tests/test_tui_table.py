"""Tables: the cursor and the rows in view, whatever is written, sorted or resized."""

from __future__ import annotations

from pathlib import Path
from typing import Generic, TypeVar

import pytest
from textual.app import App, ComposeResult

from core.paths import Home
from tests.big_journal import add_finished, fill
from tests.tui_console import text, until
from tui.app import AutotunerApp
from tui.line import line
from tui.source import JournalSource
from tui.views.layout import Column, Grid, Row
from tui.widgets.results import ResultsTable
from tui.widgets.table import Table
from tui.widgets.window import WindowTable

COLUMNS = (Column("n", right=True), Column("name", grow=True))


def grid(numbers) -> Grid:
    return Grid(COLUMNS, tuple(Row(str(n), (line(str(n)), line(f"row {n}"))) for n in numbers))


T = TypeVar("T", bound=Table)


class Holder(App[None], Generic[T]):
    """A table alone."""

    CSS_PATH = Path(__file__).parents[1] / "tui" / "app.tcss"

    def __init__(self, table: T) -> None:
        super().__init__()
        self.table = table
        self.wanted = 0

    def compose(self) -> ComposeResult:
        yield self.table

    def on_window_table_wanted(self) -> None:
        self.wanted += 1


async def test_the_cursor_of_a_short_table_stays_on_its_row():
    app = Holder(Table())
    async with app.run_test(size=(30, 8)) as pilot:
        app.table.show(grid(range(20)))
        await pilot.press("j", "j", "j")
        assert app.table.cursor == "3"
        app.table.show(grid([30, 31, *range(20)]))
        assert app.table.cursor == "3"
        app.table.show(grid([5, 4, 2]))
        assert app.table.cursor == "2"  # the last one: its own is gone
        app.table.show(grid([]), [line("nothing here")])
        assert app.table.cursor is None
        await until(pilot, lambda: "nothing here" in text(app))


@pytest.mark.parametrize("keys", [("pagedown",), ("ctrl+d",)])
async def test_pages_by_either_key(keys):
    app = Holder(Table())
    async with app.run_test(size=(30, 11)) as pilot:
        app.table.show(grid(range(50)))
        await pilot.press(*keys)
        assert app.table.cursor == "10"


async def test_marks_are_shown_beside_the_cursor():
    app = Holder(Table())
    async with app.run_test(size=(30, 8)) as pilot:
        app.table.show(grid(range(3)))
        app.table.mark(["0", "2"])
        await until(pilot, lambda: text(app).splitlines()[1].startswith("▸•0"))
        assert text(app).splitlines()[3].startswith(" •2")
        app.table.mark([])
        await until(pilot, lambda: "•" not in text(app))


async def held(app: Holder[WindowTable], total: int, order=None) -> None:
    """What a source would do: bring the window that is wanted."""
    table = app.table
    order = order or list(range(total))
    place = order.index(int(table.cursor)) if table.cursor else None
    first, count = table.window(place)
    table.hold(grid(order[first : first + count]), first, total, place)


async def test_a_step_to_rows_that_are_not_held_waits_for_them():
    app = Holder(WindowTable())
    async with app.run_test(size=(30, 12)) as pilot:
        await held(app, 5000)
        before = text(app)
        await pilot.press("G")
        assert app.table.cursor == "0"
        assert text(app) == before  # what was shown stays
        assert app.wanted
        await pilot.press("k", "k")
        await held(app, 5000)
        assert app.table.cursor == "4997"
        await until(pilot, lambda: "row 4997" in text(app))
        assert "…" not in text(app)


async def test_the_cursor_keeps_its_line_when_the_order_changes():
    app = Holder(WindowTable())
    async with app.run_test(size=(30, 12)) as pilot:
        await held(app, 3000)
        await pilot.press(*("j",) * 20)
        lines = text(app).splitlines()
        at = next(y for y, one in enumerate(lines) if one.startswith("▸"))
        await held(app, 3000, list(reversed(range(3000))))
        await pilot.pause()
        assert app.table.cursor == "20"
        assert text(app).splitlines()[at].startswith("▸")
        assert "row 20" in text(app).splitlines()[at]


async def test_scrolling_by_wheel_moves_no_cursor_and_asks_for_rows():
    app = Holder(WindowTable())
    async with app.run_test(size=(30, 12)) as pilot:
        await held(app, 3000)
        await pilot.pause()
        app.table.scroll_to(y=1500, animate=False)
        await until(pilot, lambda: app.wanted)
        assert "…" in text(app)
        await held(app, 3000)
        await until(pilot, lambda: "row 1500" in text(app))
        assert app.table.cursor == "0"
        await held(app, 3001)  # something was written: what the eye reads stays
        await pilot.pause()
        assert "row 1500" in text(app)


async def test_fewer_rows_than_before():
    app = Holder(WindowTable())
    async with app.run_test(size=(30, 12)) as pilot:
        await held(app, 3000)
        await pilot.press("G")
        await held(app, 3000)
        app.table.hold(grid(range(3)), 0, 3)
        await pilot.pause()
        assert app.table.cursor == "2"
        assert "row 0" in text(app)
        app.table.hold(grid([]), 0, 0, None, [line("none")])
        await until(pilot, lambda: "none" in text(app))
        assert app.table.cursor is None


async def test_thousands_of_rows_of_a_real_journal(tmp_path, monkeypatch):
    home = Home(tmp_path)
    task = fill(home, 3000, 1, running=True)
    source = JournalSource(home, tmp_path)
    asked: list[int] = []
    results = source.results

    async def counted(*query):
        asked.append(query[3])
        return await results(*query)

    async def no_runner() -> None: ...

    monkeypatch.setattr(source, "results", counted)
    monkeypatch.setattr(source, "ensure_runner", no_runner)
    app = AutotunerApp(source, home, task)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.screen.query(ResultsTable) and _table(app).total == 3000)
        assert _table(app).number == 2999
        await pilot.press("slash", *"ttft<200ms tp=2", "enter")
        await until(pilot, lambda: 0 < _table(app).total < 3000)
        assert all(row.parameters["tensor-parallel-size"] == 2 for row in _table(app).page.rows)
        await pilot.press("escape")
        await until(pilot, lambda: _table(app).total == 3000 and _table(app).number == 2999)
        await pilot.press("s", *"score", "enter")
        await until(pilot, lambda: "score↓" in text(app))
        await until(pilot, lambda: "▸ 2999" in text(app))
        await pilot.press("g")
        await until(pilot, lambda: _table(app).row == _table(app).page.rows[0])
        scores = [row.score or 0.0 for row in _table(app).page.rows]
        assert scores == sorted(scores, reverse=True)
        await pilot.press("j", "j", "j")
        number = _table(app).number
        add_finished(home, task)
        await until(pilot, lambda: _table(app).page.total == 3001)
        assert _table(app).number == number
        await pilot.press("enter")
        await until(pilot, lambda: f"#{number}" in text(app) and "measurements" in text(app))
        await until(pilot, lambda: "vllm" in text(app))
        await pilot.press("escape")
    assert max(asked) < 200


def _table(app) -> ResultsTable:
    return app.screen.query_one(ResultsTable)
