"""Words of the Docker daemon: which faults pass by themselves, and which a person must mend."""

from __future__ import annotations

import pytest

from core.deploy.docker import faults
from core.deploy.docker.ended import daemon_failure, judged

_HEAD = 'Get "https://registry.example.org/v2/": '
_PASSING = [
    f"{_HEAD}dial tcp: lookup registry.example.org: no such host",
    f"{_HEAD}net/http: TLS handshake timeout",
    f"{_HEAD}net/http: request canceled (Client.Timeout exceeded while awaiting headers)",
    f"{_HEAD}dial tcp 192.0.2.1:443: connect: connection refused",
    f"{_HEAD}read tcp 10.0.0.1:1->192.0.2.1:443: read: connection reset by peer",
    f"{_HEAD}proxyconnect tcp: dial tcp 192.0.2.9:3128: i/o timeout",
    f"{_HEAD}EOF",
    "toomanyrequests: You have reached your unauthenticated pull rate limit",
]
_LASTING = [
    "manifest for example/engine:v9 not found: manifest unknown: manifest unknown",
    "pull access denied for example/engine, repository does not exist or may require login",
    "no matching manifest for linux/arm64/v8 in the manifest list entries",
    f"{_HEAD}x509: certificate signed by unknown authority",
    f"{_HEAD}http: server gave HTTP response to HTTPS client",
    "write /var/lib/docker/tmp/GetImageBlob1: no space left on device",
    "something nobody has seen before",
]


@pytest.mark.parametrize("text", _PASSING)
def test_a_pull_that_may_go_well_in_a_moment(text: str) -> None:
    assert faults.of_pull("example/engine:v9", text).transient


@pytest.mark.parametrize("text", _LASTING)
def test_a_pull_that_a_person_must_mend(text: str) -> None:
    assert not faults.of_pull("example/engine:v9", text).transient


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("Bind for 127.0.0.1:8000 failed: port is already allocated", True),
        ("No such container: 0123456789ab", True),
        ("No such image: example/engine:v9", True),
        ("error creating: transport is closing: unavailable", True),
        ('could not select device driver "" with capabilities: [[gpu]]', False),
        ("invalid mount config for type bind: bind source path does not exist: /data", False),
        ("nvidia-container-cli: initialization error: nvml error", False),
        ("mkdir /var/lib/docker/overlay2/x: no space left on device", False),
    ],
)
def test_starts(text: str, passes: bool) -> None:
    assert faults.of_start(ValueError(text)).transient is passes


def test_a_daemon_that_ends_containers() -> None:
    assert daemon_failure("Docker ended the container: lost").transient
    assert not daemon_failure("Docker ended the container: no space left on device").transient


@pytest.mark.parametrize(
    ("state", "how", "fault", "presumed"),
    [
        ({"ExitCode": 137}, "", "SIGKILL", None),
        ({"ExitCode": 143}, "", "SIGTERM", None),
        ({"ExitCode": 139}, "", None, None),
        ({"ExitCode": 1}, "", None, None),
        ({"ExitCode": 137, "OOMKilled": True}, "", "out of memory", None),
        ({"ExitCode": 137}, "stopping", None, None),
        ({"ExitCode": 137, "OOMKilled": True}, "stopping", None, None),
        ({"ExitCode": 0}, "interrupted", "daemon was stopped", None),
        ({"ExitCode": 255, "Error": "lost"}, "", "lost", None),
        ({"ExitCode": 137}, "unwatched", None, "no runner"),
        ({"ExitCode": 255, "Error": "lost"}, "unwatched", None, "no runner"),
        ({"ExitCode": 137, "OOMKilled": True}, "unwatched", "out of memory", None),
    ],
)
def test_ends(state: dict[str, object], how: str, fault: str | None, presumed: str | None) -> None:
    given = {name: name == how for name in ("stopping", "interrupted", "unwatched")}
    end = judged({"Status": "exited", **state}, **given)
    for found, words in ((end.fault, fault), (end.presumed, presumed)):
        assert (found is None) is (words is None)
        assert words is None or (found and words in found.message)
