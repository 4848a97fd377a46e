"""Readers of single values: a node in, a value out, or RefusedError with what was expected."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TypeVar

from core.task.errors import Problem, RefusedError, nearest
from core.task.tree import Node
from core.task.units import fraction, seconds
from core.values import Scalar

T = TypeVar("T")
Reader = Callable[[Node], T]
_LONGEST = 365 * 24 * 3600.0


class Section:
    """A mapping being read: every key once, all problems gathered.

    `take` returns the default when a key is absent, null or refused; `close` raises
    everything that was refused, and names keys that nobody took.
    """

    def __init__(self, node: Node, known: Iterable[str]) -> None:
        self._node = node
        self._known = tuple(known)
        self._problems: list[Problem] = []
        if not isinstance(node.value, dict):
            raise node.refuse(f"expected a mapping, got {node.kind}")
        self._entries = node.value
        for key in self._entries:
            if key not in self._known:
                hint = nearest(key, self._known)
                self._note(node.key_refused(key, f"unknown key '{key}'{hint}"))

    def has(self, key: str) -> bool:
        return key in self._entries and self._entries[key].value is not None

    def take(self, key: str, read: Reader[T], default: T) -> T:
        if not self.has(key):
            return default
        try:
            return read(self._entries[key])
        except RefusedError as refused:
            self._note(refused)
            return default

    def need(self, key: str, read: Reader[T], stand_in: T, example: str) -> T:
        """A required key; `stand_in` only lets the reading go on to the end."""
        if not self.has(key):
            self._note(self._node.refuse(f"'{key}' is required; write {key}: {example}"))
        return self.take(key, read, stand_in)

    def refuse(self, key: str, message: str) -> None:
        self._note(self._entries[key].refuse(message))

    def close(self) -> None:
        if self._problems:
            raise RefusedError(*sorted(self._problems))

    def _note(self, refused: RefusedError) -> None:
        self._problems.extend(refused.problems)


def gather(nodes: Iterable[Node], read: Reader[T]) -> list[T]:
    """Read every node, then raise all problems together."""
    values: list[T] = []
    problems: list[Problem] = []
    for node in nodes:
        try:
            values.append(read(node))
        except RefusedError as refused:
            problems.extend(refused.problems)
    if problems:
        raise RefusedError(*problems)
    return values


def items(node: Node) -> tuple[Node, ...]:
    """The elements of a list; one scalar stands for a list of one."""
    if isinstance(node.value, tuple):
        return node.value
    if isinstance(node.value, dict):
        raise node.refuse("expected a list, got a mapping")
    return (node,)


def entries(node: Node) -> dict[str, Node]:
    if not isinstance(node.value, dict):
        raise node.refuse(f"expected a mapping, got {node.kind}")
    return node.value


def text(node: Node) -> str:
    if not isinstance(node.value, str) or not node.value.strip():
        raise node.refuse(f"expected a text, got {node.kind}")
    return node.value


def scalar(node: Node) -> Scalar | None:
    """A flag's value: boolean, finite number, text or null."""
    if isinstance(node.value, dict | tuple):
        raise node.refuse(f"expected a single value, got {node.kind}")
    if isinstance(node.value, float) and not math.isfinite(node.value):
        raise node.refuse(f"expected a finite number, got {node.text}")
    return node.value


def some_scalar(node: Node) -> Scalar:
    value = scalar(node)
    if value is None:
        raise node.refuse("expected a value, got nothing")
    return value


def number(node: Node) -> int | float:
    value = scalar(node)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise node.refuse(f"expected a number, got {node.kind}")
    return value


def whole(low: int, high: int = 2**31 - 1) -> Reader[int]:
    """A whole number from `low` to `high`."""

    def read(node: Node) -> int:
        if isinstance(node.value, bool) or not isinstance(node.value, int):
            raise node.refuse(f"expected a whole number, got {node.kind}")
        if not low <= node.value <= high:
            raise node.refuse(f"expected a whole number from {low} to {high}, got {node.text}")
        return node.value

    return read


def positive(node: Node) -> float:
    value = number(node)
    if value <= 0:
        raise node.refuse(f"expected a number above 0, got {node.text}")
    return float(value)


def boolean(node: Node) -> bool:
    """`true` and `false`; `on` and `off` are texts in YAML 1.2 and mean the same here."""
    if isinstance(node.value, bool):
        return node.value
    words = {"on": True, "yes": True, "off": False, "no": False}
    if isinstance(node.value, str) and node.value.lower() in words:
        return words[node.value.lower()]
    raise node.refuse(f"expected true or false, got {node.kind}")


def duration(node: Node) -> float:
    """Seconds, above 0 and at most a year."""
    value = seconds(node.value) if isinstance(node.value, str) else None
    if value is None:
        raise node.refuse(f"expected a duration with a unit like 500ms or 2s, got {node.kind}")
    if not 0 < value <= _LONGEST:
        raise node.refuse(f"expected a duration above 0 and at most 8760h, got {node.text}")
    return value


def share(node: Node) -> float:
    """`1%` or `0.01`."""
    value = node.value
    found = fraction(value) if isinstance(value, str) else None
    if isinstance(value, float) or (value == 0 and not isinstance(value, bool)):
        found = float(value)
    if found is None or not 0 <= found <= 1:
        raise node.refuse(f"expected a percentage like 1% or a fraction like 0.01, got {node.kind}")
    return found


def one_of(known: Iterable[str]) -> Reader[str]:
    """One of some words."""
    words = tuple(known)

    def read(node: Node) -> str:
        if node.value not in words:
            hint = nearest(node.text, words)
            raise node.refuse(f"expected one of {', '.join(words)}, got {node.kind}{hint}")
        return str(node.value)

    return read
