"""What the console shows of containers."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from core.deploy.docker import snapshot
from tests.docker.conftest import Bench, until


async def test_ours_with_everything_known_of_them(bench: Bench):
    began = time.time()
    running = await bench.sh(
        "while :; do :; done", {"HF_TOKEN": "hf_abcdef", "PLAIN": "shown"}, port=18770
    )
    ended = await bench.start(bench.spec("true", network="none"))
    await ended.wait()
    first = {view.id: view for view in await snapshot(bench.labels.home, bench.daemon)}
    assert first[running.id].cpu is None
    await asyncio.sleep(1)
    views = {view.id: view for view in await snapshot(bench.labels.home, bench.daemon)}
    busy, over = views[running.id], views[ended.id]
    assert busy.ours
    assert (busy.task, busy.experiment) == ("1a2b3c4d", 2)
    assert (busy.image, busy.state) == (bench.image, "running")
    assert busy.ports == ("127.0.0.1:18770 → 18770/tcp",)
    assert busy.started is not None
    assert abs(busy.started - began) < 60
    assert busy.cpu is not None
    assert busy.cpu > 0.05
    assert busy.memory is not None
    assert 0 < busy.memory < 2**30
    shown = dict(busy.environment)
    assert (shown["HF_TOKEN"], shown["PLAIN"]) == ("•••", "shown")
    assert over.state == "exited"
    assert (over.cpu, over.memory) == (None, None)
    await running.stop(0)
    await ended.stop(0)


async def test_others_are_shown_when_they_hold_gpus(gpu_bench: Bench, tmp_path: Path):
    ours = gpu_bench
    other = Bench(ours.daemon, ours.image, tmp_path, "none")
    by_request = await other.start(other.spec("sleep", "600", devices=("GPU-0",)))
    without = await other.start(other.spec("sleep", "600"), {"NVIDIA_VISIBLE_DEVICES": "all"})
    mine = await ours.sh("sleep 600")
    by_runtime = _with_runtime(other)
    try:
        await until(lambda: other.inspect(by_runtime)["State"]["Running"])
        views = await snapshot(ours.labels.home, ours.daemon)
        assert views[0].id == mine.id
        assert views[0].ours
        seen = {view.id: view for view in views[1:]}
        assert set(seen) == {by_request.id, by_runtime}
        assert seen[by_request.id].gpus == ("GPU-0",)
        assert seen[by_runtime].gpus == ("0", "1")
        assert not any(view.ours or view.task for view in seen.values())
    finally:
        for one in (by_request, without, mine):
            await one.stop(0)
        other.clean()


def _with_runtime(bench: Bench) -> str:
    """A container that somebody runs with NVIDIA's runtime, as it was done before `--gpus`."""

    def work(client) -> str:
        made = client.create_container(
            bench.image,
            ["sleep", "600"],
            environment={"NVIDIA_VISIBLE_DEVICES": "0,1"},
            labels=bench.labels.values,
            host_config=client.create_host_config(runtime="nvidia", network_mode="none"),
        )
        client.start(made["Id"])
        return str(made["Id"])

    return str(bench.daemon.call(work))
