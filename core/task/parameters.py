"""Readers of the flags a task sets or varies."""

from __future__ import annotations

import re
from collections.abc import Iterable

from core.task.errors import Problem, RefusedError
from core.task.fields import (
    Reader,
    Section,
    T,
    boolean,
    entries,
    gather,
    items,
    number,
    scalar,
    some_scalar,
    text,
    whole,
)
from core.task.model import Choice, Fixed, Parameter, Range
from core.task.tree import Node
from core.values import Scalar, looks_secret

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
_RANGE_KEYS = ("low", "high", "step", "log", "points")
_KINDS = ("values", "value", *_RANGE_KEYS)
MAX_VALUES = 10_000
_NUMBER: int | float = 0  # stands in for an end that was refused


def flags(node: Node, read: Reader[T]) -> dict[str, T]:
    """Flag names to values; names are normalised to dashes and must stay distinct."""
    found: dict[str, T] = {}
    problems: list[Problem] = []
    for key, value in entries(node).items():
        try:
            name = _flag_name(node, key, found)
            if looks_secret(name):
                raise value.refuse(
                    "a secret does not belong on a command line; "
                    "write it under environment as ${NAME}"
                )
            found[name] = read(value)
            _check_negation(name, value, found[name])
        except RefusedError as refused:
            problems.extend(refused.problems)
    if problems:
        raise RefusedError(*problems)
    return found


def _flag_name(node: Node, key: str, seen: Iterable[str]) -> str:
    name = key.replace("_", "-")
    if name.startswith("-"):
        raise node.key_refused(key, f"write '{key}' without the dashes in front")
    if not _NAME.fullmatch(name):
        raise node.key_refused(key, f"'{key}' is not a flag name")
    if name in seen:
        raise node.key_refused(key, f"'{key}' is there twice ('-' and '_' are the same); keep one")
    return name


def _check_negation(name: str, node: Node, value: object) -> None:
    """`no-x: true` would be a second spelling of `x: false`."""
    values = value.values if isinstance(value, Choice) else (getattr(value, "value", value),)
    if name.startswith("no-") and any(isinstance(one, bool) for one in values):
        raise node.refuse(f"write {name[3:]}: false for --{name}")


def parameter(node: Node) -> Parameter:
    """A scalar is fixed, a list is tried, a mapping with `low` and `high` is a range.

    With `when:` a scalar is written `{value: …, when: …}` and a list `{values: […], when: …}`.
    """
    if isinstance(node.value, tuple):
        return Choice(_listed(node))
    if isinstance(node.value, dict):
        return _mapping(node)
    return Fixed(scalar(node))


def _listed(node: Node) -> tuple[Scalar | None, ...]:
    return tuple(distinct(node, gather(items(node), scalar)))


def _mapping(node: Node) -> Parameter:
    keys = set(entries(node))
    if not keys & set(_KINDS):
        raise node.refuse(
            "expected a value, a list or {low: …, high: …}, with a condition {values: …, when: …}; "
            "quote JSON values"
        )
    if "values" in keys:
        section = Section(node, ("values", "when"))
        values = section.need("values", _listed, tuple[Scalar | None, ...](), "[1, 2]")
        return _closed(section, Choice(values, _when(section)))
    if "value" in keys:
        section = Section(node, ("value", "when"))
        value = section.take("value", scalar, None)
        return _closed(section, Fixed(value, _when(section)))
    return _range(node)


def _when(section: Section) -> str:
    return section.take("when", text, "")


def _closed(section: Section, found: Parameter) -> Parameter:
    section.close()
    return found


def distinct(node: Node, values: list[T]) -> list[T]:
    """Refuse an empty list, and values that would be the same on a command line."""
    if not values:
        raise node.refuse("expected at least one value")
    seen: set[object] = set()
    for index, value in enumerate(values):
        spelling = value if value is None or isinstance(value, bool) else str(value)
        # True == 1 in a set: keep booleans apart from numbers.
        key = (isinstance(value, bool), spelling)
        if key in seen:
            place = items(node)[index]
            raise place.refuse(f"{place.text or 'null'} is there twice; keep one")
        seen.add(key)
    return values


def _range(node: Node) -> Range:
    section = Section(node, (*_RANGE_KEYS, "when"))
    low = section.need("low", number, _NUMBER, "1")
    high = section.need("high", number, _NUMBER, "100")
    step: int | float | None = section.take("step", number, None)
    log = section.take("log", boolean, False)
    points: int | None = section.take("points", whole(2, MAX_VALUES), None)
    when = _when(section)
    section.close()
    integer = isinstance(low, int) and isinstance(high, int)
    if problem := _impossible(low, high, step, log, points, integer):
        raise node.refuse(problem)
    if integer:
        return Range(low, high, step, log, points, True, when)
    step = None if step is None else float(step)
    return Range(float(low), float(high), step, log, points, False, when)


def _impossible(
    low: int | float,
    high: int | float,
    step: int | float | None,
    log: bool,
    points: int | None,
    integer: bool,
) -> str | None:
    if low > high:
        return f"low ({low}) is above high ({high})"
    if log and low <= 0:
        return f"a log range starts above 0, not at {low}"
    if step is None:
        return None
    if step <= 0:
        return f"step must be above 0, got {step}"
    if log or points is not None:
        return "step excludes log and points; keep one"
    if integer and not isinstance(step, int):
        return f"integer ends need an integer step; write {low}.0 and {high}.0 for fractions"
    if (high - low) / step > MAX_VALUES:
        return f"more than {MAX_VALUES} values; write a larger step"
    return None


def quantization(node: Node) -> dict[str, tuple[Scalar, ...]]:
    """Axis to the formats to try."""
    return flags(node, lambda one: tuple(distinct(one, gather(items(one), some_scalar))))


def parallel(node: Node) -> dict[str, tuple[int, ...]]:
    """Axis to the sizes to try, smallest first."""
    size = whole(1, 4096)
    return flags(node, lambda one: tuple(sorted(distinct(one, gather(items(one), size)))))
