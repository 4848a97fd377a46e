"""Waiting for engines: how long, for what, and why no longer."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.deploy.process import EngineProcess, end_labelled
from core.engines import registry
from core.paths import Home
from core.runner.ready import EngineFailed, death, wait_ready
from core.store.journal import Journal, NewTask, StartKey
from core.store.reader import Reader
from core.values import Configuration, Failure, FailureKind, LaunchSpec, Phase, StartReason
from tests.simserver import free_port
from tests.tuned import TASK, setup

ENGINE = registry.find("simulated")
LABEL = "test-ready/1/1/"
STARTS = "import sys, time\nsay = lambda text: print(text, flush=True)\nsay('up')\n"
BAR = "'Capturing CUDA graphs: %3d%%|'"


class Place:
    """A journal with one start, and engines for it."""

    def __init__(self, root: Path, journal: Journal, reader: Reader, key: StartKey) -> None:
        self.root = root
        self.journal = journal
        self.reader = reader
        self.key = key
        self.log = root / "engine.log"
        self.port = free_port()

    async def engine(self, code: str) -> EngineProcess:
        spec = LaunchSpec(argv=(sys.executable, "-c", STARTS + code))
        given = {"PATH": os.environ["PATH"]}
        process = await EngineProcess.start(spec, given, self.log, LABEL)
        while "up" not in self.log.read_text():
            await asyncio.sleep(0.01)
        return process

    async def wait(
        self, process: EngineProcess, limit: float, silence: float | None = None
    ) -> Failure:
        """Why it was given up."""
        given = setup(self.root, f"{TASK}timeouts: {{start: {limit}s}}\n")
        with pytest.raises(EngineFailed) as caught:
            await wait_ready(
                given, self.journal, self.key, process, self.port, self.log, silence=silence
            )
        assert not caught.value.under_load
        return caught.value.failure

    async def phases(self) -> dict[Phase, float | None]:
        experiment = await self.reader.experiment("t1", 0)
        assert experiment is not None
        return {phase.phase: phase.progress for phase in experiment.starts[0].phases}


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    home = Home(tmp_path / "home").create()
    async with Journal.open(home.database) as journal, Reader.open(home) as reader:
        task = NewTask("t1", "demo", "simulated", "m", "throughput", "tok/s", True, 8, 1.0)
        await journal.add_task(task)
        configuration = Configuration.of("simulated", {})
        await journal.add_experiment("t1", 0, configuration, baseline=True, reason="baseline")
        key = await journal.add_start("t1", 0, StartReason.SEARCH)
        yield Place(tmp_path, journal, reader, key)
    await end_labelled(LABEL)


async def test_without_progress_the_limit_holds(place: Place):
    process = await place.engine("say('Starting torch.compile'); time.sleep(60)")
    began = time.monotonic()
    failure = await place.wait(process, 2)
    assert 1.9 < time.monotonic() - began < 20
    assert failure.kind is FailureKind.START_TIMEOUT
    assert "timeouts.start (2 s)" in failure.message
    assert "phase compile, without progress for 2 s" in failure.message
    assert (failure.log, failure.line, failure.text) == ("engine.log", 2, "Starting torch.compile")
    assert not failure.transient


async def test_progress_extends_the_limit(place: Place):
    bar = f"for n in range(1, 31): say({BAR} % n); time.sleep(0.1)\n"
    process = await place.engine(f"{bar}time.sleep(60)")
    began = time.monotonic()
    failure = await place.wait(process, 2)
    assert 3.2 < time.monotonic() - began < 20
    assert "phase capture, without progress for" in failure.message
    assert (await place.phases())[Phase.CAPTURE] == pytest.approx(0.30)


async def test_a_bar_that_goes_round_is_no_progress(place: Place):
    bar = f"while True:\n for n in (10, 20): say({BAR} % n); time.sleep(0.1)\n"
    began = time.monotonic()
    await place.wait(await place.engine(bar), 2)
    assert time.monotonic() - began < 20


async def test_what_the_log_held_before_is_no_progress(place: Place):
    place.log.write_text("Starting torch.compile\nCapturing CUDA graphs: 90%|\n")
    bar = f"for n in range(1, 90): say({BAR} % n); time.sleep(0.05)\n"
    process = await place.engine(f"{bar}time.sleep(60)")
    began = time.monotonic()
    failure = await place.wait(process, 2)
    assert time.monotonic() - began < 6  # the bar takes 4.5 s, and would be given 2 s more
    assert failure.kind is FailureKind.START_TIMEOUT
    assert {Phase.COMPILE, Phase.CAPTURE} <= set(await place.phases())


async def test_silent_and_idle_is_a_hang(place: Place):
    process = await place.engine("say('Starting to load model sim-8b...'); time.sleep(60)")
    began = time.monotonic()
    failure = await place.wait(process, 30, silence=1.0)
    assert 0.9 < time.monotonic() - began < 20
    assert failure.kind is FailureKind.HANG
    assert failure.message == "the engine was silent and idle for 1 s in phase load"
    assert failure.text == "Starting to load model sim-8b..."


async def test_a_stopped_process_hangs(place: Place):
    process = await place.engine("while True: pass")
    os.kill(process.pid, signal.SIGSTOP)
    assert (await place.wait(process, 30, silence=1.0)).kind is FailureKind.HANG


async def test_silent_and_at_work_is_no_hang(place: Place):
    child = "import subprocess; subprocess.Popen([sys.executable, '-c', 'while True: pass'])\n"
    process = await place.engine(f"{child}time.sleep(60)")
    failure = await place.wait(process, 4, silence=0.8)
    assert failure.kind is FailureKind.START_TIMEOUT


async def test_idle_and_talking_is_no_hang(place: Place):
    process = await place.engine("while True: say('waiting for a lock'); time.sleep(0.4)")
    failure = await place.wait(process, 4, silence=1.0)
    assert failure.kind is FailureKind.START_TIMEOUT


async def test_who_ended_it_counts_more_than_an_old_line_of_its_log(place: Place):
    line = "ERROR torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.00 GiB."
    process = await place.engine(f"say({line!r}); time.sleep(60)")
    assert death(ENGINE, place.log, process, FailureKind.CRASH).kind is not FailureKind.CRASH
    os.kill(process.pid, signal.SIGKILL)
    failure = await place.wait(process, 30)
    assert failure.kind is FailureKind.CRASH
    assert failure.transient
    assert "SIGKILL" in failure.message


@pytest.mark.parametrize(
    ("line", "kind", "transient"),
    [
        ("serve: error: unrecognized arguments: --foo 1", FailureKind.BAD_FLAG, False),
        ("Starting torch.compile", FailureKind.CRASH, True),
    ],
)
async def test_where_nobody_watched_the_log_is_asked_first(
    place: Place, line: str, kind: FailureKind, transient: bool
):
    await place.engine(f"say({line!r}); time.sleep(60)")
    process = await EngineProcess.find(LABEL, place.log)
    assert process is not None
    while line not in place.log.read_text():
        await asyncio.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    failure = await place.wait(process, 30)
    assert (failure.kind, failure.transient) == (kind, transient)
    assert (failure.line, failure.text) == (2, line)


async def test_its_own_end_is_its_exit_status(place: Place):
    failure = await place.wait(await place.engine("time.sleep(0.3); sys.exit(4)"), 30)
    assert failure.kind is FailureKind.CRASH
    assert failure.message == "the engine ended with exit status 4"
    assert not failure.transient


async def test_a_log_that_was_removed_is_waited_without(place: Place):
    process = await place.engine("time.sleep(60)")
    place.log.unlink()
    failure = await place.wait(process, 1)
    assert (failure.kind, failure.line) == (FailureKind.START_TIMEOUT, None)
