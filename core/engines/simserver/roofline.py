"""How long a step takes: the roofline model.

A step is bound either by memory traffic or by arithmetic. Traffic: all weights once, plus the
keys and values of every token attended to, over the bandwidth. Arithmetic: 2 FLOP per parameter
and token, plus 4 FLOP per layer, hidden unit and pair of tokens attended, over the FLOP rate.
Decoding few sequences is bound by the first, prefill and large batches by the second. Fixed
costs come on top: kernel launches, work of the CPU per sequence, and two all-reduces per layer
with tensor parallelism, which divides everything else.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.engines.simserver.flags import Options
from core.engines.simserver.hardware import DEVICE, Model
from core.engines.simserver.memory import MemoryPlan

_PREFIX_CACHE_SECONDS = 0.000002  # hashing and looking up, per sequence


@dataclass(frozen=True, slots=True)
class Work:
    """One step: new `tokens`, `context` tokens read from the cache, `pairs` of a new and an
    attended token, `running` sequences.
    """

    tokens: int
    context: int
    pairs: int
    running: int


@dataclass(frozen=True, slots=True)
class Speed:
    """What a step costs on this machine, with these flags. Seconds per unit of work.

    With more than `cliff` running requests (0: no such number) it costs `cliff_factor` times
    as much.
    """

    weights: float
    per_context: float
    per_token: float
    per_pair: float
    fixed: float
    per_sequence: float
    exchange_per_token: float
    cliff: int = 0
    cliff_factor: float = 1.0

    def seconds(self, work: Work) -> float:
        """The duration of a step, without noise."""
        memory = self.weights + work.context * self.per_context
        arithmetic = work.tokens * self.per_token + work.pairs * self.per_pair
        exchange = work.tokens * self.exchange_per_token
        overhead = self.fixed + work.running * self.per_sequence + exchange
        above = self.cliff and work.running > self.cliff
        return (max(memory, arithmetic) + overhead) * (self.cliff_factor if above else 1.0)


def speed(options: Options, model: Model, plan: MemoryPlan) -> Speed:
    """The speed of a model on the simulated accelerator with these flags."""
    gpus = options.tensor_parallel_size
    quantized = options.quantization == "fp8"
    flops = DEVICE.flops * gpus * (DEVICE.fp8_speedup if quantized else 1.0)
    launch = DEVICE.launch_seconds
    if options.enforce_eager:
        launch += model.layers * DEVICE.eager_layer_seconds
    reductions = 2 * model.layers if gpus > 1 else 0
    lookup = _PREFIX_CACHE_SECONDS if options.enable_prefix_caching else 0.0
    return Speed(
        weights=plan.weights / DEVICE.bandwidth,
        per_context=plan.kv_bytes / DEVICE.bandwidth,
        per_token=2 * model.parameters / flops,
        per_pair=4 * model.layers * model.hidden / flops,
        fixed=launch + reductions * DEVICE.allreduce_seconds,
        per_sequence=DEVICE.sequence_seconds + lookup,
        exchange_per_token=reductions * 2 * model.hidden / DEVICE.link_bandwidth,
        cliff=options.cliff,
        cliff_factor=options.cliff_factor,
    )
