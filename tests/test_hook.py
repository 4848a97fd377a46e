"""The hook: told each end of a task once, with no secrets, and never in the way."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from core.export.sentence import sentence
from core.paths import Home
from core.runner.hook import facts, run
from core.store.views import TaskView, VerdictView
from core.values import Failure, FailureKind, TaskState
from tests.control_desk import office, reopened
from tests.samples import TASK

HOOK = 'echo "$AUTOTUNER_STATE" >> told; env > environment; echo to the log'
PATH = os.environ["PATH"]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").create()


def told(home: Home) -> list[str]:
    path = home.task("t1") / "told"
    return path.read_text().split() if path.exists() else []


async def test_each_end_is_told_once(home: Home):
    async with office(home, AUTOTUNER_HOOK=HOOK, PATH=PATH) as desk:
        desk.hooks.ended("t1")
        await desk.hooks.wait()
        assert told(home) == []  # it has not ended
        await desk.state(TaskState.COMPLETED)
        for _ in range(3):
            desk.hooks.ended("t1")
        await desk.hooks.wait()
        assert told(home) == ["completed"]
        await desk.hooks.missed()
        await desk.hooks.wait()
        assert told(home) == ["completed"]
        await desk.journal.requeue("t1")
        await desk.state(TaskState.FAILED)
        desk.hooks.ended("t1")
        await desk.hooks.wait()
        assert told(home) == ["completed", "failed"]
    async with reopened(home) as desk:
        await desk.hooks.missed()
        await desk.hooks.wait()
        assert told(home) == ["completed", "failed"]
        kinds = [event.kind for event in (await desk.detail()).events]
        assert (kinds.count("hook.started"), kinds.count("hook.ended")) == (2, 2)


async def test_an_end_that_was_not_told_is_told_by_the_next_runner(home: Home):
    async with office(home, AUTOTUNER_HOOK=HOOK, PATH=PATH) as desk:
        await desk.state(TaskState.COMPLETED)
    async with reopened(home) as desk:
        await desk.hooks.missed()
        await desk.hooks.wait()
        assert told(home) == ["completed"]


async def test_what_ended_long_ago_is_no_news(home: Home):
    async with office(home, AUTOTUNER_HOOK=HOOK, PATH=PATH) as desk:
        await desk.journal.set_task("t1", TaskState.COMPLETED, ended=time.time() - 90_000)
        await desk.hooks.missed()
        await desk.hooks.wait()
        assert told(home) == []


async def test_a_cancelled_task_is_told_of(home: Home):
    async with office(home, AUTOTUNER_HOOK=HOOK, PATH=PATH) as desk:
        await desk.ask("cancel")
        await desk.hooks.wait()
        assert told(home) == ["cancelled"]


async def test_it_gets_the_tasks_environment_without_secrets(home: Home):
    given = {
        "AUTOTUNER_HOOK": HOOK,
        "PATH": PATH,
        "HF_TOKEN": "hf_very_secret",
        "MY_TOKEN": "another_secret",
        "HTTPS_PROXY": "http://me:hunter22@proxy.invalid:1",
        "HTTP_PROXY": "http://proxy.invalid:1",
        "COPY": "has another_secret in it",
        "LANG": "C",
        "AUTOTUNER_THEME": "mono",
    }
    async with office(home, **given) as desk:
        await desk.state(TaskState.COMPLETED)
        desk.hooks.ended("t1")
        await desk.hooks.wait()
    folder = home.task("t1")
    text = (folder / "environment").read_text()
    for secret in ("hf_very_secret", "another_secret", "hunter22", "AUTOTUNER_HOOK", "THEME"):
        assert secret not in text
    lines = dict(line.partition("=")[::2] for line in text.splitlines())
    assert lines["LANG"] == "C"
    assert lines["http_proxy"] == "http://proxy.invalid:1"
    assert lines["PWD"] == str(folder.resolve())
    assert lines["AUTOTUNER_HOME"] == str(home.root)
    assert lines["AUTOTUNER_TASK"] == "t1"
    assert lines["AUTOTUNER_NAME"] == "demo"
    assert lines["AUTOTUNER_SUMMARY"].startswith("demo completed (simulated): ")
    assert (folder / "hook.log").read_text() == "to the log\n"
    assert (folder / "hook.log").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("hook", "why"),
    [
        ("exit 3", "exit status 3"),
        ("kill -9 $$", "signal 9"),
        ("no-such-program-anywhere", "exit status 127"),
        ("if then", "exit status"),
    ],
)
async def test_its_failure_is_an_event_and_changes_nothing(home: Home, hook: str, why: str):
    async with office(home, AUTOTUNER_HOOK=hook, PATH=PATH) as desk:
        await desk.state(TaskState.COMPLETED)
        before = (await desk.detail()).task
        desk.hooks.ended("t1")
        await desk.hooks.wait()
        detail = await desk.detail()
        assert detail.task == before
        last = detail.events[-1]
        assert last.kind == "hook.failed"
        assert why in str(last.detail["message"])
        assert "hook.log" in str(last.detail["message"])


async def test_a_hook_that_hangs_is_killed_with_all_it_started(home: Home):
    async with office(home, PATH=PATH) as desk:
        folder = home.task("t1")
        began = time.monotonic()
        command = "sleep 600 & echo $! > pid; wait"
        problem = await run(command, {"PATH": PATH}, folder, 1.0)
        assert problem is not None
        assert "did not end within 1 s" in problem
        assert time.monotonic() - began < 30
        child = int((folder / "pid").read_text())
        deadline = time.monotonic() + 20
        while psutil.pid_exists(child) and psutil.Process(child).status() != "zombie":
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        assert desk.hooks.busy is False


async def test_a_task_without_a_hook_leaves_no_trace(home: Home):
    async with office(home, PATH=PATH) as desk:
        await desk.state(TaskState.COMPLETED)
        desk.hooks.ended("t1")
        await desk.hooks.wait()
        home.settings("t1").unlink()
        desk.hooks.ended("t1")
        desk.hooks.ended("unknown")
        await desk.hooks.wait()
        assert not [one for one in (await desk.detail()).events if one.kind.startswith("hook")]
        assert not (home.task("t1") / "hook.log").exists()


async def test_a_log_that_cannot_be_written_is_a_failure_and_no_crash(home: Home):
    async with office(home, AUTOTUNER_HOOK="true", PATH=PATH) as desk:
        await desk.state(TaskState.COMPLETED)
        (home.task("t1") / "hook.log").mkdir()
        desk.hooks.ended("t1")
        await desk.hooks.wait()
        assert (await desk.detail()).events[-1].kind == "hook.failed"


def test_it_is_told_the_result_in_numbers_and_in_a_line():
    view = replace(TASK, verdict=VerdictView("unconfirmed", 0.4286))
    assert facts(view) == {
        "AUTOTUNER_TASK": "abc123",
        "AUTOTUNER_NAME": "demo",
        "AUTOTUNER_STATE": "completed",
        "AUTOTUNER_BEST": "1",
        "AUTOTUNER_SCORE": "1000",
        "AUTOTUNER_UNIT": "tok/s",
        "AUTOTUNER_GAIN": "0.4286",
        "AUTOTUNER_SUMMARY": "demo completed (simulated): best is #1 with 1000.0 tok/s; "
        "unconfirmed: measured once, #1 looks 43 % better than the baseline",
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"best": 0, "verdict": VerdictView("not_better", 0.0)}, "#0, the baseline, with"),
        ({"best": None, "best_score": None}, "nothing met the limits"),
        ({"best": None, "best_score": None, "verdict": None}, "no result"),
        (
            {
                "best": None,
                "state": TaskState.FAILED,
                "failure": Failure(FailureKind.CRASH, "one\nline\x1b[31m"),
            },
            "failed (simulated): crash, one line",
        ),
    ],
)
def test_there_is_always_something_to_say(changes: dict[str, object], said: str):
    view: TaskView = replace(TASK, **changes)  # type: ignore[arg-type]
    text = sentence(view)
    assert said in text
    assert text.isprintable()
    assert all(value.isprintable() for value in facts(view).values())
