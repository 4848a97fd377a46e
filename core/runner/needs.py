"""Which configurations need at least the memory that one ran out of: by flags alone.

Only where every flag says so. A flag whose part is not known has to be the same, and one that
is left to the engine's default has to be left to it by both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from core.doctor import blame
from core.engines.base import Engine
from core.engines.gpu_logs import NO_MEMORY, OUT_OF_MEMORY
from core.values import Configuration, Failure, FailureKind, Scalar

Flags = Mapping[str, Scalar]
Test = Callable[[str, Flags, Flags], bool]
"""Whether a flag lets the second configuration need what the first did, or more."""

# More of it needs more memory.
_GROWING = frozenset({
    "max-num-seqs", "max-num-batched-tokens", "max-model-len", "max-running-requests",
    "chunked-prefill-size", "max-prefill-tokens", "context-length", "cuda-graph-max-bs",
})  # fmt: skip
# The part of a GPU that is planned with: weights and KV cache come out of it, CUDA graphs and
# peaks out of the rest.
_SHARES = frozenset({"gpu-memory-utilization", "mem-fraction-static"})
# SGLang's own choice of its share leaves more room the larger its batches and groups are.
_CHOOSES_SHARE = frozenset({"sglang"})
# No part of what is loaded before there is a cache.
_AFTER_WEIGHTS = _GROWING | {
    "enable-prefix-caching", "enable-chunked-prefill", "disable-radix-cache", "block-size",
    "page-size", "async-scheduling", "scheduling-policy", "schedule-policy", "kv-cache-dtype",
    "schedule-conservativeness", "max-queued-requests",
}  # fmt: skip
# Types of the KV cache that are no narrower than 8 bits.
_WIDE = frozenset({"auto", "bfloat16", "float16", "bf16", "fp16", None})

# With these the rest grows and the planned part stays as it is. vLLM plans with the peak that
# max-num-batched-tokens makes: more of it leaves a smaller cache, and then more room for graphs.
_BESIDE = frozenset({
    "max-running-requests", "chunked-prefill-size", "max-prefill-tokens", "context-length",
    "cuda-graph-max-bs",
})  # fmt: skip

# The device itself refused: an engine that was short of slots of its own wants a larger share.
_REFUSED = re.compile(f"{OUT_OF_MEMORY}|{NO_MEMORY}|Failed to load model")
# Held against the share before anything is loaded.
_TAKEN = re.compile(r"Free memory on device")


def at_least(engine: Engine, failure: Failure, failed: Configuration, other: Configuration) -> bool:
    """Whether `other` needs all of what `failed` did not get. False when in doubt."""
    have, want = failed.parameters, other.parameters
    test = _test(engine, failure, have)
    return test is not None and all(test(name, have, want) for name in {*have, *want})


def _test(engine: Engine, failure: Failure, have: Flags) -> Test | None:
    """What is asked of each flag; None where nothing can be concluded from this failure."""
    said = blame.evidence(failure)
    chosen = engine.name in _CHOOSES_SHARE and not have.keys() & _SHARES
    spread = frozenset[str | None]({engine.axes.get("tp"), engine.axes.get("pp")})
    match failure.kind:
        case FailureKind.OOM_WEIGHTS if _TAKEN.search(said):
            return lambda name, have, want: (
                _rises(name, have, want) if name in _SHARES else _weights(spread, name, have, want)
            )
        case FailureKind.OOM_WEIGHTS if _REFUSED.search(said):
            return lambda name, have, want: name in _SHARES or _weights(spread, name, have, want)
        case FailureKind.OOM_KV if _REFUSED.search(said):  # it was planned larger than there is
            return None if chosen else _beside(_BESIDE)
        case FailureKind.OOM_KV:
            fewer = frozenset[str | None]() if chosen else spread
            return lambda name, have, want: _cache(fewer, name, have, want)
        case FailureKind.OOM_COMPILE:
            return None if chosen else _beside(_BESIDE | {"max-num-seqs"})
        case FailureKind.OOM_LOAD if _REFUSED.search(said):
            return None if chosen else _beside(_BESIDE | {"max-num-seqs"})
    return None


def _weights(spread: frozenset[str | None], name: str, have: Flags, want: Flags) -> bool:
    return name in _AFTER_WEIGHTS or _gathers(spread, name, have, want)


def _cache(spread: frozenset[str | None], name: str, have: Flags, want: Flags) -> bool:
    """A larger share leaves more for the cache."""
    if name in _SHARES:
        return _rises(name, want, have)
    if name in _GROWING:
        return _rises(name, have, want)
    if name == "kv-cache-dtype" and str(have.get(name)).startswith("fp8"):
        return want.get(name) in _WIDE or _same(name, have, want)
    return _gathers(spread, name, have, want)


def _beside(growing: frozenset[str]) -> Test:
    """A larger share leaves less beside it. Between fewer GPUs there are fewer buffers, so
    their number has to be the same.
    """
    known = growing | _SHARES
    return lambda name, have, want: (
        _rises(name, have, want) if name in known else _same(name, have, want)
    )


def _gathers(spread: frozenset[str | None], name: str, have: Flags, want: Flags) -> bool:
    """The same; or the model over no more GPUs, each of which then holds as much or more."""
    if name not in spread:
        return _same(name, have, want)
    before, now = _number(have.get(name, 1)), _number(want.get(name, 1))
    return before is not None and now is not None and now <= before


def _rises(name: str, lower: Flags, upper: Flags) -> bool:
    """From one to the other it grows or stays; 0 and less mean something else than a size."""
    one, other = _number(lower.get(name)), _number(upper.get(name))
    if one is None or other is None or one <= 0 or other <= 0:
        return _same(name, lower, upper)
    return one <= other


def _number(value: Scalar | None) -> float | None:
    return None if isinstance(value, bool) or not isinstance(value, int | float) else float(value)


def _same(name: str, have: Flags, want: Flags) -> bool:
    one, other = have.get(name), want.get(name)
    return one == other and isinstance(one, bool) == isinstance(other, bool)
