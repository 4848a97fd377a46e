"""The runner is killed at what it was at: the next one goes on with the very same processes."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core.client import Client
from core.paths import Home
from core.store import ask
from core.store.lock import runner_status
from core.values import AutotunerError
from tests import afterwards
from tests.afterwards import (
    engine,
    kill_runners,
    measured,
    parts,
    rows,
    soon,
    starts,
    task_id,
    task_state,
)
from tests.e2e import Program
from tests.slow_task import SLOW, phase, submit, submit_file


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    made = Program(tmp_path / "home", tmp_path)
    yield made
    made("runner", "stop")
    afterwards.nothing_left(made.home)


def next_runner(program: Program) -> None:
    asyncio.run(Client(Home(program.home)).ensure_runner())


def completed(program: Program, name: str) -> None:
    soon(lambda: afterwards.task_state(program.home, name) == "completed", 90)


@pytest.mark.parametrize("at", ["load", "capture"])
def test_a_start_goes_on_under_the_next_runner(program: Program, at: str):
    name = submit(program, "starting", SLOW)
    soon(lambda: phase(program) == at)
    before = engine(program.home)
    assert before is not None
    kill_runners(program.home)
    assert phase(program) == at
    next_runner(program)
    completed(program, "starting")
    assert starts(program.home, 0) == [(1, "search", "stopped")]
    assert rows(program.home, "SELECT pid FROM starts") == [(before.pid,)]
    assert parts(program.home, "engine") == []
    log = (Home(program.home).start(name, 0, 1) / "engine.log").read_text()
    assert log.count("Initializing a V1 LLM engine") == 1
    assert log.count("Graph capturing finished") == 1
    assert log.count("Application startup complete") == 1
    ended = rows(program.home, "SELECT phase FROM phases WHERE ended IS NOT NULL")
    assert {"load", "compile", "capture", "ready", "benchmark"} <= {one for (one,) in ended}


def test_a_measurement_goes_on_under_the_next_runner(program: Program):
    name = submit(program, "measuring", levels="[1, 2]", requests=24)
    folder = Home(program.home).start(name, 0, 1) / "measurements" / "search-s0-c2-1"
    timeline = folder / "requests.jsonl"
    soon(lambda: timeline.exists() and timeline.stat().st_size)
    serving, working = engine(program.home), parts(program.home, "bench")
    assert serving is not None
    kill_runners(program.home)
    inode = timeline.stat().st_ino
    assert [one.pid for one in parts(program.home, "bench")] == [one.pid for one in working]
    next_runner(program)
    completed(program, "measuring")
    assert starts(program.home, 0) == [(1, "search", "stopped")]
    assert rows(program.home, "SELECT pid FROM starts") == [(serving.pid,)]
    assert timeline.stat().st_ino == inode
    assert measured(program.home) == [
        (0, "search", "D(40,10)", 1, 1),
        (0, "search", "D(40,10)", 2, 1),
    ]
    found = rows(program.home, "SELECT requests, errors, failure FROM measurements")
    assert all(
        requests >= 24 and (errors, failure) == (0, None) for requests, errors, failure in found
    )


def test_a_measurement_that_ended_while_no_runner_lived_counts(program: Program):
    name = submit(program, "alone", levels="[1]", requests=12)
    folder = Home(program.home).start(name, 0, 1) / "measurements" / "search-s0-c1-1"
    soon((folder / "requests.jsonl").exists)
    kill_runners(program.home)
    soon(lambda: not parts(program.home, "bench"))
    assert measured(program.home) == []
    inode = (folder / "requests.jsonl").stat().st_ino
    next_runner(program)
    completed(program, "alone")
    assert measured(program.home) == [(0, "search", "D(40,10)", 1, 1)]
    assert (folder / "requests.jsonl").stat().st_ino == inode
    assert starts(program.home, 0) == [(1, "search", "stopped")]


def test_a_repeat_goes_on_under_the_next_runner(program: Program):
    file = program.write("again", seqs="[4]", levels="[2]", more="budget: {repeats: 2}\n")
    submit_file(program, file, "again")
    confirming = "SELECT number, attempt, pid FROM starts WHERE reason = 'confirm' AND ready > 0"
    number, attempt, pid = soon(lambda: rows(program.home, confirming), 120)[0]
    look = Home(program.home).start(task_id(program.home, "again"), number, attempt)
    soon(lambda: list(look.glob("measurements/*/requests.jsonl")))
    kill_runners(program.home)
    next_runner(program)
    soon(lambda: dict(_states(program, number))[attempt] != "running", 60)
    own = [one for one in rows(program.home, confirming) if one[:2] == (number, attempt)]
    assert own == [(number, attempt, pid)]
    assert dict(_states(program, number))[attempt] == "stopped"
    query = "SELECT number, attempt, purpose, scenario, concurrency, turn FROM measurements"
    looks = rows(program.home, query)
    assert len(looks) == len(set(looks))
    repeats = [one for one in looks if one[:2] == (number, attempt)]
    assert [turn for *_, turn in repeats] == list(range(1, len(repeats) + 1))
    kinds = rows(program.home, "SELECT kind FROM events WHERE kind = 'start.adopted'")
    assert kinds == [("start.adopted",)]
    assert program("cancel", "again").returncode == 0


def _states(program: Program, number: int) -> list[tuple[int, str]]:
    return [(attempt, state) for attempt, _, state in starts(program.home, number)]


def test_an_engine_that_died_while_no_runner_lived_is_started_again(program: Program):
    submit(program, "robbed", SLOW)
    soon(lambda: phase(program) == "compile")
    kill_runners(program.home)
    before = engine(program.home)
    assert before is not None
    before.kill()
    psutil.wait_procs([before], 10)
    next_runner(program)
    completed(program, "robbed")
    assert [state for _, _, state in starts(program.home, 0)] == ["interrupted", "stopped"]
    assert measured(program.home) == [(0, "search", "D(40,10)", 1, 1)]


@pytest.mark.parametrize("verb", ["pause", "cancel", "skip"])
def test_what_was_asked_before_the_death_leaves_nothing(program: Program, verb: str):
    """Asked of a runner that dies before it can do anything about it."""
    submit(program, "asked", SLOW)
    soon(lambda: phase(program) == "compile")
    for process in afterwards.runners(program.home):
        process.send_signal(signal.SIGSTOP)
    number = asyncio.run(ask.insert_command(Home(program.home).database, verb, {"task": "asked"}))
    kill_runners(program.home)
    next_runner(program)
    soon(lambda: rows(program.home, "SELECT done FROM commands WHERE id = ?", number)[0][0], 10)
    (error,) = rows(program.home, "SELECT error FROM commands WHERE id = ?", number)[0]
    assert error is None
    wanted = {"pause": "paused", "cancel": "cancelled"}
    if verb in wanted:
        assert afterwards.task_state(program.home, "asked") == wanted[verb]
    else:
        (state,) = rows(program.home, "SELECT state FROM experiments")[0]
        assert state == "cancelled"
    assert parts(program.home, "engine") == []
    assert parts(program.home, "bench") == []
    assert rows(program.home, "SELECT * FROM leases") == []


def _ask(program: Program, verb: str, name: str) -> None:
    """Again while the runner says that it is not at that experiment yet."""
    said = ""
    for _ in range(20):
        try:
            asyncio.run(Client(Home(program.home)).ask(verb, {"task": name}))
            return
        except AutotunerError as error:
            said = str(error)
    raise AssertionError(said)


@pytest.mark.parametrize("verb", ["cancel", "pause", "skip"])
def test_what_is_asked_while_the_next_runner_comes_up_leaves_nothing(program: Program, verb: str):
    """At moments that meet it before, while and after it finds the engine again."""
    lock = Home(program.home).lock
    # A pause waits for the engine, and is the same at any moment.
    for delay in (0.0, 0.1) if verb == "pause" else (0.0, 0.05, 0.1, 0.15, 0.2, 0.3):
        name = f"soon-{delay:g}"
        task = submit(program, name, SLOW)
        soon(lambda: phase(program) == "load")
        kill_runners(program.home)
        subprocess.Popen(
            [sys.executable, "-P", "-m", "core.runner"], env=program.environment,
            cwd=program.home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        soon(lambda: runner_status(lock).alive, every=0.005)
        time.sleep(delay)
        _ask(program, verb, name)
        if verb == "skip":
            (state,) = rows(program.home, "SELECT state FROM experiments WHERE task = ?", task)[0]
            assert state == "cancelled", delay
            soon(lambda: task_state(program.home, name) in {"completed", "failed"})  # noqa: B023
        else:
            wanted = {"cancel": "cancelled", "pause": "paused"}[verb]
            assert task_state(program.home, name) == wanted, delay
        assert parts(program.home, "engine") == [], delay
        assert parts(program.home, "bench") == [], delay
        assert rows(program.home, "SELECT * FROM leases") == [], delay


def test_the_parent_starts_a_runner_that_died_again(program: Program):
    submit(program, "night", levels="[1, 2]")
    soon(lambda: phase(program) == "benchmark")
    dead = program.runner_pid
    parent = psutil.Process(dead).parent()
    assert parent is not None
    psutil.Process(dead).kill()
    completed(program, "night")
    assert program.runner_pid != dead
    assert psutil.Process(program.runner_pid).parent() == parent
    assert starts(program.home, 0) == [(1, "search", "stopped")]


def test_stop_ends_what_a_runner_that_died_has_left(program: Program):
    """Whether its parent still waits to start another, or died with it."""
    for parents_too in (False, True):
        name = submit(program, f"stop-{parents_too}", SLOW)
        soon(lambda: phase(program) == "load")
        if parents_too:
            kill_runners(program.home)
        else:
            psutil.Process(program.runner_pid).kill()
        done = program("runner", "stop")
        assert (done.returncode, done.stdout) == (0, "stopped\n"), done.stderr
        soon(lambda: not afterwards.runners(program.home), 10)
        assert parts(program.home, "engine") == []
        assert rows(program.home, "SELECT state FROM tasks WHERE id = ?", name) == [("running",)]
        assert program("cancel", name).returncode == 0
