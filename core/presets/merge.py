"""One part over another: a flag is given by the last that names it, in whichever section."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from core.engines import registry
from core.engines.flags.files import shipped
from core.presets.model import Part, Preset
from core.values import InputError

T = TypeVar("T")


def part_of(preset: Preset, engine: str) -> Part:
    """What a preset gives on an engine; InputError when it is for others."""
    if not preset.speaks_of(engine):
        raise InputError(
            f"presets: '{preset.name}' has no section for {engine}; "
            f"it is for {' and '.join(preset.engines)}"
        )
    return over(preset.common, preset.engines.get(engine, Part()), engine)


def together(parts: Iterable[Part], engine: str) -> Part:
    """All of them, later over earlier."""
    found = Part()
    for part in parts:
        found = over(found, part, engine)
    return found


def over(lower: Part, upper: Part, engine: str) -> Part:
    """`upper` wins where both name a flag, by its own name or by an axis such as `tp`.

    Rules of both hold.
    """
    flags = _Flags(engine)
    taken = {flags.of(name) for name in upper.parameters}
    taken |= {flags.of_axis(axis) for axis in (*upper.quantization, *upper.parallel)}
    parameters = {n: v for n, v in lower.parameters.items() if flags.of(n) not in taken}
    return Part(
        parameters=parameters | upper.parameters,
        quantization=_left(lower.quantization, taken, flags) | upper.quantization,
        parallel=_left(lower.parallel, taken, flags) | upper.parallel,
        rules=tuple(dict.fromkeys((*lower.rules, *upper.rules))),
        environment=lower.environment | upper.environment,
    )


def merged(name: str, presets: Iterable[Preset]) -> Preset:
    """One preset that gives what these give in their order, on each engine that one names."""
    given = tuple(presets)
    about = " + ".join(one.name for one in given)
    engines = tuple(dict.fromkeys(engine for one in given for engine in one.engines))
    if not engines:
        # No engine is named, so that no axis can be told from its flag.
        return Preset(name, about, together((one.common for one in given), ""))
    return Preset(
        name,
        about,
        engines={
            engine: together(
                (part_of(one, engine) for one in given if one.speaks_of(engine)), engine
            )
            for engine in engines
        },
    )


def _left(axes: Mapping[str, T], taken: set[str], flags: _Flags) -> dict[str, T]:
    return {axis: values for axis, values in axes.items() if flags.of_axis(axis) not in taken}


class _Flags:
    """The one name of each flag of an engine; of a name that is not known, itself."""

    def __init__(self, engine: str) -> None:
        known = registry.ENGINES.get(engine)
        self._axes = known.axes if known else {}
        self._catalogue = shipped(engine) if known else None

    def of(self, name: str) -> str:
        flag = self._catalogue.find(name) if self._catalogue else None
        return flag.name if flag else name

    def of_axis(self, axis: str) -> str:
        return self.of(self._axes.get(axis, axis))
