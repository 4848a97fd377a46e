"""Configurations and GPUs in aiconfigurator's words: what it can predict of a space."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.engines import registry
from core.engines.base import Engine
from core.space import Spaces
from core.values import Configuration, Scalar

_DRAWN = 4000  # configurations of a space that are looked at


@dataclass(frozen=True, slots=True)
class Point:
    """What a prediction takes of a configuration; two with the same point are predicted alike.

    `tp` GPUs for each of `dp` ranks of attention, in each of `pp` stages. `ep`: GPUs that
    experts are spread over (1: none). `kv` and `gemm` are number formats, None: the model's
    own. `context`: tokens of one step (None: not given). `seqs`: requests at work at once, on
    all ranks together (None: any number).
    """

    backend: str
    tp: int
    pp: int
    dp: int
    ep: int
    kv: str | None
    gemm: str | None
    context: int | None
    seqs: int | None


@dataclass(frozen=True, slots=True)
class _Flags:
    """Names of an engine's flags. `experts`: a switch that spreads experts over all GPUs;
    `each`: the limit of requests is one rank's.
    """

    context: str
    seqs: str
    experts: str = ""
    each: bool = False


_ENGINES = {
    "vllm": _Flags(
        "max-num-batched-tokens", "max-num-seqs", experts="enable-expert-parallel", each=True
    ),
    "sglang": _Flags("chunked-prefill-size", "max-running-requests"),
}

# Values of our engines' flags, and the number formats that are predicted for them.
_OWN = frozenset({"auto"})
_KV = {
    "fp8": "fp8", "fp8_e4m3": "fp8", "fp8_e5m2": "fp8", "int8": "int8",
    "bfloat16": "bfloat16", "bf16": "bfloat16", "float16": "bfloat16",
}  # fmt: skip
_GEMM = {
    "fp8": "fp8", "w8a8_fp8": "fp8", "fp8_per_tensor": "fp8", "fp8_per_block": "fp8_block",
    "w8a8_int8": "sq",
}  # fmt: skip

# What the driver calls a GPU, and its system there. A slice of one, or one with less memory or
# slower links than the system's, has no place here.
_SYSTEMS = (
    (r"GB300", "gb300"),
    (r"GB200", "gb200"),
    (r"B300", "b300_sxm"),
    (r"B200", "b200_sxm"),
    (r"H200(?! NVL)", "h200_sxm"),
    (r"H100 80GB HBM3", "h100_sxm"),
    (r"H100 PCIe", "h100_pcie"),
    (r"A100-SXM\d-80GB", "a100_sxm"),
    (r"A100 80GB PCIe", "a100_pcie"),
    (r"A30", "a30"),
    (r"L40S", "l40s"),
    (r"L4", "l4"),
    (r"RTX PRO 6000 Blackwell Server Edition", "rtx_pro_6000_server"),
)


def system(gpu: str) -> str | None:
    """The system of a GPU by the driver's name of it: `NVIDIA H200` is `h200_sxm`."""
    if re.search(r"\bMIG\b", gpu):
        return None
    found = (name for form, name in _SYSTEMS if re.search(rf"\b{form}(?!\w)", gpu))
    return next(found, None)


def points(space: Spaces, seed: int, most: int) -> dict[Point, Configuration]:
    """At most `most` distinct points of a space, each with the configuration that is nearest to
    its engine's baseline: of what is not predicted, that one changes least.
    """
    rng = random.Random(seed)
    found: dict[Point, Configuration] = {}
    baselines = {one.engine: set(one.flags) for one in space.baselines}

    def changed(configuration: Configuration) -> int:
        return len(set(configuration.flags) ^ baselines[configuration.engine])

    for configuration in (*space.baselines, *_some(space, rng)):
        engine = registry.ENGINES.get(configuration.engine)
        one = point(engine, configuration) if engine else None
        if one and (one not in found or changed(configuration) < changed(found[one])):
            found[one] = configuration
    kept = found if len(found) <= most else set(rng.sample(list(found), most))
    return {one: configuration for one, configuration in found.items() if one in kept}


def _some(space: Spaces, rng: random.Random) -> Iterable[Configuration]:
    if space.size is not None and space.size <= _DRAWN:
        return space.grid()
    return (space.sample(rng) for _ in range(_DRAWN))


def point(engine: Engine, configuration: Configuration) -> Point | None:
    """None for an engine or a number format that is not predicted."""
    flags, given = _ENGINES.get(engine.name), configuration.parameters
    if flags is None:
        return None
    try:
        kv = _format(given.get(engine.axes["kvcache"]), _KV)
        gemm = _format(given.get(engine.axes["gemm"]), _GEMM)
    except KeyError:
        return None
    tp, pp, dp = (_size(given.get(engine.axes[axis])) or 1 for axis in ("tp", "pp", "dp"))
    whole = tp * dp
    if engine.shared_dp and given.get(engine.shared_dp) is True:
        whole, tp = tp, max(1, tp // dp)
    ep = _size(given.get(engine.axes.get("ep", ""))) or 1
    if given.get(flags.experts) is True:
        ep = whole
    seqs = _size(given.get(flags.seqs))
    if seqs and flags.each:
        seqs *= dp
    return Point(engine.name, tp, pp, dp, ep, kv, gemm, _size(given.get(flags.context)), seqs)


def _format(value: Scalar | None, known: Mapping[str, str]) -> str | None:
    """KeyError for a format that is not known."""
    return None if value is None or value in _OWN else known[str(value)]


def _size(value: Scalar | None) -> int | None:
    """A count of 1 or more; None for anything else, such as SGLang's -1 for none."""
    counts = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return int(value) if counts and value else None
