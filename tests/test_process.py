"""Engines as processes: first byte, exact environment, and nothing left."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from core.deploy import ending
from core.deploy.base import StartError
from core.deploy.process import LABEL, EngineProcess, end_labelled, labelled
from core.values import LaunchSpec

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def python(code: str) -> LaunchSpec:
    return LaunchSpec(argv=(sys.executable, "-c", code))


async def until(condition, seconds: float = 5.0) -> None:
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("did not come true")


async def test_output_is_kept_from_the_first_byte_and_the_exit_code_is_known(tmp_path: Path):
    log = tmp_path / "engine.log"
    spec = python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    process = await EngineProcess.start(spec, ENVIRONMENT, log, "test-exit/")
    assert await process.wait() == 3
    assert sorted(log.read_text().split()) == ["err", "out"]


async def test_the_environment_is_exactly_what_was_given(tmp_path: Path):
    process = await EngineProcess.start(
        python("import time; time.sleep(60)"), {**ENVIRONMENT, "HTTPS_PROXY": "http://p:1"},
        tmp_path / "engine.log", "test-environment/",
    )  # fmt: skip
    try:
        await until(lambda: psutil.Process(process.pid).environ())
        found = psutil.Process(process.pid).environ()
        assert found == {**ENVIRONMENT, "HTTPS_PROXY": "http://p:1", LABEL: "test-environment/"}
    finally:
        await process.stop(1.0)


async def test_stop_is_gentle_first(tmp_path: Path):
    log = tmp_path / "engine.log"
    spec = python(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('bye', flush=True), sys.exit(0)))\n"
        "print('up', flush=True); time.sleep(60)"
    )
    process = await EngineProcess.start(spec, ENVIRONMENT, log, "test-gentle/")
    await until(lambda: "up" in log.read_text())
    stopped = await process.stop(5.0)
    assert not stopped.killed
    assert "bye" in log.read_text()


async def test_stop_ends_what_ignores_sigterm_and_what_left_the_session(tmp_path: Path):
    log = tmp_path / "engine.log"
    spec = python(
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "os.fork() or os.setsid()\n"
        "print('up', flush=True); time.sleep(60)"
    )
    process = await EngineProcess.start(spec, ENVIRONMENT, log, "test-stubborn/")
    await until(lambda: log.read_text().count("up") == 2)
    assert len(labelled("test-stubborn/")) == 2
    stopped = await process.stop(0.3)
    assert stopped.killed
    assert stopped.left == ()
    assert labelled("test-stubborn/") == []


async def test_a_sweep_touches_only_its_own_label(tmp_path: Path):
    spec = python("import time; time.sleep(60)")
    mine = await EngineProcess.start(spec, ENVIRONMENT, tmp_path / "a.log", "test-home-a/1/")
    other = await EngineProcess.start(spec, ENVIRONMENT, tmp_path / "b.log", "test-home-b/1/")
    try:
        await until(lambda: labelled("test-home-a/") and labelled("test-home-b/"))
        assert await end_labelled("test-home-a/") == ()
        assert await mine.wait() < 0
        assert other.exit_code is None
    finally:
        await other.stop(1.0)


async def test_a_sweep_spares_what_it_is_told_to(tmp_path: Path):
    spec = python("import time; time.sleep(60)")
    kept = await EngineProcess.start(spec, ENVIRONMENT, tmp_path / "a.log", "test-spare/1/1/")
    other = await EngineProcess.start(spec, ENVIRONMENT, tmp_path / "b.log", "test-spare/1/11/")
    try:
        await until(lambda: len(labelled("test-spare/")) == 2)
        assert await end_labelled("test-spare/", ("test-spare/1/1/", "test-other/")) == ()
        assert await other.wait() < 0
        assert kept.exit_code is None
    finally:
        await kept.stop(1.0)
    assert labelled("test-spare/") == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_who_ended_it_was_somebody_else(tmp_path: Path, number: signal.Signals):
    # Whoever runs the tests in the background may have them ignore some.
    code = "import signal, time\n"
    if number is not signal.SIGKILL:
        code += f"signal.signal({int(number)}, signal.SIG_DFL)\n"
    spec = python(f"{code}print('up', flush=True); time.sleep(60)")
    log = tmp_path / "engine.log"
    process = await EngineProcess.start(spec, ENVIRONMENT, log, "test-outside/")
    await until(lambda: "up" in log.read_text())
    os.kill(process.pid, number)
    assert await process.wait() == -number
    assert process.fault is not None
    assert process.fault.transient
    assert number.name in process.fault.message
    assert process.presumed is None
    assert not (await process.stop(1.0)).killed
    assert process.fault is not None


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS])
async def test_its_own_crash_is_no_fault_of_others(tmp_path: Path, number: signal.Signals):
    spec = python(f"import os; os.kill(os.getpid(), {int(number)})")
    process = await EngineProcess.start(spec, ENVIRONMENT, tmp_path / "engine.log", "test-own/")
    assert await process.wait() == -number
    assert (process.fault, process.presumed) == (None, None)


async def test_our_own_stop_is_no_fault(tmp_path: Path):
    spec = python("import time; time.sleep(60)")
    process = await EngineProcess.start(spec, ENVIRONMENT, tmp_path / "engine.log", "test-ours/")
    await process.stop(1.0)
    assert process.exit_code == -signal.SIGTERM
    assert (process.fault, process.presumed) == (None, None)


async def test_the_kernel_that_lacked_memory_is_told_from_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    counters = tmp_path / "vmstat"
    counters.write_text("nr_free_pages 5\noom_kill 3\n")
    monkeypatch.setattr(ending, "_VMSTAT", counters)
    spec = python("import time; time.sleep(60)")
    process = await EngineProcess.start(spec, ENVIRONMENT, tmp_path / "engine.log", "test-oom/")
    counters.write_text("nr_free_pages 5\noom_kill 4\n")
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    assert process.fault == ending.OUT_OF_MEMORY
    assert not ending.OUT_OF_MEMORY.transient


async def test_activity_grows_with_work_of_the_whole_tree(tmp_path: Path):
    idle = "import subprocess, sys, time; print('up', flush=True)\n"
    busy = "subprocess.Popen([sys.executable, '-c', 'while True: pass'])\n"
    for label, work in (("test-idle/", ""), ("test-busy/", busy)):
        log = tmp_path / f"{label[:-1]}.log"
        process = await EngineProcess.start(
            python(f"{idle}{work}time.sleep(60)"), ENVIRONMENT, log, label
        )
        await until(lambda log=log: "up" in log.read_text())
        await asyncio.sleep(0.3)
        before = await process.activity()
        await asyncio.sleep(1.0)
        after = await process.activity()
        await process.stop(1.0)
        assert before is not None
        assert after is not None
        assert (after - before > 0.2) is bool(work)
        assert bool(work) or after - before < 0.01


@pytest.mark.parametrize("program", ["/nonexistent/vllm", "no-such-program-anywhere"])
async def test_a_missing_program_is_named(tmp_path: Path, program: str):
    with pytest.raises(StartError, match=program):
        await EngineProcess.start(
            LaunchSpec(argv=(program,)), ENVIRONMENT, tmp_path / "engine.log", "test-missing/"
        )
