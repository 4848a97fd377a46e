"""What the lines of Docker's command line mean."""

from pathlib import Path

import pytest

from core.doctor.diagnose import diagnose
from core.doctor.docker_logs import SIGNATURES
from core.values import FailureKind

DAEMON = "Error response from daemon: "
LINES = [
    (f"{DAEMON}manifest for acme/vllm:v9 not found: manifest unknown", FailureKind.IMAGE),
    (f"{DAEMON}pull access denied for acme/x, repository does not exist", FailureKind.IMAGE),
    ("toomanyrequests: You have reached your pull rate limit.", FailureKind.IMAGE),
    (
        "error pulling image configuration: download failed: dial tcp: i/o timeout",
        FailureKind.IMAGE,
    ),
    ("failed to register layer: write /opt/x: no space left on device", FailureKind.DISK),
    (f"docker: {DAEMON}Bind for 0.0.0.0:8000 failed: port is already allocated.", FailureKind.PORT),
    (
        f"docker: {DAEMON}failed to create task for container: OCI runtime create failed: runc "
        "create failed: nvidia-container-cli: initialization error: load library failed: "
        "libnvidia-ml.so.1: cannot open shared object file",
        FailureKind.DOCKER,
    ),
    ("dial unix /var/run/docker.sock: connect: permission denied", FailureKind.PERMISSION),
    ("ERROR: Cannot connect to the Docker daemon at tcp://h:2375.", FailureKind.DOCKER),
    ("exec /usr/local/bin/vllm: exec format error", FailureKind.CONFIG),
    (f"{DAEMON}something that is new", FailureKind.DOCKER),
]


@pytest.mark.parametrize(("line", "kind"), LINES)
def test_a_refusal_is_recognised(tmp_path: Path, line: str, kind: FailureKind) -> None:
    log = tmp_path / "docker.log"
    log.write_text(f"Unable to find image 'acme/vllm:v9' locally\n{line}\n")

    found = diagnose(log, SIGNATURES)

    assert found is not None
    assert found.kind is kind
    assert found.line == 2
