"""Reading results while a runner writes, while readers are cancelled, before anything is there."""

import asyncio
import time
from pathlib import Path

import pytest

from core.paths import Home
from core.store.columns import COLUMNS
from core.store.journal import Journal
from core.store.reader import Reader
from core.store.views import Condition, ResultQuery
from core.values import ExperimentState
from tests.big_journal import add_finished, fill

NEWEST = ResultQuery()


@pytest.fixture
def own(tmp_path: Path) -> Home:
    return Home(tmp_path / "own").create()


async def test_rows_follow_what_is_written(own: Home):
    """Also what names no experiment: work that a dead runner left open."""
    task = fill(own, 10, running=True)
    by_state = ResultQuery("state", False)
    async with Reader.open(own) as reader, Journal.open(own.database) as journal:
        before = await reader.results(task, by_state, 0, 20)
        assert before.rows[0].state is ExperimentState.BENCHMARKING
        await journal.interrupt_open()
        after = await reader.results(task, by_state, 0, 20)
        assert ExperimentState.BENCHMARKING not in {row.state for row in after.rows}
        assert (await reader.results(task, NEWEST, 0, 1)).rows[0].number == 9
        number = add_finished(own, task)
        assert (await reader.results(task, NEWEST, 0, 1)).rows[0].number == number == 10
        assert await reader.place(task, NEWEST, number) == 0
        await journal.set_experiment(task, number, ExperimentState.FAILED)
        failed = ResultQuery(conditions=(Condition("state", "=", "failed"),))
        assert (await reader.results(task, failed, 0, 1)).rows[0].number == number


async def test_readers_that_are_cancelled_leave_the_next_ones_right(own: Home):
    task = fill(own, 60)
    async with Reader.open(own) as reader:
        whole = await reader.results(task, ResultQuery("e2e_p99"), 0, 60)
    async with Reader.open(own) as reader:
        for delay in (0.0, 0.0003, 0.001, 0.003, 0.01):
            reading = asyncio.gather(
                reader.results(task, ResultQuery("e2e_p99"), 0, 60),
                reader.overview(task),
                reader.points(task),
            )
            await asyncio.sleep(delay)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        assert await reader.results(task, ResultQuery("e2e_p99"), 0, 60) == whole
        overview = await reader.overview(task)
        assert overview is not None
        assert overview.experiments == 60
        assert len(overview.flags) == 6


async def test_reading_never_holds_the_writer_up(own: Home):
    task = fill(own, 300)
    async with Reader.open(own) as reader, Journal.open(own.database) as journal:
        written = 0

        async def reading() -> None:
            for name in [*COLUMNS]:
                await reader.results(task, ResultQuery(name), 0, 50)

        work = asyncio.ensure_future(reading())
        while not work.done():
            await asyncio.wait_for(journal.event("still.writing", task), 5)
            written += 1
        await work
        assert written > 5


async def test_before_any_runner_there_is_nothing(own: Home):
    async with Reader.open(own) as reader:
        assert (await reader.results("x", NEWEST, 0, 10)).rows == ()
        assert await reader.place("x", NEWEST, 0) is None
        assert await reader.overview("x") is None
        assert await reader.experiment("x", 0) is None
        assert await reader.points("x") == ()
        assert await reader.commands() == ()


async def test_thousands_of_experiments_do_not_take_long(own: Home):
    task = fill(own, 3000)
    async with Reader.open(own) as reader:
        begun = time.monotonic()
        for query in (NEWEST, ResultQuery("tpot_p99"), ResultQuery("max-num-seqs")):
            assert len((await reader.results(task, query, 1500, 50)).rows) == 50
        assert len(await reader.points(task)) == 3000
        assert await reader.overview(task) is not None
        # A fraction of a second; an answer that is quadratic takes minutes.
        assert time.monotonic() - begun < 10
