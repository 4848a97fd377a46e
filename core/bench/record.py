"""What is under way, as written in a measurement's folder: whoever comes later finds it there.

A measurement outlives the runner that asked for it. The launcher writes `measuring.json` when
it has begun and `ended.json` when it has ended; the next runner reads them.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from core import pids
from core.paths import replace_file

BEGUN = "measuring.json"
ENDED = "ended.json"

_REMOVALS, _REMOVAL = 50, 0.02
"""How often, and seconds between."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process that leads its own group; `started` in seconds since the boot."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> Self:
        """Raises ProcessLookupError when there is none."""
        started = pids.started(pid)
        if started is None:
            raise ProcessLookupError(f"no process {pid}")
        return cls(pid, started)

    @property
    def lives(self) -> bool:
        return pids.lives(self.pid, self.started)

    def kill(self) -> None:
        """SIGKILL to it and its group, when it still lives."""
        if self.lives:
            # The group is missing in the moment before it leads one.
            for kill in (os.killpg, os.kill):
                with suppress(ProcessLookupError):
                    kill(self.pid, signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Begun:
    """A measurement that has begun: its process, its launcher's, and what it began with.

    `offset` is where its output begins in the benchmark's log, in bytes; `cache_reset` whether
    the engine's prefix cache was emptied before.
    """

    process: Process
    launcher: Process
    offset: int
    cache_reset: bool

    def write(self, folder: Path) -> None:
        """Raises OSError, as when the disk is full."""
        _write(folder / BEGUN, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """None when nothing has begun there."""
        raw = _read(folder / BEGUN)
        try:
            of = {name: Process(**raw[name]) for name in ("process", "launcher")}
            return cls(**of, offset=int(raw["offset"]), cache_reset=bool(raw["cache_reset"]))
        except (KeyError, TypeError, ValueError):
            return None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a measurement's process ended: exit status (negative: signal), None when it is lost.

    `overdue`: it was ended because the measurement's limit was over. `error` says why it could
    not even begin.
    """

    status: int | None
    overdue: bool = False
    error: str | None = None

    def write(self, folder: Path) -> None:
        """Raises OSError, as when the disk is full."""
        _write(folder / ENDED, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """None when it has not ended, or nobody was left to write so."""
        raw = _read(folder / ENDED)
        try:
            return cls(int(raw["status"]), bool(raw["overdue"]), raw["error"])
        except (KeyError, TypeError, ValueError):
            return None


def remove(folder: Path) -> None:
    """Remove what is left of a measurement: one begins in a folder that nobody has used.

    Somebody who has just been killed may be at work in it for a moment. Raises OSError when
    something cannot be removed.
    """
    for left in range(_REMOVALS, -1, -1):
        try:
            shutil.rmtree(folder)
        except OSError as error:
            if not left or error.errno not in (errno.ENOENT, errno.ENOTEMPTY):
                raise
        if not folder.exists():
            return
        time.sleep(_REMOVAL)


def _write(path: Path, facts: dict[str, Any]) -> None:
    replace_file(path, json.dumps(facts).encode() + b"\n")


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
