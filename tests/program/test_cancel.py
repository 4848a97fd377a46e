"""Stop means stopped: whatever a task is at, what is asked frees everything before it is said."""

from __future__ import annotations

import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests import afterwards
from tests.afterwards import engine, measured, parts, rows, soon, task_state
from tests.e2e import Program, until
from tests.hub_server import Repo, serving
from tests.slow_task import SLOW, phase, submit, submit_file

LIMIT = 10.0
WEIGHTS = random.Random(7).randbytes(30 << 20)
DOWNLOAD = """
name: fetching
model: org/tiny
engine: vllm
command: [/bin/false]
gpus: 0
budget: {experiments: 1}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    made = Program(tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work"))
    yield made
    made("runner", "stop")
    afterwards.nothing_left(made.home)


def leased_port(program: Program) -> int:
    """The port of the newest start; 0 when none is held."""
    found = rows(program.home, "SELECT resource FROM leases WHERE resource LIKE 'port:%'")
    return int(found[-1][0].removeprefix("port:")) if found else 0


def stops(program: Program, name: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Has it done; the moment it is said, nothing is there any more, and it was no long wait."""
    port, began = leased_port(program), time.monotonic()
    done = program(*command)
    took = time.monotonic() - began
    at_once = afterwards.parts(program.home, "engine"), parts(program.home, "bench")
    assert done.returncode == 0, done.stderr
    assert at_once == ([], [])
    assert rows(program.home, "SELECT resource FROM leases") == []
    assert program.processes() == []
    assert took < LIMIT
    if port:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            probe.listen()
    return done


def cancelled(program: Program, name: str) -> None:
    stops(program, name, "cancel", name)
    assert task_state(program.home, name) == "cancelled"
    states = rows(program.home, "SELECT state FROM experiments WHERE task = ?", _id(program, name))
    assert {state for (state,) in states} <= {"cancelled", "succeeded"}


def _id(program: Program, name: str) -> str:
    return afterwards.task_id(program.home, name)


def at_phase(program: Program, wanted: str) -> bool:
    return phase(program) == wanted


def warming_up(program: Program) -> bool:
    """The engine serves and genai-bench is still being imported, or the warm-up is under way."""
    return phase(program) in {"warmup", "ready"}


def requesting(program: Program, name: str) -> bool:
    """A measurement is being made: requests are answered."""
    folder = program.home / "tasks" / _id(program, name)
    return any(one.stat().st_size for one in folder.rglob("requests.jsonl"))


@pytest.mark.parametrize("wanted", ["load", "compile", "capture"])
def test_during_a_start(program: Program, wanted: str):
    submit(program, f"at-{wanted}", SLOW)
    soon(partial(at_phase, program, wanted))
    assert engine(program.home) is not None
    cancelled(program, f"at-{wanted}")


def test_during_the_warm_up(program: Program):
    submit(program, "warm")
    soon(partial(warming_up, program))
    cancelled(program, "warm")


def test_during_a_measurement(program: Program):
    submit(program, "busy", levels="[1]", requests=40)
    soon(partial(requesting, program, "busy"))
    assert len(parts(program.home, "bench")) >= 2  # the launcher, and what it measures
    cancelled(program, "busy")


def test_between_two_measurements(program: Program):
    name = submit(program, "between", levels="[1, 2, 3]")
    soon(lambda: measured(program.home, name), every=0.002)
    cancelled(program, "between")
    assert len(measured(program.home, name)) >= 1


def test_during_a_download(program: Program):
    with serving(tiny=Repo({"config.json": b"{}", "model.safetensors": WEIGHTS})) as hub:
        hub.pause = 0.1
        file = program.cwd / "fetching.yaml"
        file.write_text(DOWNLOAD)
        environment = {"HF_ENDPOINT": hub.url, "HF_HOME": str(program.cwd / "hub")}
        submit_file(program, str(file), "fetching", **environment)
        soon(partial(at_phase, program, "download"))
        soon(
            lambda: [one for one in program.processes() if one not in parts(program.home, "bench")]
        )
        cancelled(program, "fetching")


def test_during_a_repeat(program: Program):
    file = program.write("sure", seqs="[4]", levels="[2]", more="budget: {repeats: 2}\n")
    name = submit_file(program, file, "sure")
    query = "SELECT 1 FROM starts WHERE task = ? AND reason = 'confirm' AND ready > 0"
    soon(lambda: rows(program.home, query, name), 120)
    cancelled(program, "sure")
    assert len(measured(program.home, name)) >= 2


def test_while_a_killed_engine_waits_to_be_started_again(program: Program):
    """After the third time the wait is long enough to be met."""
    name = submit(program, "unlucky", SLOW)
    retries = "SELECT detail FROM events WHERE task = ? AND kind = 'start.retry'"
    for times in range(1, 4):
        victim = soon(lambda: engine(program.home))
        assert victim is not None
        victim.kill()
        soon(lambda: len(rows(program.home, retries, name)) == times)  # noqa: B023
    assert engine(program.home) is None
    cancelled(program, "unlucky")
    assert task_state(program.home, "unlucky") == "cancelled"


def test_skip_frees_everything_of_the_experiment(program: Program):
    name = submit(program, "skipped", SLOW)
    soon(partial(at_phase, program, "compile"))
    stops(program, "skipped", "skip", "skipped")
    assert rows(program.home, "SELECT state FROM experiments WHERE task = ?", name) == [
        ("cancelled",)
    ]
    soon(lambda: task_state(program.home, "skipped") in {"completed", "failed"}, 20)


@pytest.mark.parametrize("busy", [False, True])
def test_the_runner_stops_with_all_it_had(program: Program, busy: bool):
    name = submit(program, f"left-{busy}", 0.02 if busy else SLOW, requests=40)
    ready: Callable[[], bool] = (
        partial(requesting, program, f"left-{busy}")
        if busy
        else partial(at_phase, program, "compile")
    )
    soon(ready)
    stops(program, f"left-{busy}", "runner", "stop")
    soon(lambda: not afterwards.runners(program.home), 5)
    assert task_state(program.home, f"left-{busy}") == "running"
    (state,) = rows(program.home, "SELECT state FROM experiments WHERE task = ?", name)[0]
    assert state == "interrupted"
    cancelled(program, f"left-{busy}")


def test_an_engine_that_ignores_being_asked_is_killed_and_that_is_told(program: Program):
    """Its limit is the task's, and what it took is in the journal."""
    name = submit(program, "deaf", SLOW, more="timeouts: {stop: 1s}\n")
    soon(partial(at_phase, program, "compile"))
    victim = engine(program.home)
    assert victim is not None
    victim.send_signal(signal.SIGSTOP)  # it can do nothing about a SIGTERM
    cancelled(program, "deaf")
    query = "SELECT detail FROM events WHERE task = ? AND kind = 'start.ended'"
    (detail,) = rows(program.home, query, name)[0]
    assert '"killed": true' in detail


def test_the_console_cancels_and_says_so(program: Program):
    submit(program, "watched", SLOW)
    soon(partial(at_phase, program, "load"))
    console = program.console()
    until(partial(console.shows, "watched"), 30)
    console.press("x")
    until(partial(console.shows, "ancel"), 10)
    console.press("y")
    soon(lambda: task_state(program.home, "watched") == "cancelled", LIMIT)
    assert program.processes() == []
    until(partial(console.shows, "cancelled"), 10)
    console.end(signal.SIGTERM)
