"""The journal: written before it is shown, one runner, many readers."""

import asyncio
import multiprocessing
import sqlite3
import time
from dataclasses import replace
from pathlib import Path

import pytest

from core.metrics import Distribution, Measurement
from core.paths import Home
from core.store import ask
from core.store.journal import Journal, NewTask
from core.store.lock import RunnerLock, runner_status
from core.store.reader import Reader
from core.store.views import VerdictView
from core.values import (
    AutotunerError,
    Configuration,
    ExperimentState,
    Failure,
    FailureKind,
    Phase,
    Purpose,
    StartReason,
    TaskState,
)

DATA = Measurement(
    scenario="D(1,2)", concurrency=8, purpose=Purpose.SEARCH, requests=200, errors=1,
    error_rate=0.005, input_tokens=200, output_tokens=400, duration=2.5, throughput=160.0,
    total_throughput=240.0, ttft=Distribution(0.1, 0.1, 0.2, 0.3, None), attainment=0.99,
    client_lag=0.001, low_n=True, started=1.0, ended=4.0,
    failure=Failure(FailureKind.HANG, "stuck", "wait", "benchmark.log", 3, "…"),
)  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").create()


def task(name: str = "t1", submitted: float = 1.0) -> NewTask:
    return NewTask(name, "demo", "simulated", "m", "throughput", "tok/s", True, 8, submitted)


async def filled(journal: Journal) -> None:
    await journal.add_task(task())
    await journal.set_task("t1", TaskState.RUNNING, started=2.0)
    configuration = Configuration.of("simulated", {"max-num-seqs": 4, "x": True})
    await journal.add_experiment("t1", 0, configuration, baseline=True, reason="baseline")
    key = await journal.add_start("t1", 0, StartReason.SEARCH)
    await journal.phase(key, Phase.LOAD, 0.5)
    await journal.phase(key, Phase.COMPILE)
    await journal.add_measurement(key, DATA, feasible=False, breaches=("ttft_p95 1 > 0.5",))


async def test_what_is_written_is_what_is_read(home: Home):
    async with Journal.open(home.database) as journal, Reader.open(home) as reader:
        await filled(journal)
        await journal.set_experiment(
            "t1", 0, ExperimentState.INFEASIBLE, score=160.0, feasible=False, chosen=0
        )
        await journal.set_best("t1", None, VerdictView("unconfirmed", 0.1, (0.0, 0.2), 3))
        detail = await reader.detail("t1")
        assert detail is not None
        experiment = detail.experiments[0]
        assert detail.task.verdict == VerdictView("unconfirmed", 0.1, (0.0, 0.2), 3)
        assert detail.task.done == 1
        assert experiment.parameters == {"max-num-seqs": 4, "x": True}
        assert experiment.measurements[0].data == DATA
        assert experiment.measurements[0].breaches == ("ttft_p95 1 > 0.5",)
        load, compiling = experiment.starts[0].phases
        assert load.ended is not None
        assert (compiling.phase, compiling.ended) == (Phase.COMPILE, None)
        kinds = [event.kind for event in detail.events]
        assert kinds[:4] == ["task.queued", "task.running", "experiment.pending", "start.running"]


async def test_a_configuration_is_never_journaled_twice(home: Home):
    async with Journal.open(home.database) as journal:
        await filled(journal)
        again = Configuration.of("simulated", {"x": True, "max_num_seqs": 4})
        with pytest.raises(sqlite3.IntegrityError):
            await journal.add_experiment("t1", 1, again, baseline=False, reason="")
        # The refused write must not leave its transaction open.
        await journal.event("still.alive", "t1")


async def test_a_measurement_is_never_counted_twice(home: Home):
    async with Journal.open(home.database) as journal, Reader.open(home) as reader:
        await filled(journal)
        detail = await reader.detail("t1")
        assert detail is not None
        key = await journal.add_start("t1", 0, StartReason.RETRY)
        await journal.add_measurement(key, DATA, feasible=True, breaches=())
        with pytest.raises(sqlite3.IntegrityError):
            await journal.add_measurement(key, DATA, feasible=True, breaches=())


async def test_open_work_of_a_dead_runner_is_interrupted(home: Home):
    async with Journal.open(home.database) as journal, Reader.open(home) as reader:
        await filled(journal)
        await journal.set_experiment("t1", 0, ExperimentState.BENCHMARKING)
        await journal.interrupt_open()
        detail = await reader.detail("t1")
        assert detail is not None
        experiment = detail.experiments[0]
        assert experiment.state is ExperimentState.INTERRUPTED
        assert experiment.starts[0].state == "interrupted"
        assert all(phase.ended for phase in experiment.starts[0].phases)
        assert len(experiment.measurements) == 1
        assert detail.task.state is TaskState.RUNNING


async def test_a_cancelled_write_leaves_no_transaction_behind(home: Home):
    async with Journal.open(home.database) as journal:
        await journal.add_task(task())
        for delay in (0.0, 0.0001, 0.0003, 0.001, 0.003):
            for _ in range(10):
                writing = asyncio.ensure_future(journal.event("x", "t1"))
                await asyncio.sleep(delay)
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)
        await journal.event("after", "t1")


async def test_writers_that_overlap_do_not_mix(home: Home):
    async with Journal.open(home.database) as journal, Reader.open(home) as reader:
        await journal.add_task(task())
        await asyncio.gather(*(journal.event(f"e{i}", "t1") for i in range(50)))
        detail = await reader.detail("t1")
        assert detail is not None
        assert len(detail.events) == 51


async def test_a_resource_is_leased_once_and_comes_back_with_the_start(home: Home):
    async with Journal.open(home.database) as journal:
        await filled(journal)
        first = await journal.add_start("t1", 0, StartReason.RETRY)
        second = await journal.add_start("t1", 0, StartReason.RETRY)
        assert await journal.lease(first, "port:8000")
        assert not await journal.lease(second, "port:8000")
        await journal.end_start(first, "stopped")
        assert await journal.lease(second, "port:8000")


async def test_commands_are_asked_once_and_answered(home: Home):
    async with Journal.open(home.database) as journal, Reader.open(home) as reader:
        number = await ask.insert_command(home.database, "pause", {"task": "t1"})
        (command,) = await journal.open_commands()
        assert (command.id, command.verb, command.arguments) == (number, "pause", {"task": "t1"})
        assert await reader.reply(number) == (False, "", None)
        await journal.finish_command(command, error="no")
        assert await journal.open_commands() == ()
        assert await reader.reply(number) == (True, "", "no")


async def test_a_reader_before_any_runner_sees_nothing_and_then_everything(home: Home):
    async with Reader.open(home) as reader:
        assert await reader.tasks() == ()
        assert not await reader.changed()
        async with Journal.open(home.database) as journal:
            await journal.add_task(task())
            assert await reader.changed()
            assert not await reader.changed()
            assert [t.id for t in await reader.tasks()] == ["t1"]


async def test_a_task_is_read_as_it_was_at_one_moment(home: Home):
    """An event never speaks of an experiment that is not in the same reading."""
    async with Journal.open(home.database) as journal, Reader.open(home) as reader:
        await journal.add_task(task())

        async def writing() -> None:
            for number in range(150):
                one = Configuration.of("simulated", {"x": number})
                await journal.add_experiment("t1", number, one, baseline=False, reason="")

        work = asyncio.ensure_future(writing())
        readings = 0
        while not work.done():
            detail = await reader.detail("t1")
            assert detail is not None
            told = [e.experiment for e in detail.events if e.experiment is not None]
            assert told == [e.number for e in detail.experiments]
            readings += 1
        await work
        assert readings > 5


async def test_readers_that_overlap_or_are_cancelled_do_not_disturb_each_other(home: Home):
    async with Journal.open(home.database) as journal, Reader.open(home) as reader:
        await filled(journal)
        for delay in (0.0, 0.0002, 0.001):
            reading = asyncio.ensure_future(reader.detail("t1"))
            await asyncio.sleep(delay)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        details = await asyncio.gather(*(reader.detail("t1") for _ in range(20)), reader.tasks())
        assert all(details)


async def test_the_newest_task_of_a_name_is_found_and_an_id_wins(home: Home):
    async with Journal.open(home.database) as journal, Reader.open(home) as reader:
        await journal.add_task(task("a1", submitted=1.0))
        await journal.add_task(task("b2", submitted=2.0))
        await journal.add_task(replace(task("c3", submitted=0.5), name="a1"))
        found = await reader.find("demo")
        assert found is not None
        assert found.id == "b2"
        by_id = await reader.find("a1")
        assert by_id is not None
        assert by_id.id == "a1"
        assert await reader.find("x") is None


async def test_a_newer_journal_is_refused(home: Home):
    async with Journal.open(home.database):
        pass
    with sqlite3.connect(home.database) as db:
        db.execute("UPDATE schema_version SET version = 99")
    with pytest.raises(AutotunerError, match="version 99"):
        async with Reader.open(home):
            pass
    with pytest.raises(AutotunerError, match="version 99"):
        async with Journal.open(home.database):
            pass


def _hold(path: Path, held: "multiprocessing.synchronize.Event") -> None:
    with RunnerLock(path, "1.2.3"):
        held.set()
        time.sleep(60)


def test_there_is_one_runner_and_its_death_is_seen(home: Home):
    assert not runner_status(home.lock).alive
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    holder = context.Process(target=_hold, args=(home.lock, held))
    holder.start()
    try:
        assert held.wait(20)
        view = runner_status(home.lock)
        assert (view.alive, view.pid, view.version) == (True, holder.pid, "1.2.3")
        with pytest.raises(AutotunerError, match="another runner"), RunnerLock(home.lock, "1.2.3"):
            pass
    finally:
        holder.kill()
        holder.join()
    died = runner_status(home.lock)
    assert (died.alive, died.pid) == (False, holder.pid)
    with RunnerLock(home.lock, "1.2.3"):
        assert runner_status(home.lock).alive
    left = runner_status(home.lock)
    assert (left.alive, left.pid) == (False, None)
