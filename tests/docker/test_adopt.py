"""The container of a start whose runner is dead: found, gone on with, or told that it ended."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.deploy.base import StartError
from core.deploy.docker import DockerRunning, find_start, sweep
from tests.docker.conftest import SECONDS, Bench, load, until
from tests.docker.machines import Machine, machine

ROOT = Path(__file__).parents[2]
COUNTS = "n=0; while :; do echo $n; n=$((n+1)); sleep 0.02; done"

_STARTER = """
import asyncio, os, sys
from pathlib import Path
from core.deploy.docker import Daemon, Labels, start
from core.values import Container, LaunchSpec

async def quiet(done, total): pass

async def main(host, image, home, log, script):
    spec = LaunchSpec(("sh", "-c", script), container=Container(image, 1, network="none"))
    labels = Labels(home, "1a2b3c4d", 2, 1)
    await start(
        spec, {}, log, labels, progress=quiet, pull_limit=60, daemon=Daemon(host or None)
    )
    while log.stat().st_size < 10:
        await asyncio.sleep(0.01)
    os._exit(0)

asyncio.run(main(*sys.argv[1:4], Path(sys.argv[4]), sys.argv[5]))
"""


async def left_behind(bench: Bench, script: str) -> None:
    """A container whose runner is dead; it has printed a few bytes."""
    words = [bench.daemon.host or "", bench.image, bench.labels.home, str(bench.log), script]
    given = {**os.environ, "PYTHONPATH": str(ROOT)}
    program = [sys.executable, "-c", _STARTER, *words]
    await asyncio.to_thread(subprocess.run, program, env=given, check=True, timeout=SECONDS)


async def found(bench: Bench) -> DockerRunning:
    running = await find_start(bench.labels, bench.log, bench.daemon)
    assert running is not None
    return running


def ended(bench: Bench) -> bool:
    return all(one["State"] == "exited" for one in bench.containers())


async def test_none_where_there_is_none(bench: Bench):
    assert await find_start(bench.labels, bench.log, bench.daemon) is None
    other = dataclasses.replace(bench.labels, attempt=2)
    running = await bench.start(bench.spec("sleep", "600", network="none"), labels=other)
    assert await find_start(bench.labels, bench.log, bench.daemon) is None
    await running.stop(0)


async def test_its_log_goes_on_where_it_ends(bench: Bench):
    await left_behind(bench, COUNTS)
    running = await found(bench)
    assert running.exit_code is None
    assert running.facts["image"] == bench.image
    before = bench.log.stat().st_size
    await until(lambda: bench.log.stat().st_size > before + 100)
    assert (await running.stop(0)).left == ()
    assert (running.fault, running.presumed) == (None, None)
    numbers = [int(line) for line in bench.log.read_text().splitlines()]
    assert numbers == list(range(len(numbers)))
    assert bench.containers() == []
    assert await find_start(bench.labels, bench.log, bench.daemon) is None


async def test_one_that_is_paused_is_gone_on_with(bench: Bench):
    await left_behind(bench, COUNTS)
    (listed,) = bench.containers()
    bench.daemon.call(lambda client: client.pause(listed["Id"]))
    running = await found(bench)
    await asyncio.sleep(0.5)
    assert running.exit_code is None
    assert (await running.stop(0)).left == ()
    assert bench.containers() == []


async def test_one_that_never_ran_is_removed(bench: Bench):
    def make(client) -> None:
        client.create_container(bench.image, ["sleep", "600"], labels=bench.labels.values)

    bench.daemon.call(make)
    assert len(bench.containers()) == 1
    assert await find_start(bench.labels, bench.log, bench.daemon) is None
    assert bench.containers() == []


@pytest.mark.parametrize(
    ("end", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", -9), ("kill -15 $$", -15)]
)
async def test_one_that_has_ended_says_that_nobody_watched(bench: Bench, end: str, code: int):
    # As the first process of its container it is not ended by its own signals: a child's code is.
    await left_behind(bench, f"seq 100; sleep 1; sh -c '{end}'; exit $?")
    await until(lambda: ended(bench))
    running = await found(bench)
    assert running.exit_code == code
    assert bench.log.read_text().splitlines()[:100] == list(map(str, range(1, 101)))
    assert running.fault is None
    assert running.presumed is not None
    assert running.presumed.transient
    assert "no runner" in running.presumed.message
    assert (await running.stop(5)).left == ()
    assert bench.containers() == []


async def test_an_end_by_somebody_else_is_told(bench: Bench):
    await left_behind(bench, COUNTS)
    running = await found(bench)
    bench.daemon.call(lambda client: client.kill(running.id))
    assert await running.wait() == -9
    assert running.fault is not None
    assert running.fault.transient
    assert "SIGKILL" in running.fault.message
    await running.stop(0)


async def test_activity_grows_with_work(bench: Bench):
    for script, works in (("echo up; sleep 600", False), ("echo up; while :; do :; done", True)):
        running = await bench.sh(script)
        await until(lambda: "up" in bench.log.read_text())
        await asyncio.sleep(0.5)
        before = await running.activity()
        await asyncio.sleep(1.5)
        after = await running.activity()
        await running.stop(0)
        assert before is not None
        assert after is not None
        assert (after - before > 0.2) is works
        assert works or after - before < 0.01
    assert await running.activity() is None


async def test_a_daemon_that_died_under_it_and_came_back(fragile: Machine, gpu_bench: Bench):
    await left_behind(gpu_bench, COUNTS)
    running = await found(gpu_bench)
    await asyncio.to_thread(fragile.kill)
    await asyncio.sleep(1)
    await asyncio.to_thread(fragile.start)
    assert await running.wait() != 0
    assert running.fault is not None
    assert running.fault.kind == "docker"
    assert running.fault.transient
    assert (await running.stop(5)).left == ()
    assert gpu_bench.containers() == []


async def test_a_daemon_that_died_while_no_runner_looked(fragile: Machine, gpu_bench: Bench):
    await left_behind(gpu_bench, COUNTS)
    await asyncio.to_thread(fragile.kill)
    looking = asyncio.create_task(found(gpu_bench))  # patient: the daemon comes back
    await asyncio.sleep(1)
    assert not looking.done()
    await asyncio.to_thread(fragile.start)
    running = await looking
    assert running.exit_code is not None
    assert running.presumed is not None
    assert running.presumed.transient
    assert await sweep(gpu_bench.labels.home, 0, gpu_bench.daemon) == ()
    assert gpu_bench.containers() == []


async def test_a_daemon_that_stays_away(fragile: Machine, gpu_bench: Bench):
    await asyncio.to_thread(fragile.stop)
    with pytest.raises(StartError) as caught:
        await find_start(gpu_bench.labels, gpu_bench.log, fragile.daemon(patience=1))
    assert caught.value.failure.transient
    await asyncio.to_thread(fragile.start)


async def test_it_outlives_its_runner_and_its_daemon(tmp_path: Path):
    with machine("--live-restore") as lasting:
        bench = Bench(lasting.daemon(), load(lasting.daemon()), tmp_path, "none")
        await left_behind(bench, COUNTS)
        await asyncio.to_thread(lasting.kill)
        await asyncio.to_thread(lasting.start)
        running = await found(bench)
        before = bench.log.stat().st_size
        await until(lambda: bench.log.stat().st_size > before + 100)
        assert running.exit_code is None
        assert (await running.stop(0)).left == ()
        numbers = [int(line) for line in bench.log.read_text().splitlines()]
        assert numbers == list(range(len(numbers)))
        bench.clean()
