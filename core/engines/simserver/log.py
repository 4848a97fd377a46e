"""Log lines in vLLM's format, each written out at once."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence

_PID = os.getpid()
CORE, SERVER = "EngineCore", "APIServer"


def say(process: str, place: str, message: str, level: str = "INFO") -> None:
    """One line of one of vLLM's processes; `place` is its file and line."""
    now = time.strftime("%m-%d %H:%M:%S")
    raw(f"({process} pid={_PID}) {level} {now} [{place}] {message}")


def access(peer: Sequence[object], method: str, path: str, status: int) -> None:
    """One served request."""
    raw(
        f'({SERVER} pid={_PID}) INFO:     {peer[0]}:{peer[1]} - "{method} {path} HTTP/1.1" {status}'
    )


def plain(message: str) -> None:
    """A line of the web server."""
    raw(f"({SERVER} pid={_PID}) INFO:     {message}")


def raw(line: str) -> None:
    """A line as it is. A reader that has gone or a full disk is no reason to stop serving."""
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except OSError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - stays open for good
