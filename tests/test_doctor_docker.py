"""doctor and Docker: no daemon, one that refuses, and what a daemon's answers mean."""

from __future__ import annotations

import json
import socket
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from core.doctor.daemon import docker_checks
from core.doctor.report import Verdict
from core.gpu.nvml import Nvml
from tests.nobody import nobody
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


def a_daemon(info: Mapping[str, object]):
    def answer(path: str, headers: dict[str, str]) -> Answer:
        if path.endswith("/version"):
            return 200, json.dumps({"ApiVersion": "1.45", "Version": "28.2.2"})
        return 200, json.dumps(info)

    return answer


def checks(path: Path, limit: float = LIMIT):
    found = docker_checks({"DOCKER_HOST": f"unix://{path}"}, limit)
    return {check.id: check for check in found}


def test_a_daemon_with_gpus(place):
    with serving_at(place, a_daemon(INFO)):
        found = checks(place)
    assert found["docker"].verdict is Verdict.OK
    assert f"28.2.2 at {place}" in found["docker"].evidence
    assert "HttpsProxy http://proxy.example:3128" in found["docker"].evidence
    assert found["docker-gpus"].verdict is Verdict.OK
    assert "nvidia" in found["docker-gpus"].evidence
    assert "GB free at /" in found["docker-disk"].evidence


def test_a_missing_nvidia_runtime_matters_only_where_there_are_gpus(place):
    gpus, _ = Nvml().snapshot(lambda pid: None)
    with serving_at(place, a_daemon({**INFO, "Runtimes": {"runc": {}}})):
        found = checks(place)["docker-gpus"]
    assert found.verdict is (Verdict.WARNING if gpus else Verdict.OK)
    assert "runtimes: runc" in found.evidence
    assert "nvidia-container-toolkit" in found.advice or not gpus


def test_no_daemon_is_a_warning_that_says_why(place):
    found = checks(place)
    assert list(found) == ["docker"]
    assert found["docker"].verdict is Verdict.WARNING
    assert str(place) in found["docker"].evidence
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(place))  # its daemon has ended
    assert "not running" in checks(place)["docker"].evidence
    elsewhere = {"DOCKER_HOST": "tcp://127.0.0.1:1"}
    check, *_ = docker_checks(elsewhere, LIMIT)
    assert check.verdict is Verdict.WARNING
    assert "tcp://127.0.0.1:1" in check.evidence


def test_a_daemon_that_is_not_for_this_user(place):
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(str(place))
        daemon.listen()
        place.chmod(0o000)
        with nobody():
            found = checks(place)["docker"]
    assert found.verdict is Verdict.WARNING
    assert "not permitted" in found.evidence
    assert "usermod" in found.advice


def test_a_daemon_that_never_answers(place):
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(place))
        silent.listen()
        found = checks(place, limit=1.0)["docker"]
    assert found.verdict is Verdict.WARNING
    assert "does not answer" in found.evidence


def test_a_daemon_that_is_broken(place):
    def broken(path: str, headers: dict[str, str]) -> Answer:
        return 500, '{"message": "it broke \\u001b[2J"}'

    with serving_at(place, broken):
        found = checks(place)
    assert list(found) == ["docker"]
    assert found["docker"].verdict is Verdict.WARNING
