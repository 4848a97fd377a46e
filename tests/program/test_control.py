"""What a person asks of a running task, on the real program."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.client import Client
from core.paths import Home
from core.store import ask
from core.store.lock import runner_status
from core.store.reader import Reader
from core.task import load
from core.values import AutotunerError
from tests.e2e import Program, until

HOOK = 'echo "$AUTOTUNER_STATE $AUTOTUNER_BEST" >> told; echo "$AUTOTUNER_SUMMARY" > summary'


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    made = Program(tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work"))
    yield made
    made.close()


def asked(program: Program, verb: str, task: str, **arguments: Any) -> str:
    """As the console asks."""
    return asyncio.run(Client(Home(program.home)).ask(verb, {"task": task, **arguments}))


def experiments(program: Program, task: str) -> list[dict[str, Any]]:
    shown = program("show", task, "--json")
    if shown.returncode:
        return []
    return list(program.show(task)["experiments"])


def measuring(program: Program, task: str, number: int = 0) -> bool:
    """Whether this experiment has a measurement and has not ended."""
    found = experiments(program, task)
    if len(found) <= number:
        return False
    return bool(found[number]["measurements"]) and found[number]["state"] == "benchmarking"


def state(program: Program, task: str) -> str:
    return str(program.show(task)["task"]["state"])


def deadline(program: Program, task: str) -> float | None:
    async def read() -> float | None:
        async with Reader.open(Home(program.home)) as reader:
            found = await reader.find(task)
        assert found is not None
        return found.deadline

    return asyncio.run(read())


def told(program: Program, task: str) -> list[str]:
    name = program.show(task)["task"]["id"]
    path = Home(program.home).task(name) / "told"
    return path.read_text().splitlines() if path.exists() else []


def test_a_task_is_steered_while_it_runs_and_after_it_ended(program: Program):
    file = program.write("live", seqs="[4, 8, 12, 16]", levels="[1, 2, 3]")
    following = program.start("run", file, AUTOTUNER_HOOK=HOOK)
    until(lambda: measuring(program, "live"), 120)

    # A configuration of a person's own comes before what the strategy has in mind.
    assert "experiment 1 will be tried next" in asked(
        program, "enqueue", "live", parameters={"max_num_seqs": 6}
    )
    with pytest.raises(AutotunerError, match="experiment 1 already"):
        asked(program, "enqueue", "live", parameters={"max-num-seqs": "6"})
    # One that cannot start, tried right after it.
    asked(program, "enqueue", "live", parameters={"no-such-flag": 1})
    # No more than these: they are carried out, although the budget is smaller.
    assert asked(program, "budget", "live", experiments=2).startswith("live: 2 experiments")
    until(lambda: following.poll() is not None, 180)
    assert following.returncode == 0
    shown = program.show("live")
    assert shown["task"]["state"] == "completed"
    assert shown["task"]["planned"] == 3
    assert [e["state"] for e in shown["experiments"]] == ["succeeded", "succeeded", "failed"]
    assert [e["reason"] for e in shown["experiments"][1:]] == ["asked for by hand"] * 2
    assert shown["experiments"][1]["parameters"] == {"max-num-seqs": 6}
    best = shown["task"]["best"]
    until(lambda: told(program, "live") == [f"completed {best}"], 30)
    summary = Home(program.home).task(shown["task"]["id"]) / "summary"
    until(lambda: "(simulated)" in summary.read_text(), 30)

    # One failed experiment again, by its number; and no other.
    refused = program("retry", "live", "1")
    assert refused.returncode == 1
    assert "experiment 1 did not fail" in refused.stderr
    assert program("retry", "live", "2").returncode == 0
    until(lambda: state(program, "live") == "completed", 60)
    again = program.show("live")["experiments"]
    assert [start["reason"] for start in again[2]["starts"]] == ["search", "retry"]
    assert len(again) == 3
    until(lambda: len(told(program, "live")) == 2, 30)

    # A budget that grew is worked off; the task's file has it.
    assert "it goes on" in asked(program, "budget", "live", experiments=4)
    until(lambda: state(program, "live") == "completed", 120)
    assert len(experiments(program, "live")) == 4
    assert load(Home(program.home).task_file(shown["task"]["id"])).budget.experiments == 4
    until(lambda: len(told(program, "live")) == 3, 30)

    # By hand once more: this one alone, and the end again.
    asked(program, "budget", "live", experiments=4, duration=1.0)
    asked(program, "enqueue", "live", parameters={"max-num-seqs": 7})
    until(lambda: state(program, "live") == "completed", 120)
    last = experiments(program, "live")
    assert len(last) == 5
    assert last[4]["parameters"] == {"max-num-seqs": 7}
    until(lambda: len(told(program, "live")) == 4, 30)
    assert program.processes() == []


def test_a_failed_experiment_is_tried_again_while_the_task_runs(program: Program):
    file = program.write("again", seqs="[4, 8, 12, 16]", levels="[1, 2, 3]")
    following = program.start("run", file)
    until(lambda: measuring(program, "again"), 120)
    asked(program, "budget", "again", duration=600)
    task = program.show("again")["task"]
    assert deadline(program, "again") == pytest.approx(task["started"] + 600, abs=30)
    asked(program, "budget", "again", duration=None)
    assert deadline(program, "again") is None
    asked(program, "enqueue", "again", parameters={"no-such-flag": 1})
    until(lambda: measuring(program, "again", 2), 120)
    assert experiments(program, "again")[1]["state"] == "failed"
    asked(program, "retry", "again", number=1)
    until(lambda: len(experiments(program, "again")) == 4, 120)
    found = experiments(program, "again")
    assert [start["reason"] for start in found[1]["starts"]] == ["search", "retry"]
    ready = until(lambda: experiments(program, "again")[3]["starts"], 60)
    assert found[1]["starts"][1]["started"] < ready[0]["started"]  # before the strategy's next
    assert program("cancel", "again").returncode == 0
    assert following.wait(30) == 0


@pytest.mark.parametrize("verb", ["pause", "skip", "cancel"])
def test_what_was_asked_is_done_by_the_next_runner(program: Program, verb: str):
    """The runner dies with the row open: it is carried out once, by the one that comes."""
    name = f"orphan-{verb}"
    home = Home(program.home)
    file = program.write(name, seqs="[4, 8]", levels="[1, 2, 3, 4]")
    following = program.start("run", file)
    until(lambda: measuring(program, name), 120)
    following.kill()  # or it would start the next runner itself
    following.wait(10)
    runner = program.runner_pid
    os.kill(runner, signal.SIGSTOP)
    number = asyncio.run(ask.insert_command(home.database, verb, {"task": name}))
    os.kill(runner, signal.SIGKILL)
    until(lambda: not runner_status(home.lock).alive, 30)
    answer = asyncio.run(_answer(home, number))
    shown = program.show(name)
    if verb == "skip":
        assert answer == f"{name}: experiment 0 is skipped"
        assert shown["experiments"][0]["state"] == "cancelled"
        assert program("cancel", name).returncode == 0
    else:
        done = {"pause": "paused", "cancel": "cancelled"}[verb]
        assert answer == f"{name} is {done}"
        assert shown["task"]["state"] == done
        kept = [e["state"] for e in shown["experiments"]]
        assert kept == ["interrupted" if verb == "pause" else "cancelled"]
        if verb == "pause":
            assert program("cancel", name).returncode == 0
    assert program.processes() == []


async def _answer(home: Home, number: int) -> str:
    """What the next runner says to a command that stands there."""
    await Client(home).ensure_runner()
    async with Reader.open(home) as reader:
        while True:
            done, reply, error = await reader.reply(number)
            assert error is None
            if done:
                return reply
            await asyncio.sleep(0.1)


def test_a_hook_is_not_run_twice_by_two_runners(program: Program, tmp_path: Path):
    file = program.write("once", seqs="[4]", levels="[1]", more="budget: {experiments: 1}\n")
    done = program("run", file, AUTOTUNER_HOOK=HOOK)
    assert done.returncode == 0, done.stderr
    until(lambda: told(program, "once") == ["completed 0"], 30)
    os.kill(program.runner_pid, signal.SIGKILL)
    until(lambda: not runner_status(Home(program.home).lock).alive, 30)
    # A task of another name makes the next runner live through an end of its own.
    file = program.write("other", seqs="[4]", levels="[1]", more="budget: {experiments: 1}\n")
    assert program("run", file, AUTOTUNER_HOOK=HOOK).returncode == 0
    until(lambda: told(program, "other") == ["completed 0"], 30)
    assert told(program, "once") == ["completed 0"]
