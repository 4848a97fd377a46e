"""Parameters as a sampler's numbers, and back: the sampler sees what the space draws from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.space import Space
from core.space.values import rounded, stepped, steps
from core.task import Choice, Range
from core.values import Scalar

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


@dataclass(frozen=True, slots=True)
class Axis:
    """One parameter: how it is drawn, the value of a drawn number, the number of a value.

    `place` takes what a configuration has for the flag (None: not passed) and gives None for
    what the sampler could not have drawn.
    """

    distribution: Callable[[], BaseDistribution]
    value: Callable[[Any], Scalar | None]
    place: Callable[[Scalar | None], float | None]


def axis(space: Space, name: str, parameter: Choice | Range) -> Axis:
    if isinstance(parameter, Choice):
        return _choice(space, name, parameter)
    return _steps(parameter) if parameter.step is not None else _numbers(parameter)


def _choice(space: Space, name: str, choice: Choice) -> Axis:
    """Drawn by index: Optuna takes 1 and true for the same choice."""
    passed = [space.configuration({name: one}).parameters.get(name) for one in choice.values]

    def distribution() -> BaseDistribution:
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(tuple(range(len(choice.values))))

    def place(value: Scalar | None) -> int | None:
        same = (index for index, one in enumerate(passed) if _same(one, value))
        return next(same, None)

    return Axis(distribution, lambda index: choice.values[index], place)


def _same(one: Scalar | None, other: Scalar | None) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _steps(span: Range) -> Axis:
    last = steps(span)

    def distribution() -> BaseDistribution:
        from optuna.distributions import IntDistribution

        return IntDistribution(0, last)

    def place(value: Scalar | None) -> int | None:
        number = _number(span, value)
        if number is None:
            return None
        index = round((number - span.low) / (span.step or 1))
        return index if index <= last and stepped(span, index) == number else None

    return Axis(distribution, lambda index: stepped(span, index), place)


def _numbers(span: Range) -> Axis:
    def distribution() -> BaseDistribution:
        from optuna.distributions import FloatDistribution, IntDistribution

        if span.integer:
            return IntDistribution(int(span.low), int(span.high), log=span.log)
        return FloatDistribution(span.low, span.high, log=span.log)

    def place(value: Scalar | None) -> float | None:
        number = _number(span, value)
        return None if span.integer and isinstance(number, float) else number

    return Axis(distribution, lambda number: rounded(span, number), place)


def _number(span: Range, value: Scalar | None) -> int | float | None:
    """`value` when it is a number of the range."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if span.low <= value <= span.high else None
