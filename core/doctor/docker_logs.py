"""What the lines of Docker's command line mean: the daemon's refusals, in a log or a terminal."""

from __future__ import annotations

import re

from core.deploy.docker.faults import PULL, START, Sign
from core.engines.base import Signature
from core.values import FailureKind

# Whose words they are: an engine's log may speak of ports, disks and manifests too.
_SPEAKER = (
    r"docker(?:-compose)?: |Error response from daemon|error during connect"
    r"|Error: (?:No such|failed to)|OCI runtime|nvidia-container-cli|failed to (?:pull|register)"
    r"|error pulling image|^toomanyrequests|^unauthorized"
)


def _said(sign: Sign) -> Signature:
    pattern = re.compile(rf"(?i)(?:{_SPEAKER}).*?(?:{sign.pattern})")
    return Signature(sign.kind, pattern, sign.message, sign.advice)


_CLIENT = (
    Signature(
        FailureKind.CONFIG,
        re.compile(
            r"^(?:standard_init_linux\.go:\d+: )?exec (?:user process caused|\S+): .*"
            r"(?:exec format error|no such file or directory|permission denied)"
        ),
        "the program to start is not in the image, or is made for another processor",
        "correct `command:`, or choose an image for this platform",
    ),
    Signature(
        FailureKind.PERMISSION,
        re.compile(
            r"(?i)permission denied while trying to connect to the docker"
            r"|docker\.sock: connect: permission denied"
        ),
        "not permitted to use Docker",
        "join the group docker (`sudo usermod -aG docker $USER`) and log in again, or use sudo",
    ),
    Signature(
        FailureKind.DOCKER,
        re.compile(
            r"(?i)Cannot connect to the Docker daemon|Is the docker daemon running\?"
            r"|docker: command not found|failed to start daemon"
        ),
        "Docker is not running",
        "start it (`sudo systemctl start docker`), or set DOCKER_HOST to its socket",
    ),
    Signature(
        FailureKind.CONFIG,
        re.compile(r"invalid argument \"(?P<value>[^\"]*)\" for \"(?P<flag>[^\"]+)\" flag"),
        "Docker's {flag} cannot be {value}",
        "correct the value under `docker:` in the task",
    ),
    Signature(
        FailureKind.CONFIG,
        re.compile(r"\bunknown (?:shorthand )?flag: (?P<flag>.+)"),
        "Docker does not know {flag}",
        "correct it, or update Docker",
    ),
)

_OTHER = Signature(
    FailureKind.DOCKER,
    re.compile(r"(?i)(?:Error response from daemon|OCI runtime create failed): (?P<problem>.+)"),
    "Docker refuses: {problem}",
    "see the daemon's log: `journalctl -u docker`",
)

# A start that has to pull says both; what only a start says is the more exact.
SIGNATURES: tuple[Signature, ...] = (
    *_CLIENT, *(_said(sign) for sign in START), *(_said(sign) for sign in PULL), _OTHER,
)  # fmt: skip
