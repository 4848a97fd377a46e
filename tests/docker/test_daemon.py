"""A daemon that is not there, may not be used, goes away, comes back or does not."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from core.deploy.base import StartError
from core.deploy.docker import Daemon, pull, snapshot, sweep
from core.values import Failure
from tests.docker.conftest import SECONDS, Bench, load, quiet, until
from tests.docker.machines import Machine, machine

ROOT = Path(__file__).parents[2]


async def failure_at(host: str) -> Failure:
    with pytest.raises(StartError) as caught:
        await pull("engine:ok", quiet, SECONDS, Daemon(host))
    assert caught.value.failure.advice
    return caught.value.failure


async def test_no_daemon(tmp_path: Path):
    failure = await failure_at(f"unix://{tmp_path}/docker.sock")
    assert failure.kind == "docker"
    assert failure.transient
    assert f"{tmp_path}/docker.sock" in failure.message


async def test_docker_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    failure = await failure_at(f"unix://{tmp_path}/docker.sock")
    assert failure.kind == "docker"
    assert "not installed" in failure.message
    assert not failure.transient
    assert "deploy: process" in failure.advice


async def test_a_socket_that_a_dead_daemon_left(tmp_path: Path):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "docker.sock"))
    failure = await failure_at(f"unix://{tmp_path}/docker.sock")
    assert failure.kind == "docker"
    assert "not running" in failure.message
    assert failure.transient


async def test_a_daemon_of_another_machine():
    failure = await failure_at("tcp://192.0.2.1:2375")
    assert failure.kind == "docker"
    assert "DOCKER_HOST" in failure.advice


async def test_docker_host_is_heeded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/elsewhere.sock")
    for look in (snapshot("home"), sweep("home")):
        with pytest.raises(StartError, match=r"elsewhere\.sock"):
            await look


def test_the_context_that_the_user_chose_is_heeded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": "rootless"}))
    meta = tmp_path / "contexts" / "meta" / hashlib.sha256(b"rootless").hexdigest() / "meta.json"
    meta.parent.mkdir(parents=True)
    endpoints = {"docker": {"Host": "unix:///run/user/1000/docker.sock"}}
    meta.write_text(json.dumps({"Name": "rootless", "Metadata": {}, "Endpoints": endpoints}))
    assert Daemon().path() == "/run/user/1000/docker.sock"
    meta.write_text("{")
    with pytest.raises(StartError, match="rootless"):
        Daemon().path()


def test_a_user_who_may_not_use_docker():
    """As nobody, who may not read this folder either: the program is loaded before."""
    code = (
        "import os, sys\n"
        "from core.deploy.docker import Daemon\n"
        "from core.deploy.base import StartError\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try: Daemon(sys.argv[1]).call(lambda client: client.ping())\n"
        "except StartError as error:\n"
        "    print(error.failure.kind, error.failure.transient, error.failure.advice)\n"
    )
    path = Daemon().path()
    assert Path(path).stat().st_mode & 0o007 == 0, "anybody may use this daemon"
    told = subprocess.run(
        [sys.executable, "-c", code, f"unix://{path}"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        timeout=SECONDS,
    )  # fmt: skip
    assert told.stderr == ""
    assert told.stdout.startswith("permission False ")
    assert "group docker" in told.stdout


async def test_a_restarted_daemon_is_told_from_a_crash(fragile: Machine, gpu_bench: Bench):
    running = await gpu_bench.sh(
        "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.1; done"
    )
    await until(lambda: "up" in gpu_bench.log.read_text())
    await asyncio.to_thread(fragile.stop)
    await asyncio.to_thread(fragile.start)
    assert await running.wait() == 3
    assert running.fault is not None
    assert running.fault.kind == "docker"
    assert "daemon was stopped" in running.fault.message
    assert running.fault.transient
    assert gpu_bench.log.read_text() == "up\nbye\n"
    assert (await running.stop(5)).left == ()
    assert gpu_bench.containers() == []


async def test_a_daemon_that_does_not_come_back(fragile: Machine, gpu_bench: Bench, gpu_image: str):
    impatient = Bench(fragile.daemon(patience=1), gpu_image, gpu_bench.folder, "none")
    impatient.labels = gpu_bench.labels
    running = await impatient.sh("trap exit TERM; echo up; while :; do sleep 0.1; done")
    await until(lambda: "up" in impatient.log.read_text())
    await asyncio.to_thread(fragile.stop)
    assert await running.wait() < 0
    assert running.fault is not None
    assert running.fault.kind == "docker"
    stopped = await running.stop(0)
    assert len(stopped.left) == 1
    assert f"docker rm -f {running.id[:12]}" in stopped.left[0]
    await asyncio.to_thread(fragile.start)
    assert await sweep(gpu_bench.labels.home, daemon=fragile.daemon()) == ()
    assert gpu_bench.containers() == []


async def test_a_container_that_outlives_the_daemon_goes_on(tmp_path: Path):
    with machine("--live-restore") as lasting:
        bench = Bench(lasting.daemon(), load(lasting.daemon()), tmp_path, "none")
        running = await bench.sh("n=0; while :; do echo $n; n=$((n+1)); sleep 0.05; done")
        await until(lambda: "5\n" in bench.log.read_text())
        await asyncio.to_thread(lasting.stop)
        await asyncio.to_thread(lasting.start)
        already = len(bench.log.read_text().splitlines())
        await until(lambda: len(bench.log.read_text().splitlines()) > already + 20)
        assert running.exit_code is None
        assert (await running.stop(0)).left == ()
        counted = [int(line) for line in bench.log.read_text().splitlines()]
        assert counted == list(range(len(counted)))
        bench.clean()
