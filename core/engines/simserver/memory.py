"""Where the GPU's memory goes, per GPU, and what no longer fits.

Weights, activations of the largest step and the CUDA context come out of the share that
`gpu-memory-utilization` grants; the KV cache gets the rest of it. CUDA graphs and what the
allocator needs under load come out of what that share leaves: a share close to 1 starves them.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.engines.simserver.errors import StartError
from core.engines.simserver.flags import Options
from core.engines.simserver.hardware import BLOCK, DEVICE, GIB, Model

_ACTIVATION_BASE = int(0.25 * GIB)
_ACTIVATION_PER_HIDDEN = 38  # bytes per token and hidden unit alive at the widest point
_LOGIT_BYTES = 8  # 32-bit logits and their sorted copy
_GRAPH_BASE = int(0.15 * GIB)
_GRAPH_EACH = int(0.035 * GIB)
_GRAPH_SMALL = 128  # larger graphs reuse most of the memory of these
_LOAD_PER_SEQUENCE = int(0.006 * GIB)
_LOAD_PER_TOKEN = int(0.00006 * GIB)


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Bytes on each GPU. `kv` may be negative: then nothing is left for the cache.

    `headroom` is what is left outside the granted share once the graphs are captured.
    """

    granted: int
    weights: int
    activations: int
    graphs: int
    kv: int
    kv_bytes: int
    headroom: int

    @property
    def kv_blocks(self) -> int:
        return max(0, self.kv // (self.kv_bytes * BLOCK))

    @property
    def kv_tokens(self) -> int:
        return self.kv_blocks * BLOCK

    @property
    def weights_fit(self) -> bool:
        return self.weights <= DEVICE.memory - DEVICE.context

    def under_load(self, running: int, tokens: int) -> int:
        """Bytes a step takes beyond what was planned; more than `headroom` ends the engine."""
        return running * _LOAD_PER_SEQUENCE + tokens * _LOAD_PER_TOKEN


def plan_memory(options: Options, model: Model) -> MemoryPlan:
    """The plan for these flags. All of it is divided over the tensor-parallel GPUs."""
    gpus = options.tensor_parallel_size
    weights = int(model.parameters * weight_bytes(options)) // gpus
    activations = _ACTIVATION_BASE + (
        options.max_num_batched_tokens * model.hidden * _ACTIVATION_PER_HIDDEN
        + options.max_num_seqs * model.vocabulary * _LOGIT_BYTES
    )
    granted = int(options.gpu_memory_utilization * DEVICE.memory)
    graphs = 0 if options.enforce_eager else _graph_bytes(options.max_num_seqs)
    kv_bytes = model.kv_bytes // gpus // (1 if options.kv_cache_dtype == "auto" else 2)
    return MemoryPlan(
        granted=granted,
        weights=weights,
        activations=activations,
        graphs=graphs,
        kv=granted - weights - activations - DEVICE.context,
        kv_bytes=kv_bytes,
        headroom=DEVICE.memory - granted - graphs,
    )


def weight_bytes(options: Options) -> float:
    """Bytes per parameter: 16-bit, or 8-bit with `quantization=fp8`."""
    return 1.0 if options.quantization == "fp8" else 2.0


def graph_sizes(max_num_seqs: int) -> list[int]:
    """Batch sizes for which a CUDA graph is captured: up to twice the running requests."""
    top = min(2 * max_num_seqs, 512)
    sizes = [1, 2, 4, *range(8, 256, 8), *range(256, 513, 16)]
    return [count for count in sizes if count <= top]


def _graph_bytes(max_num_seqs: int) -> int:
    sizes = graph_sizes(max_num_seqs)
    small = sum(size <= _GRAPH_SMALL for size in sizes)
    return _GRAPH_BASE + _GRAPH_EACH * small + _GRAPH_EACH * (len(sizes) - small) // 4


def check_free(options: Options, plan: MemoryPlan) -> None:
    """The granted share must be free before anything is loaded."""
    free = DEVICE.memory - DEVICE.context
    if plan.granted > free:
        raise StartError(
            f"ValueError: Free memory on device cuda:0 ({free / GIB:.2f}/"
            f"{DEVICE.memory / GIB:.2f} GiB) on startup is less than desired GPU memory "
            f"utilization ({options.gpu_memory_utilization}, {plan.granted / GIB:.2f} GiB). "
            "Decrease GPU memory utilization or reduce GPU memory used by other processes.",
            in_core=True,
        )


def check_cache(options: Options, plan: MemoryPlan) -> None:
    """The cache must hold at least one sequence of the maximum length."""
    if plan.kv <= 0:
        raise StartError(
            "ValueError: No available memory for the cache blocks. Try increasing "
            "`gpu_memory_utilization` when initializing the engine.",
            in_core=True,
        )
    needed = options.max_model_len * plan.kv_bytes
    if needed > plan.kv:
        raise StartError(
            "ValueError: To serve at least one request with the model's max seq len "
            f"({options.max_model_len}), ({needed / GIB:.2f} GiB KV cache is needed, which is "
            f"larger than the available KV cache memory ({plan.kv / GIB:.2f} GiB). Based on the "
            f"available memory, the estimated maximum model length is {plan.kv_tokens}. Try "
            "increasing `gpu_memory_utilization` or decreasing `max_model_len` when "
            "initializing the engine.",
            in_core=True,
        )
