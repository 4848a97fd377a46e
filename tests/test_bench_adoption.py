"""Runners are killed, and the next one takes over what they were measuring, or ends it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import pytest
import pytest_asyncio

from core.bench.adoption import end_others, under_way
from core.bench.genai import Bench, Plan
from core.bench.plan import TIMELINE
from core.bench.record import BEGUN, ENDED, Begun, Ending
from core.metrics import read_timeline
from core.values import FailureKind
from tests.bench_site import Place, Runner, alive, environment, gone, place, started

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Site(Place):
    """Every test kills a runner of its own; the next one's launcher imports meanwhile."""

    stack: ExitStack
    waiting: list[Runner] = field(default_factory=list)

    def runner(self) -> Runner:
        self.waiting.append(self.stack.enter_context(started(self)))
        return self.waiting.pop(0)

    @property
    def bench(self) -> Bench:
        """As the next runner has it. It must not start a launcher to adopt something."""
        return Bench(environment(), self.tokenizer, self.folder / "launcher.log", self.folder)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with ExitStack() as stack:
        found = stack.enter_context(place(folder))
        site = Site(found.url, found.tokenizer, folder, stack)
        site.waiting.append(stack.enter_context(started(site)))
        yield site


async def begun(site: Site, mode: str, **changes: object) -> tuple[Runner, Plan]:
    """A measurement under way, whose runner is dead."""
    runner, plan = site.runner(), site.plan(mode, **changes)
    await runner.measure(plan)
    await asyncio.sleep(0.5)
    await runner.die()
    assert alive(runner.launcher)
    assert alive(runner.measurement)
    return runner, plan


LONG: dict[str, object] = {"scenario": "D(20,40)", "concurrency": 8, "requests": 160}
"""About five seconds."""


async def test_a_measurement_under_way_is_waited_for_and_read(site: Site) -> None:
    earlier = site.folder / "benchmark.log"
    earlier.write_text("of an earlier measurement\n")
    runner, plan = await begun(site, "ok", **LONG, cache_reset=True)
    assert under_way(site.folder)
    asked = time.time()
    async with site.bench as bench:
        # The next runner does not know whether the cache was emptied: the folder does.
        result = await bench.adopt(replace(plan, cache_reset=False))
        assert bench.pid is None
    assert result is not None
    assert (result.failure, result.stopped, result.cache_reset) == (None, None, True)
    assert (result.requests, result.errors) == (160, 0)
    assert result.ended > asked
    ideal = 8 * 40 / (0.05 + 39 * 0.005)
    assert result.throughput is not None
    assert 0.5 * ideal < result.throughput < 1.02 * ideal
    assert await gone(runner.launcher, runner.measurement)
    assert not under_way(site.folder)
    told = Begun.read(plan.folder)
    assert told is not None
    assert (told.process.pid, told.launcher.pid) == (runner.measurement, runner.launcher)
    assert earlier.read_bytes()[told.offset - 1 : told.offset] == b"\n"


async def test_one_that_ended_before_anybody_came_is_read_as_often_as_asked(site: Site) -> None:
    runner, plan = await begun(site, "ok")
    assert await gone(runner.launcher, runner.measurement, limit=20)
    results = [await site.bench.adopt(plan) for _ in range(2)]
    assert results[0] is not None
    assert (results[0].failure, results[0].errors) == (None, 0)
    assert results[0].requests == len(read_timeline(plan.folder / TIMELINE)) - plan.concurrency
    assert results[1] == results[0]


async def test_its_limit_holds_though_nobody_is_left_to_enforce_it(site: Site) -> None:
    runner, plan = await begun(site, "hang", limit=3.0)
    assert await gone(runner.measurement, runner.launcher, limit=5)
    result = await site.bench.adopt(plan)
    assert result is not None
    assert result.failure is not None
    assert (result.failure.kind, result.failure.transient) == (FailureKind.HANG, False)
    assert "3 s" in result.failure.message
    assert len(read_timeline(plan.folder / TIMELINE)) == 10


async def test_a_launcher_that_hangs_is_not_waited_for_beyond_the_limit(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.bench.genai.STOP_LIMIT", 0.5)
    runner, plan = await begun(site, "hang", limit=2.0)
    for pid in (runner.launcher, runner.measurement):
        os.kill(pid, signal.SIGSTOP)
    result = await site.bench.adopt(plan)
    assert not alive(runner.launcher)
    assert not alive(runner.measurement)
    assert result is not None
    assert result.failure is not None
    assert result.failure.kind is FailureKind.HANG


@pytest.mark.parametrize("victim", ["launcher", "measurement"])
async def test_one_that_was_killed_is_measured_anew(site: Site, victim: str) -> None:
    runner, plan = await begun(site, "ok", **LONG)
    adopting = asyncio.create_task(site.bench.adopt(plan))
    await asyncio.sleep(0.2)
    os.kill(getattr(runner, victim), signal.SIGKILL)
    assert await adopting is None
    assert not plan.folder.exists()
    assert not alive(runner.launcher)
    assert not alive(runner.measurement)


async def test_cancelling_ends_what_is_waited_for(site: Site) -> None:
    runner, plan = await begun(site, "stuck")
    adopting = asyncio.create_task(site.bench.adopt(plan))
    await asyncio.sleep(0.2)
    adopting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adopting
    assert not alive(runner.launcher)
    assert not alive(runner.measurement)


async def test_all_but_one_are_ended(site: Site) -> None:
    spared, kept = await begun(site, "stuck")
    lost, other = await begun(site, "stuck")
    assert await end_others(site.folder, kept.folder) == ()
    assert not alive(lost.launcher)
    assert not alive(lost.measurement)
    assert alive(spared.launcher)
    assert alive(spared.measurement)
    assert await site.bench.adopt(other) is None
    assert under_way(site.folder)
    assert await end_others(site.folder, None) == ()
    assert not alive(spared.launcher)
    assert not alive(spared.measurement)
    assert not under_way(site.folder)


@pytest.mark.parametrize("name", [None, TIMELINE, BEGUN, ENDED])
async def test_half_a_folder_is_removed(site: Site, name: str | None) -> None:
    plan = site.plan("ok")
    if name:
        plan.folder.mkdir()
        (plan.folder / name).write_text('{"pid": 1, "sta')
    assert await site.bench.adopt(plan) is None
    assert not plan.folder.exists()
    assert not under_way(site.folder)


async def test_a_process_that_only_has_the_same_number_is_left_alone(site: Site) -> None:
    plan = site.plan("ok")
    plan.folder.mkdir()
    with subprocess.Popen(["/bin/sleep", "60"], start_new_session=True) as stranger:
        process = {"pid": stranger.pid, "started": 1.0}
        facts = {"process": process, "launcher": process, "offset": 0, "cache_reset": False}
        (plan.folder / BEGUN).write_text(json.dumps(facts))
        assert not under_way(site.folder)
        await end_others(site.folder, None)
        assert await site.bench.adopt(plan) is None
        assert alive(stranger.pid)
        stranger.kill()


async def test_a_runner_asks_again_in_a_folder_of_its_own(site: Site) -> None:
    """Its launcher is not that of an earlier runner: it stays."""
    async with site.bench as bench:
        plan = site.plan("ok", **LONG)

        def strike(pid: int, _: float) -> None:
            asyncio.get_running_loop().call_later(0.5, os.kill, pid, signal.SIGKILL)

        first = await bench.measure(plan, strike)
        assert first.failure is not None
        assert first.failure.transient
        assert Ending.read(plan.folder) == Ending(-signal.SIGKILL)
        launcher = bench.pid
        assert await bench.adopt(plan) is None
        again = await bench.measure(plan)
        assert (again.failure, again.requests, bench.pid) == (None, 160, launcher)
        assert await bench.adopt(plan) == again


@pytest.mark.parametrize("importing", [True, False])
async def test_a_launcher_without_work_ends_with_its_runner(site: Site, importing: bool) -> None:
    with started(site) as runner:
        if not importing:
            await runner.ready()
        assert alive(runner.launcher)
        await runner.die()
        assert await gone(runner.launcher, limit=2.0)
