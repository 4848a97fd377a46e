"""Ends that are not an engine's own doing: by the kernel's hand, or by somebody's."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path

from core.values import Failure, FailureKind

_VMSTAT = Path("/proc/vmstat")
# An engine's own faults end it by other signals: SIGSEGV, SIGABRT, SIGBUS, …
_SENT = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}

OUT_OF_MEMORY = Failure(
    FailureKind.CRASH,
    "the kernel ended the engine: the machine, or its container's limit, is out of memory",
    "see `dmesg`; free memory of the machine (not of the GPU) and retry",
)


def from_outside(code: int) -> Failure | None:
    """What an exit code tells of somebody who ended the engine; negative is a signal."""
    if -code not in _SENT:
        return None
    return Failure(
        FailureKind.CRASH,
        f"the engine was ended from outside by {signal.Signals(-code).name}",
        "see who ends processes here: a person, a batch system, earlyoom, systemd-oomd",
        transient=True,
    )


def memory_kills() -> int | None:
    """How many processes the kernel has ended for want of memory; None: it does not say."""
    with contextlib.suppress(OSError, ValueError):
        for line in _VMSTAT.read_text().splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return None
