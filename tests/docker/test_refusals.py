"""What cannot be started says why, by which words of the daemon, and what to do; and is gone."""

from __future__ import annotations

import socket

import pytest

from core.deploy.base import StartError
from core.values import Failure
from tests.docker.conftest import Bench


async def refused(bench: Bench, *argv: str, **options: object) -> Failure:
    with pytest.raises(StartError) as caught:
        await bench.start(bench.spec(*argv, **options))
    failure = caught.value.failure
    assert bench.containers() == []
    assert failure.advice
    assert failure.message == str(caught.value)
    return failure


async def test_a_port_that_another_container_has(bench: Bench):
    first = await bench.sh("sleep 600")
    try:
        with pytest.raises(StartError) as caught:
            await bench.sh("sleep 600")
        assert caught.value.failure.kind == "port"
        assert caught.value.failure.transient
        assert "already allocated" in (caught.value.failure.text or "")
    finally:
        await first.stop(0)


async def test_a_port_that_a_program_has(bench: Bench):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        failure = await refused(bench, "sleep", "600", port=holder.getsockname()[1])
    assert failure.kind == "port"
    assert failure.transient
    assert "address already in use" in (failure.text or "")


async def test_gpus_where_docker_has_none(bench: Bench):
    failure = await refused(bench, "sleep", "600", devices=("GPU-0",))
    assert failure.kind == "docker"
    assert not failure.transient
    assert "could not select device driver" in (failure.text or "")
    assert "nvidia-container-toolkit" in failure.advice


async def test_a_gpu_that_does_not_exist(gpu_bench: Bench):
    failure = await refused(gpu_bench, "sleep", "600", devices=("GPU-7",))
    assert failure.kind == "config"
    assert "unknown device" in (failure.text or "")
    assert "nvidia-smi" in failure.advice


async def test_gpus_are_asked_for_by_their_names(gpu_bench: Bench):
    running = await gpu_bench.start(gpu_bench.spec("sleep", "600", devices=("GPU-0",)))
    (request,) = gpu_bench.inspect(running.id)["HostConfig"]["DeviceRequests"]
    assert request["DeviceIDs"] == ["GPU-0"]
    assert (await running.stop(0)).left == ()


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"mounts": ("/no/such/folder:/data",)}, "config", "/no/such/folder"),
        ({"mounts": ("/tmp:/data", "/usr:/data")}, "config", "/data"),
        ({"shm_size": "16q"}, "config", "16q"),
        ({"shm_size": "lots"}, "config", "lot"),
        ({"ipc": "sideways"}, "config", "sideways"),
        ({"network": "no-such-network"}, "config", "no-such-network"),
        ({"entrypoint": ("/opt/no-such-engine",)}, "config", "/opt/no-such-engine"),
        ({"user": "no-such-user"}, "config", "no-such-user"),
        ({"image": "Not An Image"}, "config", "invalid reference format"),
    ],
)
async def test_a_task_that_docker_refuses(
    bench: Bench, options: dict[str, object], kind: str, words: str
):
    failure = await refused(bench, "sleep", "600", **options)
    assert failure.kind == kind
    assert not failure.transient
    assert words in (failure.text or "")
