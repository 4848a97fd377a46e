"""doctor and Docker: no daemon, one that refuses, and what a daemon's answers mean."""

from __future__ import annotations

import json
import os
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from core import __version__
from core.doctor.daemon import docker_checks
from core.doctor.report import Verdict
from core.gpu.nvml import Nvml
from core.paths import Home
from core.store.lock import RunnerLock
from tests.servers import Answer, serving_at

LIMIT = 60.0
INFO = {
    "ServerVersion": "28.2.2",
    "Driver": "overlay2",
    "DockerRootDir": "/",
    "Runtimes": {"runc": {}, "nvidia": {}},
    "HttpsProxy": "http://proxy.example:3128",
}


@pytest.fixture
def place() -> Iterator[Path]:
    """For a socket: its path must be short. Anybody may enter the folder."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "d.sock"


def a_daemon(info: Mapping[str, object], *names: str):
    listed = [{"Id": f"{n:064x}", "Names": [f"/{name}"]} for n, name in enumerate(names)]

    def answer(path: str, headers: dict[str, str]) -> Answer:
        if path.endswith("/version"):
            return 200, json.dumps({"ApiVersion": "1.45", "Version": "28.2.2"})
        return 200, json.dumps(info if path.endswith("/info") else listed)

    return answer


def checks(path: Path, home: Path, limit: float = LIMIT):
    found = docker_checks({"DOCKER_HOST": f"unix://{path}"}, Home(home), limit)
    return {check.id: check for check in found}


def test_a_daemon_with_gpus_and_nothing_left_behind(place, tmp_path):
    with serving_at(place, a_daemon(INFO)) as daemon:
        found = checks(place, tmp_path)
    assert found["docker"].verdict is Verdict.OK
    assert f"28.2.2 at {place}" in found["docker"].evidence
    assert "HttpsProxy http://proxy.example:3128" in found["docker"].evidence
    assert found["docker-gpus"].verdict is Verdict.OK
    assert "nvidia" in found["docker-gpus"].evidence
    assert "GB free at /" in found["docker-disk"].evidence
    assert found["containers"].verdict is Verdict.OK
    listed = next(target for target, _ in daemon.asked if "containers/json" in target)
    assert Home(tmp_path).label in listed


def test_a_missing_nvidia_runtime_matters_only_where_there_are_gpus(place, tmp_path):
    gpus, _ = Nvml().snapshot(lambda pid: None)
    with serving_at(place, a_daemon({**INFO, "Runtimes": {"runc": {}}})):
        found = checks(place, tmp_path)["docker-gpus"]
    assert found.verdict is (Verdict.WARNING if gpus else Verdict.OK)
    assert "runtimes: runc" in found.evidence
    assert "nvidia-container-toolkit" in found.advice or not gpus


def test_containers_left_behind_are_named_unless_a_runner_has_them(place, tmp_path):
    with serving_at(place, a_daemon(INFO, "autotuner-demo-1", "autotuner-demo-2")):
        found = checks(place, tmp_path)["containers"]
        assert found.verdict is Verdict.WARNING
        assert "autotuner-demo-1, autotuner-demo-2" in found.evidence
        assert "docker rm -f autotuner-demo-1" in found.advice
        with RunnerLock(Home(tmp_path).lock, __version__):
            assert checks(place, tmp_path)["containers"].verdict is Verdict.OK


def test_no_daemon_is_a_warning_that_says_why(place, tmp_path):
    found = checks(place, tmp_path)
    assert list(found) == ["docker"]
    assert found["docker"].verdict is Verdict.WARNING
    assert str(place) in found["docker"].evidence
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(place))  # its daemon has ended
    assert "not running" in checks(place, tmp_path)["docker"].evidence
    elsewhere = {"DOCKER_HOST": "tcp://127.0.0.1:1"}
    check, *_ = docker_checks(elsewhere, Home(tmp_path), LIMIT)
    assert check.verdict is Verdict.WARNING
    assert "tcp://127.0.0.1:1" in check.evidence


def test_a_daemon_that_is_not_for_this_user(place, tmp_path):
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(str(place))
        daemon.listen()
        place.chmod(0o000)
        with as_somebody_else():
            found = checks(place, tmp_path)["docker"]
    assert found.verdict is Verdict.WARNING
    assert "not permitted" in found.evidence
    assert "usermod" in found.advice


def test_a_daemon_that_never_answers(place, tmp_path):
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(place))
        silent.listen()
        found = checks(place, tmp_path, limit=1.0)["docker"]
    assert found.verdict is Verdict.WARNING
    assert "does not answer" in found.evidence


def test_a_daemon_that_is_broken(place, tmp_path):
    def broken(path: str, headers: dict[str, str]) -> Answer:
        return 500, '{"message": "it broke \\u001b[2J"}'

    with serving_at(place, broken):
        found = checks(place, tmp_path)
    assert list(found) == ["docker"]
    assert found["docker"].verdict is Verdict.WARNING


@contextmanager
def as_somebody_else() -> Iterator[None]:
    """Nothing is closed to root, so root becomes nobody for a while."""
    if os.getuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
