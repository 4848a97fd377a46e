"""What was meant by a flag that the engine does not have."""

from __future__ import annotations

import difflib

from core.engines import registry
from core.engines.flags import Catalogue, Flag
from core.engines.flags.files import shipped

# The same thing under the names of two engines. Not all do quite the same: of several the first.
_COUNTERPARTS = (
    {"vllm": "gpu-memory-utilization", "sglang": "mem-fraction-static"},
    {"vllm": "max-num-seqs", "sglang": "max-running-requests"},
    {"vllm": "max-model-len", "sglang": "context-length"},
    {"vllm": "max-num-batched-tokens", "sglang": "chunked-prefill-size"},
    {"vllm": "max-num-batched-tokens", "sglang": "max-prefill-tokens"},
    {"vllm": "tensor-parallel-size", "sglang": "tp-size"},
    {"vllm": "pipeline-parallel-size", "sglang": "pp-size"},
    {"vllm": "data-parallel-size", "sglang": "dp-size"},
    {"vllm": "enforce-eager", "sglang": "disable-cuda-graph"},
    {"vllm": "enable-prefix-caching", "sglang": "disable-radix-cache"},
    {"vllm": "scheduling-policy", "sglang": "schedule-policy"},
    {"vllm": "max-cudagraph-capture-size", "sglang": "cuda-graph-max-bs"},
    {"vllm": "max-cudagraph-capture-size", "sglang": "cuda-graph-max-bs-decode"},
    {"vllm": "enable-expert-parallel", "sglang": "ep-size"},
    {"vllm": "block-size", "sglang": "page-size"},
)
_OPPOSITES = frozenset({"enable-prefix-caching", "disable-radix-cache"})
_ALIKE = 0.6
_FEW = 3


def resolved(name: str, catalogue: Catalogue) -> Flag | None:
    """The flag that `--name` sets: itself, its `--no-` form, or one key of its JSON."""
    plain = name.replace("_", "-")
    if flag := catalogue.find(plain):
        return flag
    head, dot, _ = plain.partition(".")
    if dot and (flag := catalogue.find(head)) and flag.kind in {"json", "unknown"}:
        return flag
    positive = catalogue.find(plain.removeprefix("no-"))
    return positive if plain.startswith("no-") and positive and positive.negatable else None


def advice(name: str, catalogue: Catalogue) -> str:
    """What to write in place of a flag that there is not."""
    plain = name.replace("_", "-").lstrip("-")
    if catalogue.find(plain):
        return f"write {plain}, without dashes in front"
    if found := _elsewhere(plain, catalogue):
        return found
    if flag := catalogue.short(plain):
        return f"write {flag.name}, of which -{plain} is the short form"
    if near := likely(plain, catalogue.names):
        return f"did you mean {near}?"
    return f"remove it, or see the flags that {catalogue.engine} has"


def _elsewhere(name: str, catalogue: Catalogue) -> str | None:
    """A flag of another engine, and what it is called here."""
    for other in registry.ENGINES:
        if other == catalogue.engine:
            continue
        listed = shipped(other)
        pairs = [pair for pair in _COUNTERPARTS if pair.get(other) == name]
        if not pairs and (listed is None or listed.find(name) is None):
            continue
        # The simulated engine takes vLLM's names.
        here = "vllm" if catalogue.engine == "simulated" else catalogue.engine
        same = next((p[here] for p in pairs if here in p and catalogue.find(p[here])), None)
        if same is None:
            near = likely(name, catalogue.names, 0.85)
            hint = f"did you mean {near}?" if near else "remove it"
            return f"it is a flag of {other}; {hint}"
        turned = ", which means the opposite" if name in _OPPOSITES else ""
        return f"it is a flag of {other}; {catalogue.engine} calls it {same}{turned}"
    return None


def likely(word: str, words: tuple[str, ...], alike: float = _ALIKE) -> str | None:
    """The few words that begin so, or the one that looks most alike."""
    begun = [one for one in words if one.startswith(word)]
    if 0 < len(begun) <= _FEW:
        return " or ".join(begun)
    lowered = {one.lower(): one for one in words}
    near = difflib.get_close_matches(word.lower(), lowered, 1, alike)
    return lowered[near[0]] if near else None
