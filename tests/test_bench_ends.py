"""How measurements and launchers end, by whomever: nothing is left running."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio

from core import pids
from core.bench.genai import Bench, BenchError
from core.bench.plan import TIMELINE
from core.metrics import read_timeline
from core.values import FailureKind
from tests.bench_site import ROOT, Place, alive, environment, place

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Site(Place):
    """One launcher for all tests here, until one of them ends it."""

    bench: Bench


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with place(folder) as found:
        log = folder / "launcher.log"
        async with Bench(environment(), found.tokenizer, log, folder) as bench:
            yield Site(found.url, found.tokenizer, folder, bench)


async def test_a_hang_is_ended_by_the_limit(site: Site) -> None:
    plan = site.plan("hang", limit=2.5)
    pids: list[int] = []
    await site.bench.ready()
    begin = time.monotonic()
    result = await site.bench.measure(plan, lambda pid, _: pids.append(pid))
    assert time.monotonic() - begin < 20  # the server never answers
    assert not alive(pids[0])
    assert result.failure is not None
    assert result.failure.kind is FailureKind.HANG
    assert "2.5 s" in result.failure.message
    # Ten are answered before it hangs, on a busy machine fewer in time; those are kept.
    assert 0 < len(read_timeline(plan.folder / TIMELINE)) <= 10
    again = await site.bench.measure(site.plan("ok", requests=8))
    assert again.failure is None


async def test_cancelling_leaves_no_process(site: Site) -> None:
    started: asyncio.Future[tuple[int, float]] = asyncio.get_running_loop().create_future()
    plan = site.plan("stuck")
    work = asyncio.create_task(
        site.bench.measure(plan, lambda pid, at: started.set_result((pid, at)))
    )
    pid, at = await started
    assert os.getpgid(pid) == pid
    assert pids.lives(pid, at)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert not alive(pid)
    assert (await site.bench.measure(site.plan("ok", requests=8))).failure is None


async def test_a_killed_launcher_takes_its_measurement_with_it_and_is_replaced(site: Site) -> None:
    killed: list[int] = []

    def strike(pid: int, _: float) -> None:
        assert site.bench.pid is not None
        killed.extend((site.bench.pid, pid))
        asyncio.get_running_loop().call_later(1.0, os.kill, site.bench.pid, signal.SIGKILL)

    plan = site.plan("ok", requests=1000)
    result = await site.bench.measure(plan, strike)
    assert not any(map(alive, killed))
    assert result.failure is not None
    assert (result.failure.kind, result.failure.transient) == (FailureKind.CRASH, True)
    assert result.output_tokens > 0
    # In the same folder: what the killed one left there counts no more.
    again = await site.bench.measure(replace(plan, requests=8))
    assert (again.failure, again.errors) == (None, 0)
    assert again.started > result.ended
    assert site.bench.pid not in killed


@pytest.mark.parametrize(
    ("number", "transient"),
    [
        (signal.SIGKILL, True),
        (signal.SIGTERM, True),
        (signal.SIGINT, True),
        (signal.SIGSEGV, False),
    ],
)
async def test_only_a_measurement_killed_from_outside_may_go_well_in_a_moment(
    site: Site, number: signal.Signals, transient: bool
) -> None:
    def strike(pid: int, _: float) -> None:
        asyncio.get_running_loop().call_later(0.5, os.kill, pid, number)

    result = await site.bench.measure(site.plan("ok", requests=1000), strike)
    assert result.failure is not None
    assert (result.failure.kind, result.failure.transient) == (FailureKind.CRASH, transient)
    assert f"was ended by {number.name}" in result.failure.message


async def test_leaving_ends_what_is_being_measured(site: Site, tmp_path: Path) -> None:
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    async with Bench(environment(), site.tokenizer, tmp_path / "launcher.log", tmp_path) as bench:
        work = asyncio.create_task(
            bench.measure(site.plan("stuck"), lambda pid, _: started.set_result(pid))
        )
        pid, launcher = await started, bench.pid
        assert launcher is not None
    assert not alive(pid)
    assert not alive(launcher)
    await work


async def test_a_launcher_that_hangs_is_ended_with_its_measurement_and_replaced(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.bench.genai.STOP_LIMIT", 0.5)
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    await site.bench.ready()
    launcher = site.bench.pid
    assert launcher is not None
    work = asyncio.create_task(
        site.bench.measure(site.plan("stuck"), lambda pid, _: started.set_result(pid))
    )
    pid = await started
    os.kill(launcher, signal.SIGSTOP)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert not alive(pid)
    assert not alive(launcher)
    await site.bench.prepare()
    assert site.bench.pid not in (None, launcher)


async def test_leaving_ends_an_importing_launcher(tmp_path: Path) -> None:
    async with Bench(environment(), "none", tmp_path / "launcher.log", tmp_path) as bench:
        assert bench.pid is None
        await bench.prepare()
        pid = bench.pid
        await bench.prepare()
        assert bench.pid == pid
        assert pid is not None
        assert alive(pid)
    assert not alive(pid)


async def test_a_launcher_killed_while_it_imports_is_replaced(site: Site, tmp_path: Path) -> None:
    async with Bench(environment(), site.tokenizer, tmp_path / "launcher.log", tmp_path) as bench:
        waiting = asyncio.create_task(bench.ready())
        while bench.pid is None:
            await asyncio.sleep(0.02)
        os.kill(bench.pid, signal.SIGKILL)
        with pytest.raises(BenchError, match="ended unexpectedly") as caught:
            await waiting
        assert caught.value.failure.transient
        await bench.ready()


async def test_a_network_that_fails_may_do_better_the_next_time(site: Site, tmp_path: Path) -> None:
    package = tmp_path / "genai_bench.py"
    package.write_text("raise ConnectionError('refused')\n")
    ours = environment(PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    async with Bench(ours, site.tokenizer, tmp_path / "launcher.log", tmp_path) as bench:
        for _ in range(2):
            with pytest.raises(BenchError) as caught:
                await bench.ready()
            failure = caught.value.failure
            assert (failure.kind, failure.transient) == (FailureKind.PROXY, True)
        package.unlink()
        await bench.ready()
