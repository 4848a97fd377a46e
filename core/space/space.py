"""The configurations of a task: counted, enumerated, drawn."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from core.engines.base import Engine
from core.space.rules import Rule
from core.space.values import draw, grid_values
from core.task import Parameter
from core.values import Configuration, InputError, Scalar

LARGEST = 100_000
_REJECTIONS = 10_000
GPUS = "gpus"

Point = Mapping[str, Scalar | None]


@dataclass(frozen=True, slots=True)
class Survey:
    """What is on the grid: distinct valid configurations, and what fell away."""

    size: int
    removed: dict[str, int]
    duplicates: int


@dataclass(frozen=True)
class Space:
    """Every configuration a task may try.

    `parameters` has one entry per flag that experiments set, in file order; `parallel` names
    those of parallelism, where 1 is the engine's default and not passed. `limit`: how many
    GPUs a configuration may need (None: any number).
    """

    engine: Engine
    baseline: Configuration
    parameters: dict[str, Parameter]
    parallel: frozenset[str] = frozenset()
    rules: tuple[Rule, ...] = ()
    limit: int | None = None

    @cached_property
    def axes(self) -> tuple[tuple[str, tuple[Scalar | None, ...]], ...]:
        """The flags that vary and their values on the grid, in file order."""
        return tuple((name, values) for name, values in self._grid if len(values) > 1)

    @property
    def size(self) -> int | None:
        """How many distinct valid configurations the grid has; None when it is too large."""
        return self._survey.size if self._survey else None

    @property
    def removed(self) -> dict[str, int]:
        """How many grid points each rule removed; `gpus` for those that need too many."""
        return dict(self._survey.removed) if self._survey else {}

    @property
    def duplicates(self) -> int:
        """How many grid points had the command line of an earlier one."""
        return self._survey.duplicates if self._survey else 0

    def planned(self, budget: int) -> int:
        """How many experiments there will be: every distinct configuration, or the budget."""
        if self.size is None or self.size >= budget:
            return budget
        extra = all(configuration.key != self.baseline.key for configuration in self.grid())
        return min(budget, self.size + extra)

    def grid(self) -> Iterator[Configuration]:
        """Distinct valid configurations; the last parameter of the file changes fastest."""
        seen: set[tuple[str, ...]] = set()
        for point in self._points():
            if self._forbidden(point) is None:
                configuration = self.configuration(point)
                words = self.engine.flag_words(configuration)
                if words not in seen:
                    seen.add(words)
                    yield configuration

    def sample(self, rng: random.Random) -> Configuration:
        """A valid configuration out of the full ranges; InputError when none is found."""
        for _ in range(_REJECTIONS):
            point = {name: draw(one, rng) for name, one in self.parameters.items()}
            if self._forbidden(point) is None:
                return self.configuration(point)
        raise InputError(
            f"rules: {_REJECTIONS} random configurations broke a rule; "
            "relax the rules or narrow the ranges"
        )

    def allows(self, point: Point) -> bool:
        """False when a rule forbids `point`, or it needs too many GPUs."""
        return self._forbidden(point) is None

    def configuration(self, point: Point) -> Configuration:
        """What is passed for values of parameters, valid or not."""
        passed = {n: v for n, v in point.items() if not (n in self.parallel and v == 1)}
        return self.engine.configuration(passed)

    @cached_property
    def _grid(self) -> tuple[tuple[str, tuple[Scalar | None, ...]], ...]:
        return tuple((name, grid_values(one)) for name, one in self.parameters.items())

    @cached_property
    def _survey(self) -> Survey | None:
        if math.prod(len(values) for _, values in self._grid) > LARGEST:
            return None
        removed = {rule.text: 0 for rule in self.rules} | ({GPUS: 0} if self.limit else {})
        seen: set[tuple[str, ...]] = set()
        duplicates = 0
        for point in self._points():
            if (reason := self._forbidden(point)) is not None:
                removed[reason] += 1
                continue
            words = self.engine.flag_words(self.configuration(point))
            duplicates += words in seen
            seen.add(words)
        return Survey(len(seen), removed, duplicates)

    def _points(self) -> Iterator[Point]:
        names = [name for name, _ in self._grid]
        for values in itertools.product(*(values for _, values in self._grid)):
            yield dict(zip(names, values, strict=True))

    def _forbidden(self, point: Point) -> str | None:
        """The first rule that forbids `point`."""
        for rule in self.rules:
            if not rule.allows(point):
                return rule.text
        if self.limit and self.engine.gpus(self.configuration(point)) > self.limit:
            return GPUS
        return None
