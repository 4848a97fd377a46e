"""What one configuration takes of each GPU's memory: weights, KV cache, activations, the rest.

Weights and KV bytes are counted (core.hub.facts). The rest is estimated:

- activations: what a decoder layer holds of one step at once, four vectors of the hidden size and
  three of the feed-forward width for each token, and the logits of every running request in the
  model's format and twice in float32 (the sampler sorts a copy).
- context: 0.6 GiB for the CUDA context, its libraries' workspaces and NCCL.
- graphs: 25 MiB a layer; vLLM reports 0.5 to 1 GiB for 20 to 40 layers at its default sizes.
- kernels, when weights are in fp8: Triton's autotuner clears the L2 cache through a buffer of
  256 MiB (triton.testing.do_bench) and computes the largest product twice.
- slack: 2 % of the GPU for what the caching allocator cannot use again.

The last four are calibrated on a known case: a model of 12 B parameters in fp8 that takes 13.2 GB
on a card of 24 GB fails at Triton's autotuning and at CUDA graphs with nine tenths of the card
given to the engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.engines.base import Engine
from core.hub.facts import ModelFacts
from core.values import Configuration, Scalar

_MIB = 1 << 20
_GIB = 1 << 30
_CONTEXT = round(0.6 * _GIB)
_GRAPHS = 25 * _MIB  # a layer
_FLUSH = 256 * _MIB
_SLACK = 0.02


@dataclass(frozen=True, slots=True)
class Names:
    """How an engine spells what decides over memory. `eager`: no CUDA graphs."""

    fraction: str
    context: str
    requests: str
    tokens: str
    eager: str


NAMES: Mapping[str, Names] = {
    "vllm": Names(
        "gpu-memory-utilization",
        "max-model-len",
        "max-num-seqs",
        "max-num-batched-tokens",
        "enforce-eager",
    ),
    "sglang": Names(
        "mem-fraction-static",
        "context-length",
        "max-running-requests",
        "chunked-prefill-size",
        "disable-cuda-graph",
    ),
}
"""Engines whose use of memory is known."""

_UTILIZATION = 0.92  # vLLM's default


@dataclass(frozen=True, slots=True)
class Parallel:
    """Sizes of parallelism; `attention`: over how many GPUs heads are divided."""

    tp: int
    pp: int
    dp: int
    attention: int

    @property
    def ranks(self) -> int:
        """GPUs that hold one copy of the weights."""
        return self.tp * self.pp


@dataclass(frozen=True, slots=True)
class Use:
    """Bytes on one GPU of `total`. `budget` is the engine's: of vLLM for everything but
    `outside`, of SGLang for weights and KV cache.

    `token` is KV of one token, `sequence` of one request of `context` tokens, `room` what the
    budget leaves for KV; `spare` what it leaves the GPU for `outside`.
    """

    total: int
    budget: int
    weights: int
    activations: int
    outside: int
    token: int
    sequence: int
    context: int
    room: int

    @property
    def spare(self) -> int:
        return self.total - self.budget

    @property
    def requests(self) -> int:
        """How many of the longest requests fit at once."""
        return max(0, self.room) // self.sequence if self.sequence else 0


def parallel(engine: Engine, configuration: Configuration) -> Parallel:
    """From the flags of parallelism; 1 where none is given."""
    given = configuration.parameters
    tp, pp, dp = (
        positive(given.get(engine.axes.get(axis, ""))) or 1 for axis in ("tp", "pp", "dp")
    )
    shared = given.get(engine.shared_dp or "") is True
    return Parallel(tp, pp, dp, max(1, tp // dp) if shared else tp)


def positive(value: Scalar | None) -> int | None:
    """A whole number above 0, written as one; None for anything else."""
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return int(value) if whole and value and int(value) > 0 else None


def share(value: Scalar | None) -> float | None:
    """A part of the whole, above 0 and at most 1."""
    try:
        number = float(value) if value is not None and not isinstance(value, bool) else 0.0
    except ValueError:
        return None
    return number if 0 < number <= 1 else None


def least_weights(facts: ModelFacts, engine: Engine, configuration: Configuration) -> int:
    """Bytes that the fullest GPU cannot go below: an even division of everything.

    With data parallelism the experts may be spread over the copies as well.
    """
    sizes, given = parallel(engine, configuration), configuration.parameters
    total = facts.weights_as(given.get("dtype"), _quantization(engine, given))
    experts = total * facts.parts.experts // max(1, facts.parts.total)
    return (total - experts + experts // sizes.dp) // sizes.ranks


def kv_element(facts: ModelFacts, engine: Engine, configuration: Configuration) -> float:
    """Bytes of one element of the KV cache."""
    name = str(configuration.parameters.get(engine.axes.get("kvcache", ""), "auto")).lower()
    if name == "auto":
        return 1 if facts.quantization and facts.quantization.kv_fp8 else facts.element
    if name.startswith(("fp8", "int8")):
        return 1
    return 2 if name in {"float16", "bfloat16", "bf16", "fp16", "half"} else 0.5


def use(facts: ModelFacts, engine: Engine, configuration: Configuration, total: int) -> Use:
    """The estimate for one GPU of `total` bytes. The engine must be one of NAMES."""
    names, given = NAMES[engine.name], configuration.parameters
    sizes = parallel(engine, configuration)
    large = total >= 70 * _GIB
    tokens = positive(given.get(names.tokens)) or (8192 if large else 2048)
    requests = positive(given.get(names.requests)) or (1024 if large else 256)
    activations = _activations(facts, sizes, tokens, requests)
    graphs = 0 if given.get(names.eager) is True else _GRAPHS * facts.shape.layers // sizes.pp
    weights = least_weights(facts, engine, configuration)
    budget = round(total * fraction(engine, configuration, total))
    # vLLM profiles its activations into its share; SGLang's share has weights and KV cache alone.
    vllm = engine.name == "vllm"
    outside = _CONTEXT + graphs + _kernels(facts, given, sizes, tokens) + round(_SLACK * total)
    element = kv_element(facts, engine, configuration)
    context = positive(given.get(names.context)) or facts.context
    return Use(
        total=total,
        budget=budget,
        weights=weights,
        activations=activations,
        outside=outside if vllm else outside + activations,
        token=facts.kv_bytes(element, sizes.attention, sizes.pp),
        sequence=facts.sequence_bytes(context, element, sizes.attention, sizes.pp),
        context=context,
        room=budget - weights - (activations if vllm else 0),
    )


def longest(facts: ModelFacts, engine: Engine, configuration: Configuration, room: int) -> int:
    """Tokens of the longest sequence whose KV fits into `room` bytes, up to the model's own."""
    sizes, element = parallel(engine, configuration), kv_element(facts, engine, configuration)
    low, high = 0, facts.context or (1 << 24)
    while low < high:
        middle = (low + high + 1) // 2
        if facts.sequence_bytes(middle, element, sizes.attention, sizes.pp) <= room:
            low = middle
        else:
            high = middle - 1
    return low


def fraction(engine: Engine, configuration: Configuration, total: int) -> float:
    """The share of a GPU that the engine takes: as given, or the engine's own choice."""
    given = share(configuration.parameters.get(NAMES[engine.name].fraction))
    return given or (
        _UTILIZATION if engine.name == "vllm" else _static(engine, configuration, total)
    )


def _static(engine: Engine, configuration: Configuration, total: int) -> float:
    """SGLang's choice of mem-fraction-static: what it reserves is in server_args.py of 0.5, in
    MiB: 512, 1.5 for each token of a prefill step, 2 for each request of the largest CUDA graph,
    an eighth of a GiB for each GPU of a model; at least 10 GiB on GPUs above 60.
    """
    given, sizes = configuration.parameters, parallel(engine, configuration)
    few = sizes.tp < 4
    steps = ((20, 2048, 8, 8), (35, 2048, 24, 80), (60, 4096, 32, 160), (160, 8192, 256, 512))
    found = (one[1:] for one in steps if total < one[0] * _GIB)
    prefill, small, big = next(found, (16384, 512, 512))
    prefill = positive(given.get("chunked-prefill-size")) or prefill
    graph = positive(given.get("cuda-graph-max-bs")) or (small if few else big)
    reserved = (512 + 1.5 * max(prefill, 2048) + 2 * graph) * _MIB + sizes.ranks * _GIB / 8
    if total > 60 * _GIB:
        reserved = max(reserved, 10.0 * _GIB)
    return max(0.0, (total - reserved) / total)


def _quantization(engine: Engine, given: Mapping[str, Scalar]) -> Scalar | None:
    return given.get(engine.axes.get("gemm", "quantization"))


def _activations(facts: ModelFacts, sizes: Parallel, tokens: int, requests: int) -> int:
    shape, mixture = facts.shape, facts.shape.experts
    width = shape.inner
    if mixture:
        width = max(mixture.dense, mixture.active * mixture.inner + mixture.shared)
    step = tokens * facts.element * (4 * shape.hidden + 3 * width // sizes.tp)
    return step + requests * shape.vocabulary * (facts.element + 4 + 4)


def _kernels(facts: ModelFacts, given: Mapping[str, Scalar], sizes: Parallel, tokens: int) -> int:
    stored = facts.quantization is not None and 1 <= facts.quantization.size < 1.5
    if not stored and not str(given.get("quantization", "")).startswith(("fp8", "w8a8")):
        return 0
    return _FLUSH + 2 * tokens * facts.element * 2 * facts.shape.inner // sizes.tp
