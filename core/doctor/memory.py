"""What does not fit is said before a start: memory by GPU, and parallelism that cannot divide."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Sequence

from core.doctor.memory_use import (
    NAMES,
    Use,
    fraction,
    kv_element,
    least_weights,
    longest,
    parallel,
    positive,
    share,
    use,
)
from core.doctor.report import Check, failure, ok, unknown, warning
from core.engines import registry
from core.engines.base import Engine
from core.gpu.values import Gpu
from core.hub.facts import ModelFacts
from core.hub.model.storage import online
from core.space import Space
from core.task import Task
from core.values import Configuration, Failure, FailureKind

_LOOKED_AT = 10_000  # configurations of a grid
# Files may hold a little that engines do not load, and formulas are a little off.
_SURE = 0.97
# Flags with which the weights, or the KV cache, are not where or what the model says.
_ELSEWHERE = frozenset(
    "cpu-offload-gb cpu-offload-params offload-backend offload-group-size offload-num-in-group "
    "kv-cache-memory-bytes num-gpu-blocks-override hf-overrides json-model-override-args device "
    "language-model-only limit-mm-per-prompt prefill-context-parallel-size".split()
)


def cannot_fit(
    facts: ModelFacts, engine: Engine, configuration: Configuration, gpu_bytes: int
) -> Failure | None:
    """Why this configuration fails on GPUs of `gpu_bytes` for certain; None: it may fit.

    Only lower bounds count: evenly divided weights, the KV cache of one request of a length that
    was asked for, nothing for activations.
    """
    found = _shortage(facts, engine, configuration, gpu_bytes)
    return found[1] if found else None


def _shortage(
    facts: ModelFacts, engine: Engine, configuration: Configuration, gpu_bytes: int
) -> tuple[int, Failure] | None:
    """The bytes that are missing on each GPU, and what that means."""
    if engine.name not in NAMES or not _certain(facts, engine, configuration):
        return None
    weights = least_weights(facts, engine, configuration)
    least = round(weights * _SURE)
    smaller = f"use more GPUs ({engine.axes['tp']}), or quantized weights"
    if least > gpu_bytes:
        short = weights - gpu_bytes
        message = (
            f"the weights take {_gb(weights)} a GPU, which has {_gb(gpu_bytes)}: "
            f"too large by {_gb(short)}"
        )
        return short, Failure(FailureKind.OOM_WEIGHTS, message, smaller)
    name = NAMES[engine.name].fraction
    part = share(configuration.parameters.get(name))
    if part is None and engine.name != "vllm":
        return None  # the engine chooses by what the model needs
    part = part or fraction(engine, configuration, gpu_bytes)
    budget = round(gpu_bytes * part)
    if least > budget:
        short = weights - budget
        message = (
            f"the weights take {_gb(weights)} a GPU and {name} {part} of {_gb(gpu_bytes)} is "
            f"{_gb(budget)}: short by {_gb(short)}, with no KV cache yet"
        )
        return short, Failure(FailureKind.OOM_KV, message, f"raise {name}, {smaller}")
    return _too_long(facts, engine, configuration, budget - least)


def _too_long(
    facts: ModelFacts, engine: Engine, configuration: Configuration, room: int
) -> tuple[int, Failure] | None:
    """vLLM starts only when one request of the greatest length fits."""
    given = configuration.parameters
    tokens = positive(given.get("max-model-len"))
    if engine.name != "vllm" or tokens is None or not facts.shape.known:
        return None
    sizes, element = parallel(engine, configuration), kv_element(facts, engine, configuration)
    kept = math.ceil(tokens / (positive(given.get(engine.axes.get("dcp", ""))) or 1))
    wanted = facts.sequence_bytes(kept, element, sizes.attention) // sizes.pp
    if wanted <= room:
        return None
    message = (
        f"a request of max-model-len {tokens} keeps {_gb(wanted)} of KV a GPU and at most "
        f"{_gb(room)} are left beside the weights: too much by {_gb(wanted - room)}"
    )
    advice = (
        f"lower max-model-len to {longest(facts, engine, configuration, room)} or less, raise "
        "gpu-memory-utilization, or set kv-cache-dtype: fp8"
    )
    return wanted - room, Failure(FailureKind.OOM_KV, message, advice)


def _certain(facts: ModelFacts, engine: Engine, configuration: Configuration) -> bool:
    """Whether the weights and where they lie are known."""
    given = configuration.parameters
    whole = facts.shape.known or facts.architecture.endswith("ForCausalLM")
    sized = facts.source == "config" or (facts.source == "tensors" and whole)
    if not sized or any(given.get(name) for name in _ELSEWHERE):
        return False
    named = given.get(engine.axes.get("gemm", ""))
    return named is None or facts.quantization is not None or online(named) is not None


def indivisible(facts: ModelFacts, engine: Engine, configuration: Configuration) -> Failure | None:
    """Why the model cannot be divided as the flags of parallelism say; None: it can."""
    if engine.name not in NAMES:
        return None
    shape, sizes = facts.shape, parallel(engine, configuration)
    if sizes.pp > shape.layers:
        flag = engine.axes["pp"]
        message = f"{flag} {sizes.pp} is more than the {shape.layers} layers"
        return Failure(FailureKind.PARALLELISM, message, f"lower {flag}")
    tp, flag = sizes.attention, engine.axes["tp"]
    if _divides(facts, tp):
        return None
    over = f"{flag} {sizes.tp}" + (f" over dp {sizes.dp}" if tp != sizes.tp else "")
    message = f"{shape.heads} heads ({shape.kv_heads} of keys and values) do not divide by {over}"
    good = ", ".join(str(one) for one in range(1, 17) if _divides(facts, one))
    return Failure(FailureKind.PARALLELISM, message, f"heads of this model divide by {good}")


def _divides(facts: ModelFacts, tp: int) -> bool:
    """Heads go evenly to the GPUs; of fewer key-value heads, each GPU has one, evenly copied."""
    shape = facts.shape
    if shape.heads % tp:
        return False
    if shape.latent or not shape.known:
        return True
    return max(shape.kv_heads, tp) % min(shape.kv_heads, tp) == 0


def fitting(
    task: Task, facts: ModelFacts, gpus: Sequence[Gpu]
) -> Callable[[Configuration], Failure | None]:
    """Why a configuration of any engine cannot run, held against the smallest GPU, which any
    start may get. Without one nothing is said of memory.
    """
    smallest = min(_totals(gpus), default=None)

    def fits(configuration: Configuration) -> Failure | None:
        engine = registry.find(configuration.engine)
        if failure := indivisible(facts, engine, configuration):
            return failure
        if smallest is None or not engine.wanted_gpus(task, configuration):
            return None
        return cannot_fit(facts, engine, configuration, smallest)

    return fits


def ruled_out(
    task: Task, space: Space, facts: ModelFacts | None, gpus: Sequence[Gpu]
) -> dict[str, int]:
    """How many of the configurations that were looked at cannot run: by `memory`, or because of
    `parallelism` that does not divide the model.
    """
    if facts is None:
        return {}
    why = map(fitting(task, facts, gpus), space.looked_at())
    counts = Counter(found.kind for found in why if found)
    divided = counts.pop(FailureKind.PARALLELISM, 0)
    named = {"parallelism": divided, "memory": counts.total()}
    return {name: count for name, count in named.items() if count}


def _totals(gpus: Sequence[Gpu]) -> list[int]:
    return [gpu.memory_total for gpu in gpus if gpu.memory_total and not gpu.lost]


def memory_checks(
    task: Task, space: Space, facts: ModelFacts | None, gpus: Sequence[Gpu]
) -> list[Check]:
    """What the baseline takes and what fits beside it, and what of the grid cannot be."""
    if space.engine.name not in NAMES:
        return []
    if facts is None:
        return [unknown("memory", f"the size of {task.model} is not known")]
    totals = _totals(gpus)
    checks = _parallelism(space, facts)
    if task.gpus == 0 or not totals:
        return [ok("memory", f"{_weights(facts)}; no GPU to hold it against"), *checks]
    total = min(totals)
    first = _baseline(space, facts, total)
    return [first, *_free(task, space, facts, gpus), *_grid(space, facts, total), *checks]


def _baseline(space: Space, facts: ModelFacts, total: int) -> Check:
    engine, baseline = space.engine, space.baseline
    if found := cannot_fit(facts, engine, baseline, total):
        return failure("memory", f"baseline: {found.message}", found.advice)
    taken = use(facts, engine, baseline, total)
    names = NAMES[engine.name]
    said = (
        f"{_weights(facts)}; of {_gb(total)} a GPU: weights {_gb(taken.weights)}, "
        f"activations {_gb(taken.activations)}, graphs and the rest {_gb(taken.outside)}, "
        f"KV cache {_gb(taken.room)} at {taken.token / 1000:.1f} kB a token"
    )
    top = longest(facts, engine, baseline, max(0, taken.room))
    if taken.room <= 0:
        lower = f"use more GPUs ({engine.axes['tp']}) or quantized weights"
        return warning("memory", f"{said}: no room for a KV cache", lower)
    if taken.requests < 1:
        advice = f"set {names.context} to {top} or less, or kv-cache-dtype: fp8"
        text = f"{said}: a request of {taken.context} tokens does not fit, the longest is {top}"
        return warning("memory", text, advice)
    said += f": {taken.requests} requests of {taken.context} tokens at once, {top} in the longest"
    if taken.spare < taken.outside:
        return _tight(engine, taken, said)
    return ok("memory", said)


def _tight(engine: Engine, taken: Use, said: str) -> Check:
    """The engine leaves less than what comes on top of its own share."""
    flag = NAMES[engine.name].fraction
    most = math.floor(100 * (taken.total - taken.outside) / taken.total) / 100
    text = (
        f"{said}. Only {_gb(taken.spare)} stay free beside {flag}, and CUDA graphs, Triton's "
        f"autotuning and the CUDA context take about {_gb(taken.outside)}: small allocations may "
        "fail while it compiles or captures"
    )
    return warning("memory", text, f"set {flag} to {max(0.01, most)} or less")


def _free(task: Task, space: Space, facts: ModelFacts, gpus: Sequence[Gpu]) -> list[Check]:
    """GPUs that are too full now for what the engine takes at its start."""
    wanted = space.engine.wanted_gpus(task, space.baseline)
    low, room = [], 0
    for gpu in gpus:
        if gpu.lost or not gpu.memory_total or gpu.memory_used is None:
            continue
        taken = use(facts, space.engine, space.baseline, gpu.memory_total)
        free = gpu.memory_total - gpu.memory_used
        needs = taken.budget if space.engine.name == "vllm" else taken.weights
        room += free >= needs
        if free < needs:
            low.append(f"GPU {gpu.index} has {_gb(free)} free and {_gb(needs)} are taken at start")
    if not low or room >= wanted:
        return []
    return [warning("memory-free", "; ".join(low), "end what uses these GPUs, or wait for it")]


def _grid(space: Space, facts: ModelFacts, total: int) -> list[Check]:
    """How much of the grid is ruled out without a start."""
    looked = list(itertools.islice(space.looked_at(), _LOOKED_AT))
    found = [hit for one in looked if (hit := _shortage(facts, space.engine, one, total))]
    if not found:
        return []
    short, worst = max(found, key=lambda one: one[0])
    text = (
        f"{len(found)} of {len(looked)} configurations cannot fit and are not started, the worst "
        f"by {_gb(short)}: {worst.message}"
    )
    return [warning("memory-grid", text, f"narrow the ranges: {worst.advice}")]


def _parallelism(space: Space, facts: ModelFacts) -> list[Check]:
    engine = space.engine
    if found := indivisible(facts, engine, space.baseline):
        return [failure("parallelism", f"baseline: {found.message}", found.advice)]
    grid = itertools.islice(space.looked_at(), _LOOKED_AT)
    bad = [found for one in grid if (found := indivisible(facts, engine, one))]
    if not bad:
        return []
    said = "; ".join(sorted({one.message for one in bad}))
    text = f"{len(bad)} configurations cannot be divided and are not started: {said}"
    return [warning("parallelism", text, bad[0].advice)]


def _weights(facts: ModelFacts) -> str:
    """The model in one phrase, with where its size is from."""
    how = {"tensors": "read", "files": "by its files", "config": "computed", "guess": "guessed"}
    kind = facts.quantization.method if facts.quantization else f"{8 * facts.element} bits"
    return (
        f"{facts.architecture}: {facts.parameters / 1e9:.2f} B parameters ({kind}), "
        f"{_gb(facts.weights)} of weights ({how[facts.source]})"
    )


def _gb(count: int) -> str:
    """In powers of 1000, as disks and the Hub count."""
    return f"{count / 1e9:.1f} GB"
