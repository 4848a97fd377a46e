"""What a person asks of the runner: carried out, answered, and never twice."""

from __future__ import annotations

import random
import sqlite3
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engines.registry import ENGINES
from core.paths import Home
from core.runner import by_hand
from core.runner.standing import BY_HAND, broken
from core.search.base import Trial
from core.search.choose import strategy
from core.space import build
from core.store.views import ExperimentView
from core.task import Budget, load, parse
from core.task.dump import save
from core.values import (
    AutotunerError,
    Configuration,
    ExperimentState,
    Failure,
    FailureKind,
    TaskState,
)
from tests.control_desk import TASK, office, reopened

LEN = {"max-model-len": 2048}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").create()


# a configuration by hand


async def test_a_configuration_by_hand_waits_behind_the_baseline(home: Home):
    async with office(home) as desk:
        said = await desk.ask("enqueue", parameters={"max_num_seqs": 12})
        assert "experiment 1" in said
        assert "after the baseline" in said
        assert "max-model-len=2048" in said
        baseline, mine = (await desk.detail()).experiments
        assert (baseline.baseline, baseline.parameters) == (True, LEN)
        assert mine.parameters == {"max-num-seqs": 12, **LEN}
        assert (mine.baseline, mine.reason, mine.state) == (
            False, "asked for by hand", ExperimentState.PENDING,
        )  # fmt: skip


async def test_null_takes_away_what_every_experiment_has(home: Home):
    async with office(home) as desk:
        said = await desk.ask("enqueue", parameters={"max-model-len": None, "x": "8"})
        assert "every experiment" not in said
        assert (await desk.experiment(1)).parameters == {"x": "8"}
        await desk.ask("enqueue", parameters={"motto": "schnell 🚀"})
        assert (await desk.experiment(2)).parameters == {"motto": "schnell 🚀", **LEN}


async def test_a_configuration_that_is_there_is_named_by_its_number(home: Home):
    async with office(home) as desk:
        await desk.tried(0)
        await desk.tried(1, {"max-num-seqs": 8})
        await desk.tried(2, {"max-num-seqs": 16}, failed=True)
        for flags in ({"max-num-seqs": 8}, {"max_num_seqs": "8"}, {"max-num-seqs": 8, **LEN}):
            with pytest.raises(AutotunerError, match="experiment 1 already"):
                await desk.ask("enqueue", parameters=flags)
        with pytest.raises(AutotunerError, match="experiment 2 already; it failed"):
            await desk.ask("enqueue", parameters={"max-num-seqs": 16})
        with pytest.raises(AutotunerError, match="experiment 0 already"):
            await desk.ask("enqueue", parameters=LEN)
        assert len((await desk.detail()).experiments) == 3


async def test_the_baseline_itself_is_no_news_and_leaves_nothing_behind(home: Home):
    async with office(home) as desk:
        with pytest.raises(AutotunerError, match="experiment 0 already"):
            await desk.ask("enqueue", parameters=LEN)
        assert (await desk.detail()).experiments == ()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({}, "expected flags"),
        (None, "expected flags"),
        ([1], "expected flags"),
        ({"port": 1}, "port: set by autotuner-tui"),
        ({"no-model": "x"}, "set by autotuner-tui"),
        ({"max-num-seqs": [1, 2]}, "max-num-seqs: "),
        ({"max-num-seqs": {"low": 1}}, "max-num-seqs: "),
        ({"--max-num-seqs": 1}, "without the dashes"),
        ({"a b": 1}, "not a flag name"),
        ({"a_b": 1, "a-b": 2}, "twice"),
        ({"api-key": "secret"}, "secret"),
        ({"no-x": True}, "write x: false"),
        ({"tensor-parallel-size": 4}, "needs 4 GPUs and the task may use 2"),
        ({"x": 2**80}, "not a usable value"),
        ({"x": "\0"}, "cannot be passed on"),
    ],
)
async def test_what_makes_no_configuration_is_refused(home: Home, flags: object, said: str):
    async with office(home, TASK + "gpus: 2\n") as desk:
        with pytest.raises(AutotunerError) as caught:
            await desk.ask("enqueue", parameters=flags)
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)
        assert (await desk.detail()).experiments == ()


async def test_a_rule_is_named_and_not_obeyed(home: Home):
    async with office(home) as desk:
        flags = {"max-num-seqs": 4000, "max-num-batched-tokens": 100}
        said = await desk.ask("enqueue", parameters=flags)
        assert '"max_num_batched_tokens >= max_num_seqs"' in said
        assert (await desk.experiment(1)).parameters == {**flags, **LEN}


async def test_the_default_of_parallelism_is_not_passed(home: Home):
    async with office(home, TASK + "parallel: {tp: [1, 2]}\ngpus: 2\n") as desk:
        await desk.tried(0)
        with pytest.raises(AutotunerError, match="experiment 0 already"):
            await desk.ask("enqueue", parameters={"tensor-parallel-size": 1})
        await desk.ask("enqueue", parameters={"tensor_parallel_size": 2})
        assert (await desk.experiment(1)).parameters == {"tensor-parallel-size": 2, **LEN}


@pytest.mark.parametrize("ended", [TaskState.COMPLETED, TaskState.FAILED])
async def test_a_task_that_ended_is_queued_for_it_and_for_nothing_else(
    home: Home, ended: TaskState
):
    async with office(home) as desk:
        await desk.tried(0, failed=True)
        await desk.state(ended)
        await desk.ask("enqueue", parameters={"max-num-seqs": 6})
        detail = await desk.detail()
        assert (detail.task.state, detail.task.ended) == (TaskState.QUEUED, None)
        assert await desk.journal.only_open("t1")
        # It stays so through a pause, and ends when there is more to do.
        await desk.ask("pause")
        await desk.ask("resume")
        assert await desk.journal.only_open("t1")
        await desk.ask("budget", experiments=12)
        assert not await desk.journal.only_open("t1")


async def test_a_cancelled_task_tries_nothing(home: Home):
    async with office(home) as desk:
        await desk.state(TaskState.CANCELLED)
        for verb, arguments in (
            ("enqueue", {"parameters": {"x": 1}}),
            ("budget", {"experiments": 2}),
        ):
            with pytest.raises(AutotunerError, match="is cancelled"):
                await desk.ask(verb, **arguments)
        assert (await desk.detail()).experiments == ()


async def test_it_counts_in_the_plan_and_is_never_too_many(home: Home):
    async with office(home, TASK.replace("experiments: 10", "experiments: 2")) as desk:
        assert (await desk.detail()).task.planned == 2
        for count in range(1, 4):
            await desk.ask("enqueue", parameters={"max-num-seqs": 100 + count})
            assert (await desk.detail()).task.planned == max(2, count + 1)
    # Six configurations on the grid, one of them ruled out, and the baseline.
    async with office(Home(home.root / "other")) as desk:
        assert (await desk.detail()).task.planned == 6
        await desk.ask("enqueue", parameters={"max-num-seqs": 4, "max-num-batched-tokens": 8})
        assert (await desk.detail()).task.planned == 6
        await desk.ask("enqueue", parameters={"max-num-seqs": 5})
        assert (await desk.detail()).task.planned == 7


async def test_a_strategys_number_is_not_taken_twice(home: Home):
    async with office(home) as desk:
        await desk.tried(0)
        await desk.ask("enqueue", parameters={"max-num-seqs": 5})
        other = Configuration.of("simulated", {"max-num-seqs": 4})
        taken = await desk.journal.add_experiment("t1", 1, other, baseline=False, reason="grid")
        assert not taken
        assert len((await desk.detail()).experiments) == 2
        assert await desk.journal.add_experiment("t1", 2, other, baseline=False, reason="grid")


FOREIGN: list[dict[str, Any]] = [
    {"max-num-seqs": 10**6},
    {"max-num-seqs": "many"},
    {"max-num-seqs": True},
    {"max-num-seqs": -0.5},
    {"max-num-seqs": float("inf")},
    {},
    {"another-flag": "x", "mode": "c"},
    {"max-num-seqs": 64, "share": 0.8123, "mode": "a", "step": 0.85},
]
SPACE = """
model: m
engine: simulated
parameters:
  max-num-seqs: {low: 1, high: 512, log: true}
  share: {low: 0.5, high: 0.9}
  step: {low: 0.5, high: 0.9, step: 0.1}
  mode: [a, b, true, null]
budget: {experiments: 12}
"""


@pytest.mark.parametrize("name", ["grid", "random", "tpe", "auto"])
def test_no_strategy_stumbles_over_what_lies_outside_the_space(name: str):
    task = parse(SPACE + f"strategy: {name}\n", "t.yaml", Path())
    space = build(task, ENGINES["simulated"])
    asked = strategy(task, space)
    rng = random.Random(7)
    history = [Trial(space.baseline, 90.0, True)]
    foreign = iter(FOREIGN)
    for turn in range(24):
        if (flags := next(foreign, None)) is not None:
            one = Configuration.of("simulated", flags)
            failed = turn % 3 == 0
            score = None if failed else 100.0 + turn
            history.append(Trial(one, score, not failed and turn % 2 == 0, 0.3, failed=failed))
        found = asked.ask(history)
        assert found is not None
        assert found.configuration.key not in {trial.configuration.key for trial in history}
        parameters = found.configuration.parameters
        assert set(parameters) <= {"max-num-seqs", "share", "step", "mode"}
        assert 1 <= int(parameters["max-num-seqs"]) <= 512
        history.append(Trial(found.configuration, rng.uniform(50, 200), True))


def test_what_the_grid_has_is_not_tried_again():
    task = parse(TASK, "t.yaml", Path())
    space = build(task, ENGINES["simulated"])
    grid = list(space.grid())
    history = [Trial(one, 1.0, True) for one in (space.baseline, *grid[1:])]
    found = strategy(task, space).ask(history)
    assert found is not None
    assert found.configuration == grid[0]
    assert strategy(task, space).ask([*history, Trial(grid[0], 1.0, True)]) is None


@given(
    st.dictionaries(
        st.text(max_size=12),
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
        max_size=4,
    )
)
def test_any_flags_are_read_or_refused_in_one_line(flags: dict[str, Any]):
    space = build(parse(TASK, "t.yaml", Path()), ENGINES["simulated"])
    try:
        found = by_hand.read(flags, space)
    except AutotunerError as error:
        said = str(error)
        assert said.strip()
        return
    assert found.configuration.engine == "simulated"
    named = {name.replace("_", "-"): value for name, value in flags.items()}
    for name, value in found.configuration.flags:
        if name in named and not isinstance(value, float):
            assert str(value) == str(named[name])


def view(number: int, kind: FailureKind | None, reason: str = "grid") -> ExperimentView:
    failed = Failure(kind, "no") if kind else None
    state = ExperimentState.FAILED if failed else ExperimentState.SUCCEEDED
    return ExperimentView(
        number, state, number == 0, {"x": number}, None if failed else 1.0,
        failure=failed, reason=reason,
    )  # fmt: skip


def test_what_a_person_tries_does_not_hide_that_a_baseline_cannot_work():
    missing = view(0, FailureKind.MODEL_MISSING)
    flag = view(0, FailureKind.BAD_FLAG)
    assert broken([missing])
    assert broken([missing, view(1, FailureKind.MODEL_MISSING, BY_HAND)])
    assert not broken([missing, view(1, None, BY_HAND)])
    assert broken([flag, view(1, None, BY_HAND)])
    assert not broken([flag, view(1, None)])
    assert not broken([])


# the budget


async def test_a_budget_is_in_the_file_and_in_the_plan_at_once(home: Home):
    async with office(home) as desk:
        said = await desk.ask("budget", experiments=3, duration=5400)
        assert said == "demo: 3 experiments, at most 90m, up to 7 repeats"
        budget = load(home.task_file("t1")).budget
        assert (budget.experiments, budget.duration) == (3, 5400.0)
        task = (await desk.detail()).task
        assert task.planned == 3
        assert task.deadline == pytest.approx(time.time() + 5400, abs=30)
        # Only what is given changes; null takes the limit away.
        assert "1 experiment, at most 90m" in await desk.ask("budget", experiments=1)
        assert "1 experiment, no time limit" in await desk.ask("budget", duration=None)
        assert load(home.task_file("t1")).budget.duration is None
        assert (await desk.detail()).task.deadline is None
        assert "1 experiment, no" in await desk.ask("budget", experiments=None, duration=None)
        assert [path.name for path in home.task("t1").iterdir() if path.name.startswith(".")] == []


async def test_the_rest_of_the_file_stays(home: Home):
    async with office(home) as desk:
        before = load(home.task_file("t1"))
        await desk.ask("budget", experiments=4, duration=0.5)
        after = load(home.task_file("t1"))
        assert after.budget != before.budget
        assert (after.parameters, after.rules, after.workload) == (
            before.parameters, before.rules, before.workload,
        )  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        {}, {"experiments": 0}, {"experiments": -1}, {"experiments": 1.5}, {"experiments": "9"},
        {"experiments": True}, {"experiments": 10**9}, {"duration": 0}, {"duration": -1.0},
        {"duration": "2h"}, {"duration": True}, {"duration": float("nan")},
        {"duration": float("inf")}, {"duration": 1e12}, {"experiments": 5, "duration": -1},
    ],
)  # fmt: skip
async def test_a_budget_that_makes_no_sense_changes_nothing(home: Home, arguments: dict[str, Any]):
    async with office(home) as desk:
        before = home.task_file("t1").read_bytes()
        with pytest.raises(AutotunerError, match="budget: "):
            await desk.ask("budget", **arguments)
        assert home.task_file("t1").read_bytes() == before


@given(st.floats(0.001, 365 * 24 * 3600.0, allow_nan=False))
def test_any_length_of_time_survives_the_file(
    tmp_path_factory: pytest.TempPathFactory, seconds: float
):
    path = tmp_path_factory.mktemp("budget") / "task.yaml"
    save(replace(parse(TASK, "t.yaml", Path()), budget=Budget(3, seconds)), path)
    assert load(path).budget == Budget(3, seconds)


async def test_a_completed_task_goes_on_when_there_is_more_to_do(home: Home):
    async with office(home, TASK.replace("experiments: 10", "experiments: 1")) as desk:
        await desk.tried(0)
        await desk.state(TaskState.COMPLETED)
        assert "goes on" not in await desk.ask("budget", duration=60)
        assert (await desk.detail()).task.state is TaskState.COMPLETED
        assert "it goes on" in await desk.ask("budget", experiments=3)
        detail = await desk.detail()
        assert (detail.task.state, detail.task.ended) == (TaskState.QUEUED, None)


async def test_a_completed_task_that_tried_everything_stays(home: Home):
    async with office(home, TASK.replace("[4, 8, 16]", "8").replace("[8, 1024]", "8")) as desk:
        await desk.tried(0, {"max-num-seqs": 8, "max-num-batched-tokens": 8})
        await desk.state(TaskState.COMPLETED)
        said = await desk.ask("budget", experiments=30)
        assert "every configuration has been tried" in said
        assert (await desk.detail()).task.state is TaskState.COMPLETED


async def test_less_than_what_was_done_is_allowed(home: Home):
    async with office(home) as desk:
        for number in range(3):
            await desk.tried(number, {"x": number})
        await desk.state(TaskState.RUNNING)
        said = await desk.ask("budget", experiments=2)
        assert "the running experiment is the last" in said
        assert (await desk.detail()).task.planned == 3


# trying again


async def test_one_failed_experiment_is_tried_again(home: Home):
    async with office(home) as desk:
        await desk.tried(0)
        await desk.tried(1, {"x": 1}, failed=True)
        await desk.tried(2, {"x": 2}, failed=True)
        await desk.state(TaskState.RUNNING)
        said = await desk.ask("retry", number=1)
        assert said == "demo: experiment 1 will be tried again"
        detail = await desk.detail()
        states = [str(experiment.state) for experiment in detail.experiments]
        assert states == ["succeeded", "pending", "failed"]
        assert detail.task.state is TaskState.RUNNING
        for number, why in (
            (0, "experiment 0 did not fail, it is succeeded"),
            (1, "experiment 1 did not fail, it is pending"),
            (7, "has no experiment 7"),
            ("x", "no number"),
            (True, "no number"),
        ):
            with pytest.raises(AutotunerError, match=why):
                await desk.ask("retry", number=number)
        assert "1 experiment(s)" in await desk.ask("retry")
        with pytest.raises(AutotunerError, match="nothing to retry"):
            await desk.ask("retry")


async def test_a_task_that_ended_goes_on_with_what_is_tried_again(home: Home):
    async with office(home) as desk:
        await desk.tried(0, failed=True)
        await desk.state(TaskState.FAILED)
        await desk.ask("retry", number=0)
        assert (await desk.detail()).task.state is TaskState.QUEUED
        assert not await desk.journal.only_open("t1")


async def test_a_paused_task_stays_paused(home: Home):
    async with office(home) as desk:
        await desk.tried(0, failed=True)
        await desk.ask("pause")
        assert "when the task goes on" in await desk.ask("enqueue", parameters={"x": 1})
        assert "when the task goes on" in await desk.ask("retry")
        assert (await desk.detail()).task.state is TaskState.PAUSED


# asked → done


async def test_an_unknown_verb_and_an_unknown_task_are_answered(home: Home):
    async with office(home) as desk:
        with pytest.raises(AutotunerError, match="cannot dance"):
            await desk.ask("dance")
        for verb in ("pause", "resume", "cancel", "retry", "skip", "enqueue", "budget"):
            with pytest.raises(AutotunerError, match="no task 'nope'"):
                await desk.ask(verb, task="nope")


async def test_an_answer_and_its_effect_are_written_together_or_not_at_all(
    home: Home, monkeypatch: pytest.MonkeyPatch
):
    async with office(home) as desk:
        await desk.tried(0, failed=True)

        async def torn(*_: object, **__: object) -> None:
            raise sqlite3.OperationalError("disk is full")

        with monkeypatch.context() as patched:
            patched.setattr(desk.journal, "finish_command", torn)
            for verb, arguments in (("retry", {}), ("enqueue", {"parameters": {"x": 1}})):
                await desk.insert(verb, {"task": "t1", **arguments})
            for command in await desk.journal.open_commands():
                with pytest.raises(sqlite3.OperationalError):
                    await desk.desk.carry_out(command)
        detail = await desk.detail()
        assert [str(one.state) for one in detail.experiments] == ["failed"]
        assert len(await desk.journal.open_commands()) == 2


async def test_the_next_runner_carries_out_what_was_left_and_only_once(home: Home):
    async with office(home) as desk:
        await desk.tried(0)
        await desk.tried(1, {"x": 1}, failed=True)
        await desk.state(TaskState.RUNNING)
        asked = [
            await desk.insert("enqueue", {"task": "t1", "parameters": {"max-num-seqs": 5}}),
            await desk.insert("budget", {"task": "t1", "experiments": 7}),
            await desk.insert("retry", {"task": "t1"}),
            await desk.insert("pause", {"task": "t1"}),
            await desk.insert("leave", {}),
        ]
    async with reopened(home) as desk:
        await desk.desk.settle(time.time())
        answers = [await desk.answer(number) for number in asked]
        assert answers[0].startswith("demo: experiment 2 will be tried next")
        assert answers[1].startswith("demo: 7 experiments")
        assert answers[2] == "demo: 1 experiment(s) will be tried again"
        assert answers[3] == "demo is paused"
        assert answers[4] == "the runner had left"
        assert not desk.desk.leaving
        detail = await desk.detail()
        assert detail.task.state is TaskState.PAUSED
        assert [str(one.state) for one in detail.experiments] == ["succeeded", "pending", "pending"]
        await desk.desk.settle(time.time())
        assert len((await desk.detail()).experiments) == 3


async def test_what_took_effect_before_the_runner_died_is_not_done_again(home: Home):
    async with office(home) as desk:
        for number in range(3):
            await desk.tried(number, {"x": number})
        await desk.state(TaskState.RUNNING)
        skip = await desk.insert("skip", {"task": "t1"})
        await desk.journal.set_experiment("t1", 1, ExperimentState.CANCELLED)
        await desk.journal.set_experiment("t1", 2, ExperimentState.INTERRUPTED)
        cancel = await desk.insert("cancel", {"task": "t1"})
        await desk.journal.cancel_open("t1")
    async with reopened(home) as desk:
        await desk.desk.settle(time.time())
        assert await desk.answer(skip) == "demo: experiment 1 is skipped"
        assert await desk.answer(cancel) == "demo is cancelled"


async def test_a_skip_that_was_left_ends_what_was_interrupted(home: Home):
    async with office(home) as desk:
        await desk.tried(0)
        await desk.tried(1, {"x": 1})
        await desk.state(TaskState.RUNNING)
        await desk.journal.set_experiment("t1", 1, ExperimentState.BENCHMARKING)
        skip = await desk.insert("skip", {"task": "t1"})
    async with reopened(home) as desk:
        await desk.journal.interrupt_open()
        await desk.desk.settle(time.time())
        assert await desk.answer(skip) == "demo: experiment 1 is skipped"
        assert (await desk.experiment(1)).state is ExperimentState.CANCELLED


async def test_what_is_asked_of_this_runner_is_left_to_its_desk(home: Home):
    async with office(home) as desk:
        before = time.time() - 60
        await desk.insert("pause", {"task": "t1"})
        await desk.desk.settle(before)
        assert len(await desk.journal.open_commands()) == 1


async def test_a_desk_that_waits_and_a_task_that_ends_do_not_mix(home: Home):
    """Whoever comes second sees what the first one did."""
    async with office(home) as desk:
        await desk.tried(0)
        await desk.state(TaskState.RUNNING)
        async with desk.worker.turn:
            await desk.state(TaskState.COMPLETED)
        await desk.ask("enqueue", parameters={"x": 5})
        assert (await desk.detail()).task.state is TaskState.QUEUED
