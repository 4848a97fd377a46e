"""A task's screen with its rows, for the tests of what is done there."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path

from core.store.views import TaskDetail
from tests.tui_console import NARROW, console, text, until
from tests.tui_sample import CHAT, FakeSource, done
from tui.screens.task import TaskScreen
from tui.widgets.results import ResultsTable


@asynccontextmanager
async def task(source: FakeSource, home: Path, size: tuple[int, int] = NARROW):
    """The task's screen with its rows."""
    async with console(source, home, size, CHAT.id) as (app, pilot):
        await until(pilot, lambda: isinstance(app.screen, TaskScreen) and table(app).page.total)
        await pilot.pause()
        yield app, pilot


def table(app) -> ResultsTable:
    return app.screen.query_one(ResultsTable)


def numbers(app) -> list[int]:
    return [int(row.split()[0]) for row in table(app).lines]


def header(app) -> str:
    """The line with the titles of the columns."""
    return next(one for one in text(app).splitlines() if "#" in one and "SLO" in one)


def write(source: FakeSource, *experiments) -> None:
    """The runner wrote."""
    source.details[CHAT.id] = TaskDetail(CHAT, experiments)
    source.revision += 1


def many(count: int):
    return tuple(done(n, n, 2048, 100.0 + n * 7 % 1000, 0.4) for n in range(count))
