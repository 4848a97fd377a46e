"""A killed runner costs no second container; what is asked in any phase removes it for sure."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.client import Client
from core.paths import Home
from tests import afterwards
from tests.afterwards import kill_runners, measured, rows, soon, starts, task_state
from tests.e2e import Program
from tests.real.containers import Daemon
from tests.slow_task import SLOW, phase, submit

pytestmark = pytest.mark.real

LIMIT = 10.0
BOXED = "deploy: docker\nimage: {image}\ngpus: 0\ntimeouts: {{stop: 5s}}\n"


@pytest.fixture
def program(tmp_path: Path, daemon: Daemon) -> Iterator[Program]:
    made = Program(tmp_path / "home", tmp_path)
    yield made
    made("runner", "stop")
    afterwards.nothing_left(made.home)
    assert daemon.left(made.home) == []


def boxed(program: Program, image: str, name: str, scale: float = 0.02, requests: int = 4) -> str:
    more = BOXED.format(image=image)
    return submit(program, name, scale, "[1, 2]", requests, more)


def container(daemon: Daemon, program: Program) -> str:
    """The one that runs; soon there is one."""
    found = soon(lambda: list(daemon.inspected(program.home)), 60)
    assert len(found) == 1
    return str(found[0])


@pytest.mark.parametrize("at", ["load", "benchmark"])
def test_the_container_is_gone_on_with(program: Program, daemon: Daemon, image: str, at: str):
    name = boxed(program, image, "adopted", SLOW if at == "load" else 0.02, 16)
    soon(lambda: phase(program) == at, 90)
    before = container(daemon, program)
    since = daemon.inspected(program.home)[before]["State"]["StartedAt"]
    kill_runners(program.home)
    asyncio.run(Client(Home(program.home)).ensure_runner())
    soon(lambda: rows(program.home, "SELECT 1 FROM events WHERE kind = 'start.adopted'"), 30)
    assert daemon.inspected(program.home)[before]["State"]["StartedAt"] == since
    soon(lambda: task_state(program.home, "adopted") == "completed", 120)
    assert starts(program.home, 0) == [(1, "search", "stopped")]
    assert rows(program.home, "SELECT container FROM starts") == [(before,)]
    assert measured(program.home) == [(0, "search", "D(40,10)", n, 1) for n in (1, 2)]
    log = (Home(program.home).start(name, 0, 1) / "engine.log").read_text()
    assert log.count("Initializing a V1 LLM engine") == 1
    assert log.count("Application startup complete") == 1
    assert log.count("Shutting down") == 1


@pytest.mark.parametrize("at", ["load", "capture", "benchmark"])
def test_cancelling_leaves_no_container(program: Program, daemon: Daemon, image: str, at: str):
    boxed(program, image, "dropped", 0.02 if at == "benchmark" else SLOW, 40)
    soon(lambda: phase(program) == at, 90)
    container(daemon, program)
    began = time.monotonic()
    cancelled = program("cancel", "dropped")
    took = time.monotonic() - began
    assert daemon.left(program.home) == []
    assert cancelled.returncode == 0, cancelled.stderr
    assert program.processes() == []
    assert rows(program.home, "SELECT * FROM leases") == []
    assert took < LIMIT
    assert task_state(program.home, "dropped") == "cancelled"


def test_cancelling_while_the_container_is_made_leaves_none(
    program: Program, daemon: Daemon, image: str
):
    """Before it runs, or just as it begins to."""
    for delay in (0.0, 0.1, 0.2, 0.4):
        name = f"early-{delay:g}"
        boxed(program, image, name, SLOW)
        soon(lambda: rows(program.home, "SELECT * FROM leases"), every=0.005)
        time.sleep(delay)
        asyncio.run(Client(Home(program.home)).ask("cancel", {"task": name}))
        assert daemon.left(program.home) == [], delay
        assert rows(program.home, "SELECT * FROM leases") == [], delay


def test_a_container_that_is_killed_is_started_again(program: Program, daemon: Daemon, image: str):
    boxed(program, image, "shot", SLOW)
    soon(lambda: phase(program) == "compile", 90)
    daemon.client.api.kill(container(daemon, program))
    soon(lambda: task_state(program.home, "shot") == "completed", 120)
    assert [state for _, _, state in starts(program.home, 0)] == ["interrupted", "stopped"]
    assert measured(program.home) == [(0, "search", "D(40,10)", n, 1) for n in (1, 2)]
