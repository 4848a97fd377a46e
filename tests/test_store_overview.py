"""The overview of a task: kept up with what is written, and equal to reading anew."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.paths import Home
from core.store import ask
from core.store.journal import Journal, NewTask, StartKey
from core.store.reader import Reader
from core.store.views import Overview, VerdictView
from core.values import (
    Configuration,
    ExperimentState,
    Failure,
    FailureKind,
    Phase,
    Scalar,
    StartReason,
    TaskState,
)
from tests.big_journal import add_finished, fill
from tests.samples import MEASURED

TASK = NewTask("t1", "demo", "simulated", "m", "throughput", "tok/s", True, 8, 1.0)


@pytest.fixture
def own(tmp_path: Path) -> Home:
    return Home(tmp_path / "own").create()


async def overview(reader: Reader, task: str = "t1") -> Overview:
    found = await reader.overview(task)
    assert found is not None
    return found


async def add(journal: Journal, number: int, **flags: Scalar) -> None:
    configuration = Configuration.of("simulated", {**flags, "n": number})
    first = number == 0
    assert await journal.add_experiment("t1", number, configuration, baseline=first, reason="why")


async def score(journal: Journal, number: int, value: float, ended: float, met: bool = True):
    state = ExperimentState.SUCCEEDED if met else ExperimentState.INFEASIBLE
    await journal.set_experiment("t1", number, state, score=value, feasible=met, ended=ended)


async def test_flags_are_those_that_differ_beside_the_baseline(own: Home):
    async with Journal.open(own.database) as journal, Reader.open(own) as reader:
        await journal.add_task(TASK)
        await add(journal, 0, only_baseline=1, fixed=1)
        assert (await overview(reader)).flags == ()
        await add(journal, 1, fixed=2, switch=True, late=1)
        assert (await overview(reader)).flags == ()
        await add(journal, 2, fixed=2, switch=True, late=1)
        assert (await overview(reader)).flags == ("n",)
        await add(journal, 3, fixed=2, switch=1, late=1)  # True is not 1
        assert (await overview(reader)).flags == ("n", "switch")
        await add(journal, 4, fixed=2, switch=True)  # one that has it not differs too
        assert (await overview(reader)).flags == ("late", "n", "switch")
        await add(journal, 5, fixed=2, switch=True, late=1, new=0)
        assert (await overview(reader)).flags == ("late", "n", "new", "switch")
        async with Reader.open(own) as new:
            assert (await overview(new)).flags == ("late", "n", "new", "switch")


async def test_flags_that_differ_only_in_their_kind_differ(own: Home):
    async with Journal.open(own.database) as journal, Reader.open(own) as reader:
        await journal.add_task(TASK)
        await add(journal, 0)
        await add(journal, 1, switch=True, text=8)
        await add(journal, 2, switch=1, text="8")
        assert (await overview(reader)).flags == ("n", "switch", "text")


@pytest.mark.parametrize(
    ("objective", "steps"),
    [
        ("throughput", ((10.0, 5.0), (30.0, 7.0), (50.0, 8.0))),
        ("ttft", ((10.0, 5.0), (20.0, 4.0), (60.0, 3.0))),
    ],
)
async def test_steps_are_the_best_so_far_of_what_meets_the_slo(
    own: Home, objective: str, steps: tuple[tuple[float, float], ...]
):
    async with Journal.open(own.database) as journal, Reader.open(own) as reader:
        await journal.add_task(replace(TASK, objective=objective))
        for number in range(7):
            await add(journal, number)
        for number, value in ((0, 5.0), (2, 7.0), (1, 4.0), (3, 7.0), (4, 8.0), (5, 3.0)):
            await score(journal, number, value, ended=10.0 * (number + 1))
        await score(journal, 6, 99.0 if objective == "throughput" else 0.1, 35.0, met=False)
        assert (await overview(reader)).steps == steps


async def test_what_no_longer_meets_the_slo_is_no_step(own: Home):
    async with Journal.open(own.database) as journal, Reader.open(own) as reader:
        await journal.add_task(TASK)
        await add(journal, 0)
        await score(journal, 0, 5.0, 10.0)
        assert (await overview(reader)).steps == ((10.0, 5.0),)
        await score(journal, 0, 6.0, 20.0, met=False)
        assert (await overview(reader)).steps == ()


async def test_nothing_is_at_work_after_a_runner_died(own: Home):
    """Its successor writes one event, which names neither task nor experiment."""
    task = fill(own, 10, running=True)
    async with Journal.open(own.database) as journal, Reader.open(own) as reader:
        assert (await overview(reader, task)).busy is not None
        await journal.interrupt_open()
        assert (await overview(reader, task)).busy is None


async def test_the_busy_and_the_best_are_shown_in_full(own: Home):
    task = fill(own, 40, running=True)
    async with Reader.open(own) as reader:
        found, detail = await overview(reader, task), await reader.detail(task)
        assert detail is not None
        assert found.task == detail.task
        assert found.busy == detail.experiments[39]
        assert found.busy is not None
        assert found.busy.starts[0].phases[-1].progress == 0.68
        assert detail.task.best is not None
        assert found.best == detail.experiments[detail.task.best]
        assert found.experiments == 40
        assert await reader.overview("unknown") is None


async def test_progress_and_a_new_best_are_shown_though_no_event_tells_of_them(own: Home):
    async with Journal.open(own.database) as journal, Reader.open(own) as reader:
        await journal.add_task(TASK)
        await add(journal, 0)
        await journal.set_experiment("t1", 0, ExperimentState.STARTING)
        key = await journal.add_start("t1", 0, StartReason.SEARCH)
        await journal.phase(key, Phase.LOAD, 0.1)
        before = await overview(reader)
        await journal.phase(key, Phase.LOAD, 0.2, "3 of 15 GB")
        await journal.set_best("t1", 0, VerdictView("unconfirmed", 0.1))
        after = await overview(reader)
        assert before.busy is not None
        assert after.busy is not None
        assert before.busy.starts[0].phases[0].progress == 0.1
        assert after.busy.starts[0].phases[0].detail == "3 of 15 GB"
        assert (before.best, after.task.best, after.best) == (None, 0, after.busy)
        assert after.revision == before.revision


async def test_the_revision_grows_with_whatever_changes_a_row(own: Home):
    failure = Failure(FailureKind.CRASH, "gone")
    async with Journal.open(own.database) as journal, Reader.open(own) as reader:
        await journal.add_task(TASK)
        key = StartKey("t1", 0, 1)
        writes: tuple[Callable[[], Awaitable[object]], ...] = (
            lambda: add(journal, 0),
            lambda: journal.set_experiment("t1", 0, ExperimentState.STARTING, started=1.0),
            lambda: journal.add_start("t1", 0, StartReason.SEARCH),
            lambda: journal.add_measurement(key, MEASURED, feasible=True, breaches=()),
            lambda: score(journal, 0, 1.0, 2.0),
            lambda: journal.end_start(key, "stopped"),
            lambda: journal.set_experiment("t1", 0, ExperimentState.FAILED, failure=failure),
            lambda: journal.reopen_failed("t1"),
            lambda: journal.interrupt_open(),
            lambda: journal.interrupt_open("t1"),
            lambda: journal.cancel_open("t1"),
        )
        last = (await overview(reader)).revision
        for write in writes:
            await write()
            revision = (await overview(reader)).revision
            assert revision > last
            last = revision


STATES = st.sampled_from([state for state in ExperimentState if not state.measured])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 3)),
        st.tuples(st.just("score"), st.integers(0, 8), st.integers(1, 5), st.booleans()),
        st.tuples(st.just("state"), st.integers(0, 8), STATES),
        st.tuples(st.sampled_from(["interrupt", "interrupt all", "cancel", "retry", "pause"])),
    ),
    max_size=12,
)


async def apply(journal: Journal, count: int, step: tuple[object, ...]) -> int:
    """One write; returns how many experiments there are then."""
    match step:
        case ("add", int(value)):
            await add(journal, count, **{f"f{value}": value})
            return count + 1
        case ("score", int(number), int(value), bool(met)) if number < count:
            await score(journal, number, float(value), float(value * 7 % 5), met)
        case ("state", int(number), ExperimentState() as state) if number < count:
            await journal.set_experiment("t1", number, state)
        case ("interrupt",):
            await journal.interrupt_open("t1")
        case ("interrupt all",):
            await journal.interrupt_open()
        case ("cancel",):
            await journal.cancel_open("t1")
        case ("retry",):
            await journal.reopen_failed("t1")
        case ("pause",):
            await journal.set_task("t1", TaskState.PAUSED)
    return count


@settings(max_examples=25)
@given(steps=STEPS)
def test_what_is_kept_up_is_what_a_new_reading_says(
    steps: list[tuple[object, ...]], tmp_path_factory: pytest.TempPathFactory
):
    home = Home(tmp_path_factory.mktemp("kept")).create()

    async def played() -> None:
        async with Journal.open(home.database) as journal, Reader.open(home) as kept:
            await journal.add_task(TASK)
            count = 0
            for step in steps:
                count = await apply(journal, count, step)
                async with Reader.open(home) as new:
                    assert await overview(kept) == await overview(new)
                    (task,) = await new.tasks()
                    assert (await overview(kept)).task == task

    asyncio.run(played())


async def test_more_tasks_than_are_kept_are_all_right(own: Home):
    for number in range(12):
        fill(own, 3 + number, task=f"task{number:04}", seed=number)
    async with Reader.open(own) as reader:
        for _ in range(2):
            for number in range(12):
                found = await overview(reader, f"task{number:04}")
                assert found.experiments == found.task.done == 3 + number
        add_finished(own, "task0003")
        assert (await overview(reader, "task0003")).experiments == 7


async def test_open_commands_are_listed_oldest_first(own: Home):
    async with Journal.open(own.database) as journal, Reader.open(own) as reader:
        first = await ask.insert_command(own.database, "pause", {"task": "t1"})
        second = await ask.insert_command(own.database, "stop", {"container": "c1"})
        found = await reader.commands()
        assert [(one.id, one.verb, one.task) for one in found] == [
            (first, "pause", "t1"),
            (second, "stop", None),
        ]
        assert all(one.asked > 1e9 and one.done is None for one in found)
        (command, _) = await journal.open_commands()
        await journal.finish_command(command, reply="paused", error=None)
        assert [one.id for one in await reader.commands()] == [second]
