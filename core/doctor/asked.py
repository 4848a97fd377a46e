"""Questions put to a process that has the environment of a task's child, and no other."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any


def answer(
    module: str, *arguments: str, environment: Mapping[str, str], limit: float
) -> dict[str, Any]:
    """The JSON document that a module of this program prints.

    TimeoutExpired after `limit` seconds; ValueError with its last words when it fails; OSError
    when it cannot be started.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-m", module, *arguments],
        env=dict(environment), stdin=subprocess.DEVNULL, cwd="/",
        capture_output=True, text=True, errors="replace", timeout=limit, check=False,
    )  # fmt: skip
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        raise ValueError(" ".join(last) or f"exit status {done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
