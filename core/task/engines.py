"""What a task file says for each of its engines: lists of engines, and sections of one alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from core.task.fields import Reader, Section, T, entries, gather, items, one_of, text
from core.task.parameters import distinct, flags
from core.task.tree import Node

# A section of one of these is for that engine, also where no list of engines is at hand.
_COMMON = ("vllm", "sglang", "simulated", "trtllm", "lmdeploy")


def engines(known: Collection[str]) -> Reader[tuple[str, ...]]:
    """One engine or a list of them, each once; `known` empty: any name."""
    read = one_of(known) if known else text
    return lambda node: tuple(distinct(node, gather(items(node), read)))


@dataclasses.dataclass(frozen=True, slots=True)
class Split:
    """Reads what holds for all engines of a task, and what is said for one of them by its name."""

    section: Section
    engines: tuple[str, ...]
    known: Collection[str]

    def flags(self, key: str, read: Reader[T]) -> tuple[dict[str, T], dict[str, dict[str, T]]]:
        """Flags of every engine beside sections of single ones: `{a: 1, vllm: {b: 2}}`."""
        nothing: tuple[dict[str, T], dict[str, dict[str, T]]] = ({}, {})

        def split(node: Node) -> tuple[dict[str, T], dict[str, dict[str, T]]]:
            own, shared = self._sections(node)
            found = gather((shared, *own.values()), lambda one: flags(one, read))
            return found[0], dict(zip(own, found[1:], strict=True))

        return self.section.take(key, split, nothing)

    def whole(self, key: str, read: Reader[T], default: T) -> tuple[T, dict[str, T]]:
        """One value for all engines, or a mapping with one for each."""
        nothing: tuple[T, dict[str, T]] = (default, {})

        def split(node: Node) -> tuple[T, dict[str, T]]:
            if not isinstance(node.value, dict):
                return read(node), {}
            own, shared = self._sections(node)
            for key in entries(shared):
                raise node.key_refused(key, self._expected(key))
            return default, dict(zip(own, gather(own.values(), read), strict=True))

        return self.section.take(key, split, nothing)

    def _sections(self, node: Node) -> tuple[dict[str, Node], Node]:
        """Sections by engine, and the mapping without them."""
        own: dict[str, Node] = {}
        shared: dict[str, Node] = {}
        places = []
        for (key, value), place in zip(entries(node).items(), node.keys, strict=True):
            if key in self.engines:
                own[key] = value
            elif key in {*_COMMON, *self.known}:
                raise node.key_refused(key, self._expected(key))
            else:
                shared[key] = value
                places.append(place)
        return own, dataclasses.replace(node, value=shared, keys=tuple(places))

    def _expected(self, key: str) -> str:
        listed = ", ".join(self.engines)
        return f"'{key}' is no engine of this task (engine: {listed}); add it there or remove this"
