"""The spaces of a task that compares engines, as one."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from core.engines import registry
from core.space.build import build
from core.space.facts import UNKNOWN, Facts
from core.space.space import Space
from core.task import Task
from core.values import Configuration


def space_of(task: Task, facts: Facts = UNKNOWN) -> Space | Several:
    """The space of all engines of a task, as far as `facts` are known. InputError as `build`,
    and for an unknown engine.
    """
    parts = tuple(build(task.of(name), registry.find(name), facts) for name in task.engines)
    return Several(parts) if len(parts) > 1 else parts[0]


@dataclass(frozen=True)
class Several:
    """One space for each engine, in the order of the task file; no configuration is in two."""

    parts: tuple[Space, ...]

    @property
    def baseline(self) -> Configuration:
        """That of the first engine: what all others are held against."""
        return self.parts[0].baseline

    @property
    def baselines(self) -> tuple[Configuration, ...]:
        """One for each engine."""
        return tuple(part.baseline for part in self.parts)

    @property
    def axes(self) -> tuple[object, ...]:
        """What varies: the engine, and the flags of each."""
        return (self.baselines, *(axis for part in self.parts for axis in part.axes))

    @property
    def size(self) -> int | None:
        """How many distinct valid configurations there are; None when one part is too large."""
        sizes = [part.size for part in self.parts]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    @property
    def removed(self) -> dict[str, int]:
        """How many grid points each rule removed, whichever engine's."""
        found: dict[str, int] = {}
        for part in self.parts:
            for rule, count in part.removed.items():
                found[rule] = found.get(rule, 0) + count
        return found

    @property
    def duplicates(self) -> int:
        return sum(part.duplicates for part in self.parts)

    @property
    def listed(self) -> bool:
        """Whether the grids have every configuration that can be drawn."""
        return all(part.listed for part in self.parts)

    def planned(self, budget: int, *, drawn: bool = False) -> int:
        """How many experiments there will be: all of every part, or the budget; as `Space`."""
        return min(budget, sum(part.planned(budget, drawn=drawn) for part in self.parts))

    def grid(self) -> Iterator[Configuration]:
        """One configuration of each engine in turn, while it has any."""
        for turn in itertools.zip_longest(*(part.grid() for part in self.parts)):
            yield from (one for one in turn if one is not None)

    def sample(self, rng: random.Random) -> Configuration:
        """Each engine is as likely, however large its part is. InputError as a part's."""
        return rng.choice(self.parts).sample(rng)
