"""Engines that an earlier program started: found by their label, watched and ended as our own."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.deploy import ending
from core.deploy.process import EngineProcess, end_labelled, labelled

ROOT = Path(__file__).parents[1]
LABEL = "test-found/1/1/"

_STARTER = """
import asyncio, os, sys
from pathlib import Path
from core.deploy.process import EngineProcess
from core.values import LaunchSpec

async def main(code, log, label):
    spec = LaunchSpec(argv=(sys.executable, "-u", "-c", code))
    await EngineProcess.start(spec, dict(os.environ), log, label)
    while not log.read_text():
        await asyncio.sleep(0.01)
    os._exit(0)

asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
"""

SLEEPS = "import time; print('up'); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SLEEPS}"


def left_behind(code: str, log: Path, label: str = LABEL) -> None:
    """An engine whose starter is dead."""
    given = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(
        [sys.executable, "-c", _STARTER, code, log, label], env=given, check=True, timeout=20
    )


async def found(log: Path) -> EngineProcess:
    process = await EngineProcess.find(LABEL, log)
    assert process is not None
    return process


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "engine.log"
    asyncio.run(end_labelled("test-found/"))


async def test_none_where_there_is_none(log: Path):
    assert await EngineProcess.find(LABEL, log) is None


async def test_it_is_the_one_of_exactly_this_label(log: Path, tmp_path: Path):
    left_behind(SLEEPS, tmp_path / "other.log", "test-found/1/11/")
    left_behind(SLEEPS, tmp_path / "part.log", f"{LABEL}bench/")
    assert await EngineProcess.find(LABEL, log) is None
    left_behind(SLEEPS, log)
    process = await found(log)
    (own,) = [one for one in labelled(LABEL) if "bench" not in one.environ()["AUTOTUNER_LABEL"]]
    assert process.identity["pid"] == own.pid
    assert process.exit_code is None
    assert (process.fault, process.presumed) == (None, None)


async def test_children_are_not_taken_for_the_engine(log: Path):
    in_session = "import os, time; os.fork()\n"
    of_its_own = "if os.fork() == 0: os.setsid()\n"
    left_behind(f"{in_session}{of_its_own}print(os.getpid(), end=' '); time.sleep(60)", log)
    while len(log.read_text().split()) < 4:
        await asyncio.sleep(0.02)
    process = await found(log)
    assert process.pid == min(one.pid for one in labelled(LABEL))
    stopped = await process.stop(2.0)
    assert stopped.left == ()
    assert labelled(LABEL) == []


async def test_its_end_is_seen_at_once_and_how_it_ended_is_presumed(log: Path):
    left_behind(SLEEPS, log)
    process = await found(log)
    waiting = asyncio.create_task(process.wait())
    await asyncio.sleep(0.1)
    assert not waiting.done()
    os.kill(process.pid, signal.SIGKILL)
    began = time.monotonic()
    assert await waiting == process.exit_code == -signal.SIGKILL
    assert time.monotonic() - began < 1.0
    assert process.fault is None
    assert process.presumed is not None
    assert process.presumed.transient
    assert "earlier runner" in process.presumed.message
    assert (await process.stop(1.0)).left == ()


async def test_without_a_file_of_it_the_end_is_seen_soon(
    log: Path, monkeypatch: pytest.MonkeyPatch
):
    def refused(pid: int) -> int:
        raise OSError(errno.ENOSYS, "not here")

    monkeypatch.setattr(os, "pidfd_open", refused)
    left_behind(SLEEPS, log)
    process = await found(log)
    await asyncio.sleep(0.3)
    assert process.exit_code is None
    os.kill(process.pid, signal.SIGKILL)
    async with asyncio.timeout(1.0):
        assert await process.wait() == -signal.SIGKILL


@pytest.mark.parametrize(("code", "killed"), [(SLEEPS, False), (STUBBORN, True)])
async def test_it_is_stopped_as_a_child_is(log: Path, code: str, killed: bool):
    left_behind(code, log)
    process = await found(log)
    began = time.monotonic()
    stopped = await process.stop(0.5)
    assert (stopped.killed, stopped.left) == (killed, ())
    assert time.monotonic() - began < 10
    assert labelled(LABEL) == []
    assert process.exit_code is not None
    assert (process.fault, process.presumed) == (None, None)


async def test_the_kernels_doing_is_known_of_it_too(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    counters = tmp_path / "vmstat"
    counters.write_text("oom_kill 0\n")
    monkeypatch.setattr(ending, "_VMSTAT", counters)
    left_behind(SLEEPS, log)
    process = await found(log)
    counters.write_text("oom_kill 1\n")
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    assert process.fault == ending.OUT_OF_MEMORY


async def test_it_goes_on_writing_to_its_log(log: Path):
    left_behind("import time\nfor n in range(9999): print(n); time.sleep(0.01)", log)
    process = await found(log)
    before = log.stat().st_size
    await asyncio.sleep(0.3)
    assert log.stat().st_size > before
    activity = await process.activity()
    assert activity is not None
    assert activity > 0
    await process.stop(1.0)
    numbers = [int(line) for line in log.read_text().split()]
    assert numbers == list(range(len(numbers)))
