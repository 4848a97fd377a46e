"""What the sweep and the program are both given, and what each comes back with."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

INPUT, OUTPUT = 100, 50
"""Tokens of every request."""

ENVIRONMENT = {
    "VLLM_TARGET_DEVICE": "cpu",
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_NO_USAGE_STATS": "1",
}
FIXED: dict[str, Any] = {"max-model-len": 1024, "enforce-eager": True}


@dataclass(frozen=True, slots=True)
class Contest:
    """`axes` are flags with their values and `points` all of their combinations; `loads` are
    concurrencies, `requests` what is sent at each.
    """

    folder: Path
    vllm: Path
    model: Path
    axes: Mapping[str, tuple[Any, ...]]
    points: Sequence[Mapping[str, Any]]
    loads: tuple[int, ...]
    requests: int


@dataclass(frozen=True, slots=True)
class Winner:
    """The best that was measured: output tokens/s at a load."""

    flags: Mapping[str, Any]
    load: int
    throughput: float

    def document(self) -> dict[str, Any]:
        return asdict(self)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
