"""Which values a parameter takes: all of them on a grid, or one at random."""

from __future__ import annotations

import math
import random
from decimal import Decimal
from functools import lru_cache

from core.task import Choice, Fixed, Parameter, Range
from core.values import Scalar

DEFAULT_POINTS = 8


def grid_values(parameter: Parameter) -> tuple[Scalar | None, ...]:
    """Distinct values in order."""
    if isinstance(parameter, Fixed):
        return (parameter.value,)
    if isinstance(parameter, Choice):
        return parameter.values
    if parameter.step is not None:
        return _every_step(parameter)
    count = parameter.points or DEFAULT_POINTS
    spread = (_at(parameter, index, count - 1) for index in range(count))
    return tuple(dict.fromkeys(spread))


def draw(parameter: Parameter, rng: random.Random) -> Scalar | None:
    """One value out of the full range: by ratio when it is a log range."""
    if isinstance(parameter, Fixed):
        return parameter.value
    if isinstance(parameter, Choice):
        return rng.choice(parameter.values)
    if parameter.step is not None:
        return rng.choice(_every_step(parameter))
    if parameter.integer and not parameter.log:
        return rng.randint(int(parameter.low), int(parameter.high))
    return _between(parameter, rng.random())


@lru_cache(1024)
def _every_step(span: Range) -> tuple[int | float, ...]:
    return tuple(stepped(span, index) for index in range(steps(span) + 1))


def listed(parameter: Parameter) -> bool:
    """Whether the grid has every value that may be drawn."""
    if not isinstance(parameter, Range) or parameter.step is not None:
        return True
    if parameter.integer:
        return int(parameter.high) - int(parameter.low) < len(grid_values(parameter))
    return parameter.low == parameter.high


def steps(span: Range) -> int:
    """How many steps fit between the ends of a range that has them."""
    return int((_exact(span.high) - _exact(span.low)) / _exact(span.step or 1))


def stepped(span: Range, index: int) -> int | float:
    """The number `index` steps above the low end."""
    # Decimals of what was written: 0.8 + 2 × 0.05 is 0.9, not 0.9000000000000001.
    value = _exact(span.low) + index * _exact(span.step or 1)
    return int(value) if span.integer else float(value)


def _exact(number: int | float) -> Decimal:
    return Decimal(repr(number))


def _at(span: Range, index: int, last: int) -> int | float:
    """Point `index` of 0..`last`, the ends exactly as written."""
    if index in {0, last}:
        return span.high if index else span.low
    if span.integer and not span.log:
        low, high = int(span.low), int(span.high)
        return low + (2 * (high - low) * index + last) // (2 * last)  # rounded, in whole numbers
    return _between(span, index / last)


def _between(span: Range, share: float) -> int | float:
    """The number at `share` (0..1) of the way, linearly or by ratio."""
    low, high = float(span.low), float(span.high)
    if span.log:
        value = math.exp(math.log(low) * (1 - share) + math.log(high) * share)
    else:
        value = low * (1 - share) + high * share
    return rounded(span, value)


def rounded(span: Range, value: float) -> int | float:
    """The number of the range next to `value`, as command lines show it."""
    # More than four digits would only make command lines hard to read.
    near = round(value) if span.integer else float(f"{value:.4g}")
    return min(max(near, span.low), span.high)
