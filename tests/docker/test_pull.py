"""Images from a registry, and everything that comes between."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core.deploy.base import StartError
from core.deploy.docker import Daemon, pull
from tests.docker.conftest import SECONDS, Bench, quiet, until
from tests.docker.machines import machine
from tests.docker.registry import Image, Registry, digest


@pytest.fixture
def names(daemon: Daemon) -> Iterator[list[str]]:
    """Images that a test pulls; removed after it."""
    made: list[str] = []
    yield made
    for name in made:
        daemon.call(partial(_removed, name))


def _removed(name: str, client: Any) -> None:
    client.remove_image(name, force=True)


def present(daemon: Daemon, name: str) -> bool:
    return bool(daemon.call(lambda client: client.images(name)))


async def test_bytes_are_counted_and_the_digest_is_pinned(
    bench: Bench, stored: Image, names: list[str]
):
    seen: list[tuple[int, int | None]] = []

    async def progress(done: int, total: int | None) -> None:
        seen.append((done, total))

    with Registry(stored, pause=0.03) as registry:
        name = f"{registry.address}/team/engine:ok"
        names.append(name)
        spec = bench.spec("true", image=name)
        running = await bench.start(spec, progress=progress)
    known = [(done, total) for done, total in seen if total is not None]
    assert any(0 < done < total for done, total in known)
    assert all(0 <= done <= total for done, total in known)
    assert known[-1][0] == known[-1][1] > 0
    repository = name.removesuffix(":ok")
    assert running.facts["image_digest"] == f"{repository}@{digest(stored.manifest)}"
    assert await running.wait() == 0
    assert (await running.stop(0)).left == ()


async def test_an_image_that_is_there_needs_no_registry(bench: Bench):
    async def progress(done: int, total: int | None) -> None:
        raise AssertionError("nothing is pulled")

    found = await pull(bench.image, progress, SECONDS, bench.daemon)
    assert found.startswith("sha256:")


async def test_an_image_by_its_digest(bench: Bench, stored: Image, names: list[str]):
    with Registry(stored) as registry:
        name = f"{registry.address}/engine@{digest(stored.manifest)}"
        names.append(name)
        await pull(name, quiet, SECONDS, bench.daemon)
    assert await pull(name, quiet, SECONDS, bench.daemon)


async def test_an_image_that_nobody_has(bench: Bench, stored: Image):
    with Registry(stored) as registry:
        name = f"{registry.address}/engine:no-such-tag"
        with pytest.raises(StartError) as caught:
            await bench.start(bench.spec("true", image=name))
    failure = caught.value.failure
    assert failure.kind == "image"
    assert not failure.transient
    assert name in failure.message
    assert "manifest unknown" in (failure.text or "")
    assert failure.advice
    assert bench.containers() == []


async def test_a_registry_that_is_not_there(bench: Bench):
    with pytest.raises(StartError) as caught:
        await pull("127.0.0.1:1/engine:ok", quiet, SECONDS, bench.daemon)
    assert caught.value.failure.kind == "image"
    assert caught.value.failure.transient
    assert "connection refused" in (caught.value.failure.text or "")
    assert "docker load" in caught.value.failure.advice


async def test_a_cancelled_pull_hangs_up_on_the_registry(bench: Bench, stored: Image):
    with Registry(stored, pause=0.2) as registry:
        name = f"{registry.address}/engine:ok"
        halfway = asyncio.Event()

        async def progress(done: int, total: int | None) -> None:
            if done:
                halfway.set()

        pulling = asyncio.create_task(pull(name, progress, SECONDS, bench.daemon))
        await asyncio.wait_for(halfway.wait(), SECONDS)
        pulling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pulling
        await until(registry.left.is_set)
    assert not present(bench.daemon, name)


@pytest.mark.parametrize("fault", ["stall", "mute"])
async def test_a_pull_has_a_limit_even_when_nothing_comes(bench: Bench, stored: Image, fault: str):
    with Registry(stored, **{fault: True}) as registry:
        name = f"{registry.address}/engine:ok"
        with pytest.raises(StartError, match=r"timeouts\.pull \(1 s\)") as caught:
            await asyncio.wait_for(pull(name, quiet, 1, bench.daemon), SECONDS)
        assert registry.asked.is_set()
        assert not present(bench.daemon, name)
    assert caught.value.failure.kind == "image"


async def test_a_daemon_that_dies_while_it_pulls(stored: Image):
    with machine() as dying, Registry(stored, pause=0.2) as registry:
        halfway = asyncio.Event()

        async def progress(done: int, total: int | None) -> None:
            if done:
                halfway.set()

        name = f"{registry.address}/engine:ok"
        pulling = asyncio.create_task(pull(name, progress, SECONDS, dying.daemon()))
        await asyncio.wait_for(halfway.wait(), SECONDS)
        await asyncio.to_thread(dying.kill)
        with pytest.raises(StartError) as caught:
            await pulling
    assert caught.value.failure.transient


async def test_a_disk_that_is_too_small(stored: Image, tmp_path: Path):
    with machine("--storage-driver", "vfs", memory="6m") as small, Registry(stored) as registry:
        bench = Bench(small.daemon(), f"{registry.address}/engine:ok", tmp_path, "none")
        with pytest.raises(StartError) as caught:
            await bench.start(bench.spec("true"))
        assert caught.value.failure.kind == "disk"
        assert not caught.value.failure.transient
        assert "no space left on device" in (caught.value.failure.text or "")
        assert "docker system prune" in caught.value.failure.advice
        assert not present(bench.daemon, bench.image)
        assert bench.containers() == []
