"""The virtual accelerator and the models it runs: constants, nothing else.

The accelerator is slow on purpose: an 8B model then yields at most about 1,000 tokens/s, which
a client on two CPU cores can follow without becoming the bottleneck.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

GIB = 1 << 30
BLOCK = 16
"""Tokens per block of the KV cache."""
MAX_POSITIONS = 32768
"""The longest sequence any of the models was trained for."""


@dataclass(frozen=True, slots=True)
class Device:
    """One GPU. Bandwidth in bytes/s, compute in FLOP/s: what kernels reach, not the peak."""

    name: str = "SIM-24G"
    count: int = 4
    memory: int = 24 * GIB
    context: int = int(0.45 * GIB)
    bandwidth: float = 720e9
    flops: float = 60e12
    fp8_speedup: float = 1.5
    launch_seconds: float = 0.0008
    eager_layer_seconds: float = 0.0005
    sequence_seconds: float = 0.00002
    allreduce_seconds: float = 0.00003
    link_bandwidth: float = 12e9


@dataclass(frozen=True, slots=True)
class Model:
    """A dense decoder with grouped-query attention. `parameters` is a count."""

    parameters: float
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    vocabulary: int = 128_256

    @property
    def kv_bytes(self) -> int:
        """Bytes of 16-bit keys and values for one token: 2 x layers x KV heads x head size x 2."""
        return 2 * self.layers * self.kv_heads * (self.hidden // self.heads) * 2


DEVICE = Device()

_SHAPES = (  # layers, hidden, heads, KV heads of well-known sizes, in billions of parameters
    (0.5, 24, 896, 14, 2),
    (1.5, 28, 1536, 12, 2),
    (3.0, 36, 2048, 16, 2),
    (8.0, 32, 4096, 32, 8),
    (14.0, 40, 5120, 40, 8),
    (32.0, 64, 5120, 40, 8),
    (70.0, 80, 8192, 64, 8),
)
_SIZE = re.compile(r"(?<![a-z0-9.])(\d+(?:\.\d+)?)b(?![a-z0-9])", re.IGNORECASE)


def model_named(name: str) -> Model:
    """The model a name stands for: its size is read from the name (`…-70b`), 8B without one."""
    found = _SIZE.search(name)
    billions = float(found[1]) if found and float(found[1]) > 0 else 8.0
    _, layers, hidden, heads, kv_heads = min(
        _SHAPES, key=lambda shape: abs(math.log(shape[0] / billions))
    )
    return Model(billions * 1e9, layers, hidden, heads, kv_heads)
