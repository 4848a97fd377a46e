"""What the end of a container means."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.deploy.docker import faults
from core.deploy.ending import OUT_OF_MEMORY, from_outside
from core.values import Failure, FailureKind

_SIGNALS = range(129, 193)
_REMOVED = Failure(
    FailureKind.DOCKER,
    "the container was removed while the engine ran",
    "retry the experiment; stop a container with the console, or pause the task before",
    transient=True,
)
_UNWATCHED = Failure(
    FailureKind.DOCKER,
    "the container ended while no runner watched it",
    "retry the experiment; see its log, and the daemon's: `journalctl -u docker`",
    transient=True,
)


@dataclass(frozen=True, slots=True)
class End:
    """A container's exit code (negative: a signal), and why, as `Running` tells it."""

    code: int
    fault: Failure | None = None
    presumed: Failure | None = None


def judged(
    state: Mapping[str, Any] | None, *, stopping: bool, interrupted: bool, unwatched: bool
) -> End:
    """From what the daemon says of a container that has ended; None: it is gone.

    `stopping`: we end it; `interrupted`: the daemon was away when it ended; `unwatched`: it
    had ended before anybody looked.
    """
    if state is None or state["Status"] in {"removing", "dead"}:
        return End(-signal.SIGKILL, None if stopping else _REMOVED)
    number = int(state["ExitCode"])
    code = 128 - number if number in _SIGNALS else number
    if stopping and not unwatched:
        return End(code)
    if state.get("OOMKilled"):
        return End(code, OUT_OF_MEMORY)
    if unwatched:
        return End(code, None, _UNWATCHED)
    if interrupted:
        return End(code, daemon_failure("the Docker daemon was stopped while the engine ran"))
    if text := state.get("Error"):
        return End(code, daemon_failure(f"Docker ended the container: {text}"))
    return End(code, from_outside(code))


def daemon_failure(message: str) -> Failure:
    """The daemon's doing: the same may go well, unless its disk is full."""
    advice = (
        'retry the experiment; "live-restore": true in /etc/docker/daemon.json keeps '
        "containers running while the daemon restarts"
    )
    return Failure(FailureKind.DOCKER, message, advice, transient=not faults.disk_full(message))
