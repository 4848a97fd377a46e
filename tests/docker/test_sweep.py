"""Containers of a home are found and removed; all others are left alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.deploy.docker import Daemon, find, stop_ours, sweep
from core.values import AutotunerError
from tests.docker.conftest import Bench


@pytest.fixture
def other(daemon: Daemon, image: str, tmp_path: Path) -> Iterator[Bench]:
    """Another home on the same machine."""
    made = Bench(daemon, image, tmp_path)
    yield made
    made.clean()


async def test_a_sweep_removes_a_home_and_nothing_else(bench: Bench, other: Bench):
    volumes = bench.volumes()
    for number in (1, 2):
        labels = dataclasses.replace(bench.labels, attempt=number)
        spec = bench.spec("sleep", "600", network="none")
        await bench.start(spec, labels=labels)
    ended = await bench.start(bench.spec("true", network="none"))
    await ended.wait()
    foreign = await other.sh("sleep 600", network="none")
    assert len(await find(bench.labels.home, bench.daemon)) == 3
    assert await sweep(bench.labels.home, 0, bench.daemon) == ()
    assert bench.containers() == []
    assert foreign.exit_code is None
    assert other.inspect(foreign.id)["State"]["Running"]
    await foreign.stop(0)
    assert bench.volumes() <= volumes


async def test_a_sweep_spares_the_start_it_is_told_to(bench: Bench):
    spec = bench.spec("sleep", "600", network="none")
    kept = await bench.start(spec)
    other = await bench.start(spec, labels=dataclasses.replace(bench.labels, attempt=11))
    assert await sweep(bench.labels.home, 0, bench.daemon, spare=bench.labels) == ()
    assert [box["Id"] for box in bench.containers()] == [kept.id]
    assert kept.exit_code is None
    await other.wait()
    assert (await kept.stop(0)).left == ()


async def test_only_ours_are_stopped_on_request(bench: Bench, other: Bench):
    ours = await bench.sh("sleep 600")
    foreign = await other.sh("sleep 600", network="none")
    with pytest.raises(AutotunerError, match="not started from here"):
        await stop_ours(foreign.id, bench.labels.home, 0, bench.daemon)
    assert foreign.exit_code is None
    await stop_ours(ours.id, bench.labels.home, 0, bench.daemon)
    assert bench.containers() == []
    assert await ours.wait() == -9
    with pytest.raises(AutotunerError, match="none any more"):
        await stop_ours(ours.id, bench.labels.home, 0, bench.daemon)
    await foreign.stop(0)
