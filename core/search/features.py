"""Configurations as numbers: what a model sees of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from core.space import Space
from core.space.values import grid_values
from core.task import Range
from core.values import Configuration, Scalar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BY_RATIO = 4.0  # numbers that span more than this factor are compared by ratio
_OUTSIDE = 0.5  # a baseline may lie this far outside of what is searched


@dataclass(frozen=True, slots=True)
class Numbers:
    """One flag whose values are numbers; 0..1 over what is searched."""

    flag: str
    low: float
    high: float
    log: bool

    def place(self, value: Scalar | None) -> float:
        """0.5 for what is not passed: whether it is, is told apart."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return 0.5
        low, high, number = self.low, self.high, float(value)
        if self.log:
            low, high, number = math.log(low), math.log(high), math.log(max(number, 1e-9))
        return min(max((number - low) / (high - low), -_OUTSIDE), 1 + _OUTSIDE)


@dataclass(frozen=True, slots=True)
class Encoded:
    """`numbers` (configurations x numeric flags), `kinds` (configurations x flags of kinds)."""

    numbers: NDArray[np.float64]
    kinds: NDArray[np.int64]

    def rows(self, places: Sequence[int] | NDArray[np.int64]) -> Encoded:
        return Encoded(self.numbers[places], self.kinds[places])


@dataclass(frozen=True)
class Features:
    """The flags that vary. `kinds` names flags whose values are compared as same or different:
    texts, and whether a number is passed at all; the engine, where there are several.
    """

    numeric: tuple[Numbers, ...]
    kinds: tuple[str, ...]
    several: bool

    @classmethod
    def of(cls, spaces: Sequence[Space]) -> Features:
        values: dict[str, list[Scalar | None]] = {}
        for space in spaces:
            for flag, parameter in space.parameters.items():
                ends = (parameter.low, parameter.high) if isinstance(parameter, Range) else ()
                values.setdefault(flag, []).extend([*ends, *grid_values(parameter)])
                values[flag].append(space.baseline.parameters.get(flag))
                values[flag] += [None] * (parameter.when is not None)
        varied = {flag: own for flag, own in values.items() if len(set(map(repr, own))) > 1}
        numeric = [found for flag, own in varied.items() if (found := _numbers(flag, own))]
        plain = {one.flag for one in numeric}
        kinds = [flag for flag, own in varied.items() if flag not in plain or None in own]
        return cls(tuple(numeric), tuple(kinds), len(spaces) > 1)

    def encode(self, configurations: Iterable[Configuration]) -> Encoded:
        import numpy as np

        given = [(one.engine, one.parameters) for one in configurations]
        numeric = {one.flag for one in self.numeric}
        numbers = [[one.place(own.get(one.flag)) for one in self.numeric] for _, own in given]
        kinds = [
            [_code(engine)] * self.several
            + [_code(flag in own if flag in numeric else own.get(flag)) for flag in self.kinds]
            for engine, own in given
        ]
        return Encoded(
            np.array(numbers, dtype=np.float64).reshape(len(given), len(self.numeric)),
            np.array(kinds, dtype=np.int64).reshape(len(given), len(self.kinds) + self.several),
        )


def _numbers(flag: str, values: Sequence[Scalar | None]) -> Numbers | None:
    passed = [one for one in values if one is not None]
    numbers = [float(o) for o in passed if isinstance(o, int | float) and not isinstance(o, bool)]
    if len(numbers) < len(passed) or len(set(numbers)) < 2:
        return None
    low, high = min(numbers), max(numbers)
    return Numbers(flag, low, high, low > 0 and high / low >= _BY_RATIO)


@lru_cache(1024, typed=True)  # True and 1 differ
def _code(value: Scalar | None) -> int:
    """The same in every process, unlike a hash."""
    text = f"{type(value).__name__} {value}"
    return int.from_bytes(text.encode()[-7:], "big") ^ len(text) << 48 ^ sum(text.encode()) << 40
