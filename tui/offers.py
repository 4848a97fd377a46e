"""What can be offered while a field of the new task is typed into."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from core.engines.known import Known, about, known
from tui import notation
from tui.asking import Model, Preset
from tui.form import AXES, FORMATS, LIMITS
from tui.widgets.field import Offer

# As `Engine.axes` has them; the engines themselves are not imported here.
ENGINE_AXES: Mapping[str, tuple[str, ...]] = {
    "vllm": ("tp", "pp", "dp", "ep", "dcp", "kvcache", "gemm", "attention"),
    "sglang": ("tp", "pp", "dp", "ep", "dcp", "kvcache", "gemm", "attention"),
    "simulated": ("tp", "kvcache", "gemm"),
}
_SIMULATED = (
    Offer("sim-8b", "a simulated model of 8 billion parameters; any other size works as well"),
)
_LIMITS = {
    "ttft": ("500ms", "1s", "2s"),
    "tpot": ("30ms", "50ms", "100ms"),
    "e2e": ("10s", "30s"),
    "error_rate": ("1%", "0"),
    "attainment": ("99%", "95%"),
    "throughput_min": ("1000",),
}
_VALUES = {
    "tp": ("1, 2", "1, 2, 4", "1, 2, 4, 8"),
    "pp": ("1, 2",),
    "dp": ("1, 2", "1, 2, 4"),
    "kvcache": ("auto, fp8",),
    "gemm": ("fp8",),
}


def names(engine: str, section: str, typed: str, used: Iterable[str]) -> tuple[Offer, ...]:
    """Names with these letters that no other row has; those that begin with them first."""
    typed = typed.strip().lower().replace("_", "-" if section == "parameters" else "_")
    taken = {name.replace("_", "-") for name in used}
    words = typed.replace("-", " ").split()
    found = [
        Offer(name, hint)
        for name, hint in _names(engine, section)
        if name.replace("_", "-") not in taken and all(word in name for word in words)
    ]
    found.sort(key=lambda offer: not offer.text.startswith(typed))
    return tuple(offer for offer in found if offer.text != typed)


def values(engine: str, section: str, name: str) -> tuple[Offer, ...]:
    """Values worth trying for the name of a row."""
    if section == "parameters":
        flag = about(engine, name)
        return _of_flag(flag) if flag else ()
    if section == "slo":
        return tuple(Offer(one) for key, ones in _LIMITS.items() if name.startswith(key)
                     for one in ones)  # fmt: skip
    return tuple(Offer(one) for one in _VALUES.get(name, ()))


def local_models(engine: str, typed: str) -> tuple[Offer, ...]:
    """Models that no Hub has to be asked for."""
    typed = typed.strip()
    return tuple(one for one in _SIMULATED if engine == "simulated" and typed in one.text != typed)


def hub_models(found: Iterable[Model], typed: str) -> tuple[Offer, ...]:
    """What the Hub has, with what matters for a choice."""
    return tuple(Offer(one.id, _told(one)) for one in found if one.id != typed.strip())


def presets(found: Iterable[Preset], engine: str, typed: str) -> tuple[Offer, ...]:
    """The line with one more preset for this engine, for what is typed behind the last comma."""
    before, comma, word = typed.rpartition(",")
    head = f"{before.rstrip()}, " if comma else ""
    named = {one.strip() for one in before.split(",")}
    return tuple(
        Offer(f"{head}{one.name}", one.about)
        for one in found
        if one.name not in named | {word.strip()}
        and word.strip().lower() in one.name
        and (not one.engines or engine in one.engines)
    )


def _told(model: Model) -> str:
    count = model.downloads
    parts = [] if count is None else [f"{_short(count)} downloads"]
    return ", ".join([*parts, *(("gated",) if model.gated else ())])


def _short(count: int) -> str:
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if count >= size:
            return f"{count / size:.1f} {letter}"
    return str(count)


def _names(engine: str, section: str) -> list[tuple[str, str]]:
    if section == "parameters":
        return [(flag.name, flag.meaning) for flag in known(engine)]
    if section == "slo":
        return list(LIMITS.items())
    source = AXES if section == "parallel" else FORMATS
    axes = ENGINE_AXES.get(engine, ())
    return [(name, hint) for name, hint in source.items() if name in axes]


def _of_flag(flag: Known) -> tuple[Offer, ...]:
    found = [notation.write(list(flag.usual)).rstrip(",")] if flag.usual else []
    if flag.kind == "bool":
        found += ["true", "false"]
    found += flag.choices
    return tuple(
        Offer(text, "worth trying" if not i and flag.usual else "")
        for i, text in enumerate(dict.fromkeys(found))
    )
