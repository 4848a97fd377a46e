"""What a task gives to each flag, in all of its configurations."""

from __future__ import annotations

from collections.abc import Iterator

from core.space import Space
from core.space.values import stepped
from core.task import Choice, Fixed, Parameter, Range, Task
from core.values import Scalar


def given(task: Task, space: Space) -> dict[str, tuple[Scalar | None, ...]]:
    """The distinct values of each flag that the task names, null for one that is not passed.

    Of a range its ends and a number between them: what lies inside is taken as they are.
    """
    found: dict[str, dict[tuple[type, Scalar | None], Scalar | None]] = {}
    for name, value in _pairs(task, space):
        # 1, 1.0 and true are equal, and three words on a command line.
        found.setdefault(name.replace("_", "-"), {})[type(value), value] = value
    return {name: tuple(values.values()) for name, values in found.items()}


def _pairs(task: Task, space: Space) -> Iterator[tuple[str, Scalar | None]]:
    for name, parameter in space.parameters.items():
        for value in _values(parameter):
            # What the engine does along an axis by itself is not passed.
            yield name, space.passed({name: value})[name]
    yield from task.baseline.items()


def _values(parameter: Parameter) -> tuple[Scalar | None, ...]:
    if isinstance(parameter, Fixed):
        return (parameter.value,)
    if isinstance(parameter, Choice):
        return parameter.values
    return _spread(parameter)


def _spread(span: Range) -> tuple[int | float, ...]:
    if span.step is not None:
        second = stepped(span, 1)
        return (span.low, second, span.high) if second <= span.high else (span.low, span.high)
    middle = (span.low + span.high) / 2
    return span.low, int(middle) if span.integer else middle, span.high
