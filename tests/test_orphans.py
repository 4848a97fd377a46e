"""What was left of this home is ended; what is gone on with, and what is another's, is not."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import psutil
import pytest

from core import __version__, settings
from core.bench.record import Begun, Process
from core.deploy.docker.labels import Labels
from core.deploy.process import LABEL
from core.doctor.leftovers import leftover_checks
from core.doctor.orphans import Spare, sweep
from core.doctor.report import Check, Verdict
from core.paths import Home
from core.settings import Settings
from core.store.journal import Journal
from core.store.lock import RunnerLock, runner_status
from core.values import Configuration, StartReason, TaskState
from tests.e2e import until
from tests.servers import Answer, serving_at
from tests.test_store import task

NOBODY = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}


@pytest.fixture
def own(tmp_path: Path) -> Home:
    return Home(tmp_path / "own").create()


@contextmanager
def processes(*labels: str) -> Iterator[list[subprocess.Popen[bytes]]]:
    """One sleeping process of each label."""
    with ExitStack() as stack:
        found = []
        for label in labels:
            environ = {**os.environ, LABEL: label}
            command = [sys.executable, "-c", "import time; time.sleep(600)"]
            one = subprocess.Popen(command, env=environ)
            stack.callback(one.wait)
            stack.callback(one.kill)
            until(partial(_is_marked, one.pid))
            found.append(one)
        yield found


def _is_marked(pid: int) -> bool:
    return LABEL in psutil.Process(pid).environ()


def lives(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is None


async def a_running_start(home: Home, state: TaskState = TaskState.RUNNING) -> None:
    async with Journal.open(home.database) as journal:
        await journal.add_task(task())
        await journal.set_task("t1", state)
        configuration = Configuration.of("simulated", {})
        await journal.add_experiment("t1", 0, configuration, baseline=True, reason="baseline")
        await journal.add_start("t1", 0, StartReason.SEARCH)
    home.task("t1").mkdir(parents=True)
    settings.write(Settings(dict(NOBODY)), home.settings("t1"))


async def looked(home: Home, environ: dict[str, str] = NOBODY) -> dict[str, Check]:
    found = await asyncio.to_thread(leftover_checks, home, environ, 5.0)
    return {check.id: check for check in found}


async def test_a_sweep_ends_what_is_ours_but_what_is_spared(own: Home):
    labels = [
        f"{own.label}/t1/0/1/", f"{own.label}/t1/0/11/", f"{own.label}/t1/bench/",
        f"{own.label}/t0/3/2/", "000000000000/t1/0/1/",
    ]  # fmt: skip
    with processes(*labels) as (engine, similar, bench, old, foreign):
        spare = Spare((labels[0],), Labels(own.label, "t1", 0, 1))
        swept = await sweep(own, [], spare)
        assert lives(engine)
        assert lives(foreign)
        gone = (similar, bench, old)
        assert not any(map(lives, gone))
        assert swept.left == ()
        ended = {int(text.split()[1]) for text in swept.ended}
        assert ended == {one.pid for one in gone}


async def test_without_a_runner_leftovers_are_ended_and_live_starts_are_not(own: Home):
    await a_running_start(own)
    kinds = ("t1/0/1/", "t1/bench/", "t1/hub/", "t0/5/1/")
    with processes(*(f"{own.label}/{kind}" for kind in kinds)) as (engine, bench, hub, old):
        folder = own.start("t1", 0, 1) / "measurements" / "search-s0-c1-1"
        folder.mkdir(parents=True)
        measuring = Process.of(bench.pid)
        Begun(measuring, measuring, offset=0, cache_reset=False).write(folder)
        check = (await looked(own))["processes"]
        assert [lives(one) for one in (engine, bench, hub, old)] == [True, True, False, False]
        assert check.verdict is Verdict.OK
        assert f"ended, left by an earlier runner: process {hub.pid}" in check.evidence
        assert f"the next runner goes on with process {engine.pid}" in check.evidence
    assert not runner_status(own.lock).alive
    assert (await looked(own))["processes"].evidence == "none of this home"


async def test_a_benchmark_that_measures_nothing_is_ended(own: Home):
    await a_running_start(own)
    with processes(f"{own.label}/t1/bench/") as (bench,):
        assert f"process {bench.pid}" in (await looked(own))["processes"].evidence
        assert not lives(bench)


async def test_a_doctor_leaves_what_a_dead_runner_said_of_itself(own: Home):
    own.create().lock.write_text('{"pid": 0, "since": 1.0, "version": "0.0.0"}')
    await looked(own)
    assert runner_status(own.lock).pid == 0


async def test_a_start_of_a_paused_task_is_not_live(own: Home):
    await a_running_start(own, TaskState.PAUSED)
    with processes(f"{own.label}/t1/0/1/") as (engine,):
        assert "ended" in (await looked(own))["processes"].evidence
        assert not lives(engine)


async def test_beside_a_runner_nothing_is_ended(own: Home):
    await a_running_start(own)
    kinds = ("t1/0/1/", "t1/bench/", "t0/5/1/")
    with (
        processes(*(f"{own.label}/{kind}" for kind in kinds)) as found,
        RunnerLock(own.lock, __version__),
    ):
        check = (await looked(own))["processes"]
        assert all(map(lives, found))
        assert check.verdict is Verdict.WARNING
        assert "2 of this home at work; of no live start: process" in check.evidence
        assert check.advice == f"kill -9 {found[2].pid}"


async def test_without_a_readable_journal_nothing_is_ended(own: Home):
    own.database.write_bytes(b"no database" * 1000)
    with processes(f"{own.label}/t1/0/1/") as (engine,):
        check = (await looked(own))["processes"]
        assert lives(engine)
        assert check.verdict is Verdict.UNKNOWN
        assert "the journal is damaged" in check.evidence


async def test_a_home_that_is_not_there_is_not_made(tmp_path: Path):
    assert (await looked(Home(tmp_path / "none")))["processes"].verdict is Verdict.OK
    assert not (tmp_path / "none").exists()


class Daemon:
    """A Docker daemon with containers; `stuck` are those that it does not let go of."""

    def __init__(self, home: str, names: list[tuple[str, str, int]], *stuck: str) -> None:
        self.there = {
            f"{number:064x}": (name, Labels(home, task, attempt, 1).values)
            for number, (name, task, attempt) in enumerate(names, 1)
        }
        self.stuck = set(stuck)

    def answer(self, path: str, headers: dict[str, str]) -> Answer:
        if path.endswith("/version"):
            return 200, json.dumps({"ApiVersion": "1.45", "Version": "28.2.2"})
        if "/containers/json" in path:
            listed = [
                {"Id": one, "Names": [f"/{name}"], "State": "running", "Labels": labels}
                for one, (name, labels) in self.there.items()
            ]
            return 200, json.dumps(listed)
        found = re.search("[0-9a-f]{64}", path)
        one = found[0] if found else ""
        if one not in self.there:
            return 404, json.dumps({"message": "no such container"})
        if path.endswith("/json"):
            return 200, json.dumps({"Id": one})
        if "/stop" not in path and self.there[one][0] not in self.stuck:
            del self.there[one]
        return 204, ""


@pytest.fixture
def place() -> Iterator[Path]:
    """For a socket: its path must be short."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder) / "d.sock"


async def test_containers_are_swept_likewise(own: Home, place: Path):
    await a_running_start(own)
    daemon = Daemon(own.label, [("live", "t1", 0), ("old", "t0", 4)])
    environ = {"DOCKER_HOST": f"unix://{place}"}
    with serving_at(place, daemon.answer):
        with RunnerLock(own.lock, __version__):
            check = (await looked(own, environ))["containers"]
            assert check.verdict is Verdict.WARNING
            assert check.evidence == "1 of this home at work; of no live start: container old"
            assert check.advice == "docker rm -f old"
        check = (await looked(own, environ))["containers"]
    assert check.verdict is Verdict.OK
    assert check.evidence == (
        "ended, left by an earlier runner: container old; the next runner goes on with live"
    )
    assert [name for name, _ in daemon.there.values()] == ["live"]


async def test_what_cannot_be_removed_is_said_with_the_command(own: Home, place: Path, monkeypatch):
    monkeypatch.setattr("core.deploy.docker.ending._REMOVE_SECONDS", 0.5)
    daemon = Daemon(own.label, [("old", "t0", 4), ("older", "t0", 3)], "old")
    with serving_at(place, daemon.answer):
        swept = await sweep(own, [f"unix://{place}", "unix:///nowhere/d.sock"], None, 0.1)
        assert swept.ended == ("container older",)
        assert swept.left == ("container 000000000000: docker rm -f 000000000000",)
        check = (await looked(own, {"DOCKER_HOST": f"unix://{place}"}))["containers"]
    assert check.verdict is Verdict.WARNING
    assert check.evidence == "could not be ended: container 000000000000"
    assert check.advice == "docker rm -f 000000000000"
