"""Parameters as a sampler's numbers, and back: the sampler sees what the space draws from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.space import Space
from core.space.values import rounded, stepped, steps
from core.task import Choice, Range
from core.values import Scalar

if TYPE_CHECKING:
    from optuna import Trial as Asked
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


def ordered(values: Sequence[Scalar | None]) -> bool:
    """Whether they are numbers: between two of them lies what is between them in effect."""
    return all(isinstance(one, int | float) and not isinstance(one, bool) for one in values)


def axis(space: Space, name: str, parameter: Choice | Range) -> Axis:
    if isinstance(parameter, Choice):
        return _choice(space, name, parameter)
    return _steps(parameter) if parameter.step is not None else _numbers(parameter)


def suggested(trial: Asked, name: str, distribution: BaseDistribution) -> Any:
    """What the sampler draws for a parameter, in its own numbers."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    match distribution:
        case CategoricalDistribution():
            return trial.suggest_categorical(name, distribution.choices)
        case IntDistribution():
            return trial.suggest_int(
                name, distribution.low, distribution.high, log=distribution.log
            )
        case FloatDistribution():
            return trial.suggest_float(
                name, distribution.low, distribution.high, log=distribution.log
            )
    raise TypeError(distribution)


def _choice(space: Space, name: str, choice: Choice) -> Axis:
    """Drawn by index: Optuna takes 1 and true for the same choice. Numbers have an order."""
    numbers = ordered(choice.values)
    values = sorted(choice.values, key=lambda one: float(one or 0)) if numbers else choice.values
    passed = [space.said(name, one) for one in values]

    def distribution() -> BaseDistribution:
        from optuna.distributions import CategoricalDistribution, IntDistribution

        if numbers:
            return IntDistribution(0, len(values) - 1)
        return CategoricalDistribution(tuple(range(len(values))))

    def place(value: Scalar | None) -> int | None:
        same = (index for index, one in enumerate(passed) if _same(one, value))
        return next(same, None)

    return Axis(distribution, lambda index: values[index], place)


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
