"""A small parent that starts the runner, and again when it dies: nobody may be there at night.

It knows nothing of the work.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from types import FrameType

from core.paths import Home

_LEFT = {0, 1}
"""Exit statuses of a runner that left on purpose, or that another runner is in charge before."""

_FIRST = 0.5
_LONGEST = 60.0
_LIVED = 120.0
"""Seconds after which a death is news again, and not one more of a series."""


class _Runner:
    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.leaving = False

    def start(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-P", "-m", "core.runner.main"])

    def wanted(self, status: int) -> bool:
        """Whether to start another: not after one came from elsewhere and left on purpose."""
        return not self.leaving and (status >= 0 or _died())

    def leave(self, number: int, _: FrameType | None) -> None:
        """Pass the signal on; the runner leaves in its own time."""
        self.leaving = True
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)


def supervise() -> int:
    """Until the runner leaves on purpose; its exit status."""
    runner = _Runner()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, runner.leave)
    wait = _FIRST
    while True:
        began = time.monotonic()
        runner.start()
        assert runner.process is not None
        status = runner.process.wait()
        if status in _LEFT or runner.leaving:
            return max(status, 0)
        wait = _FIRST if time.monotonic() - began > _LIVED else min(wait * 2, _LONGEST)
        with contextlib.suppress(OSError):  # the disk of its log is full
            print(_said(status, wait), file=sys.stderr, flush=True)
        time.sleep(wait)
        if not runner.wanted(status):
            return 0


def _died() -> bool:
    """Whether the last runner of this home died: one that left on purpose empties its note."""
    try:
        return Home.find().lock.stat().st_size > 0
    except OSError:
        return True


def _said(status: int, wait: float) -> str:
    how = f"of signal {-status}" if status < 0 else f"with status {status}"
    now = time.strftime("%Y-%m-%d %H:%M:%S")
    return f"{now} the runner died {how}; started again in {wait:g} s"
