"""The configurations of a task: counted, enumerated, drawn."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from core.engines.base import Engine
from core.space.rules import Rule
from core.space.values import draw, grid_values, listed
from core.task import Parameter
from core.values import Configuration, InputError, Scalar

LARGEST = 100_000
_REJECTIONS = 10_000
_LOOKED_AT = 2_000  # random points of a space that is too large to be counted
GPUS = "gpus"

Point = Mapping[str, Scalar | None]


@dataclass(frozen=True, slots=True)
class Survey:
    """What is on the grid: distinct valid configurations, and what fell away of `points`.

    `size` None: there are too many to count, and `points` were drawn at random.
    """

    size: int | None
    points: int
    removed: dict[str, int]
    duplicates: int = 0


@dataclass(frozen=True)
class Space:
    """Every configuration a task may try.

    `parameters` has one entry per flag that experiments set, in file order; `parallel` names
    those of parallelism, where 1 is the engine's default and not passed. `limit`: how many
    GPUs a configuration may need (None: any number). A flag with one of `conditions`, which
    stand in the order in which they depend on each other, is passed only where it holds.
    `axis_names` has the axis (`tp`, `kvcache`) of each flag that is set through one: a point
    has what the task says of it, a configuration what the engine calls that.
    """

    engine: Engine
    baseline: Configuration
    parameters: dict[str, Parameter]
    parallel: frozenset[str] = frozenset()
    rules: tuple[Rule, ...] = ()
    limit: int | None = None
    conditions: Mapping[str, Rule] = field(default_factory=dict)
    axis_names: Mapping[str, str] = field(default_factory=dict)

    @property
    def parts(self) -> tuple[Space, ...]:
        """As that of several engines has one for each."""
        return (self,)

    @property
    def baselines(self) -> tuple[Configuration, ...]:
        return (self.baseline,)

    @cached_property
    def axes(self) -> tuple[tuple[str, tuple[Scalar | None, ...]], ...]:
        """The flags that vary and their values on the grid, in file order."""
        return tuple((name, values) for name, values in self._grid if len(values) > 1)

    @property
    def ordered(self) -> tuple[str, ...]:
        """All flags, each with a condition after those that it depends on."""
        free = (flag for flag in self.parameters if flag not in self.conditions)
        return (*free, *self.conditions)

    @cached_property
    def listed(self) -> bool:
        """Whether the grid has every configuration that can be drawn."""
        return all(listed(one) for one in self.parameters.values())

    @property
    def size(self) -> int | None:
        """How many distinct valid configurations the grid has; None when it is too large."""
        return self.survey.size

    @property
    def removed(self) -> dict[str, int]:
        """How many grid points each rule removed, of the engine's rules only those that did;
        `gpus` for points that need too many. Of a space that is too large, of its survey's points.
        """
        return dict(self.survey.removed)

    @property
    def duplicates(self) -> int:
        """How many grid points had the command line of an earlier one."""
        return self.survey.duplicates

    def planned(self, budget: int, *, drawn: bool = False) -> int:
        """How many experiments there will be: every distinct configuration, or the budget.

        `drawn`: the strategy takes what lies between the points of the grid, too.
        """
        if self.size is None or self.size >= budget or (drawn and not self.listed):
            return budget
        extra = all(configuration.key != self.baseline.key for configuration in self.grid())
        return min(budget, self.size + extra)

    def grid(self) -> Iterator[Configuration]:
        """Distinct valid configurations; the last parameter of the file changes fastest."""
        seen: set[tuple[str, ...]] = set()
        for point in self._points():
            _, configuration = self._judged(point)
            if configuration is not None:
                words = self.engine.flag_words(configuration)
                if words not in seen:
                    seen.add(words)
                    yield configuration

    def looked_at(self) -> Iterator[Configuration]:
        """Valid ones: all of the grid, or those among the points of its survey."""
        if self.size is not None:
            yield from self.grid()
            return
        judged = (self._judged(point)[1] for point in self._some())
        yield from (one for one in judged if one is not None)

    def sample(self, rng: random.Random) -> Configuration:
        """A valid configuration out of the full ranges; InputError when none is found."""
        for _ in range(_REJECTIONS):
            _, configuration = self._judged(self._drawn(rng))
            if configuration is not None:
                return configuration
        raise InputError(
            f"rules: {_REJECTIONS} random configurations broke a rule; "
            "relax the rules or narrow the ranges"
        )

    def allows(self, point: Point) -> bool:
        """False when a rule forbids `point`, or it needs too many GPUs."""
        return self._judged(point)[1] is not None

    def configuration(self, point: Point) -> Configuration:
        """What is passed for values of parameters, valid or not."""
        return self.engine.configuration(self.passed(self.settled(point)))

    def settled(self, point: Point, said: Collection[str] = ()) -> Point:
        """`point` with None for every flag whose condition does not hold there; not for flags
        that a person `said`.
        """
        if not self.conditions:
            return point
        found = dict(point)
        for flag in self.conditions:
            if flag not in said and not self.active(flag, found):
                found[flag] = None
        return found

    def active(self, flag: str, point: Point) -> bool:
        """Whether a flag is passed, where what it depends on is settled in `point`."""
        condition = self.conditions.get(flag)
        return condition is None or condition.holds(point)

    def passed(self, point: Point) -> Point:
        """Values of parameters as the engine is given them, whatever their conditions say."""
        if not self.axis_names:
            return point
        return {
            flag: self.engine.passed(axis, value) if (axis := self.axis_names.get(flag)) else value
            for flag, value in point.items()
        }

    def point(self, configuration: Configuration) -> dict[str, Scalar | None]:
        """Values of parameters that give `configuration`, as far as there are any."""
        given = configuration.parameters
        found: dict[str, Scalar | None] = {flag: given.get(flag) for flag in self.parameters}
        for flag, every in self._said:
            said = [value for value, passed in every if _same(passed, given.get(flag))]
            if said:
                fits = (one for one in said if self.allows({**found, flag: one}))
                found[flag] = said[0] if len(said) == 1 else next(fits, said[0])
        return found

    def said(self, flag: str, value: Scalar | None) -> Scalar | None:
        """What a configuration has for one value of a parameter."""
        return self.engine.configuration(self.passed({flag: value})).parameters.get(flag)

    @cached_property
    def survey(self) -> Survey:
        """Every point of the grid looked at once, or some at random where there are too many."""
        if math.prod(len(values) for _, values in self._grid) > LARGEST:
            return Survey(None, _LOOKED_AT, self._removed(self._some()))
        seen = Counter[tuple[str, ...]]()
        removed = self._removed(self._points(), seen)
        return Survey(
            size=len(seen),
            points=seen.total() + sum(removed.values()),
            removed=removed,
            duplicates=seen.total() - len(seen),
        )

    @cached_property
    def _grid(self) -> tuple[tuple[str, tuple[Scalar | None, ...]], ...]:
        return tuple((name, grid_values(one)) for name, one in self.parameters.items())

    @cached_property
    def _said(
        self,
    ) -> tuple[tuple[str, tuple[tuple[Scalar | None, Scalar | None], ...]], ...]:
        """Of each parameter its values, each with what a configuration has for it."""
        return tuple(
            (flag, tuple((value, self.said(flag, value)) for value in values))
            for flag, values in self._grid
        )

    def _removed(
        self, points: Iterator[Point], seen: Counter[tuple[str, ...]] | None = None
    ) -> dict[str, int]:
        """By the first rule that forbids a point; `seen` counts the command lines of others."""
        removed = {rule.text: 0 for rule in self.rules if not rule.reason}
        removed |= {GPUS: 0} if self.limit else {}
        for point in points:
            reason, configuration = self._judged(point)
            if configuration is None:
                removed[reason] = removed.get(reason, 0) + 1
            elif seen is not None:
                seen[self.engine.flag_words(configuration)] += 1
        return removed

    def _points(self) -> Iterator[Point]:
        names = [name for name, _ in self._grid]
        for values in itertools.product(*(values for _, values in self._grid)):
            yield dict(zip(names, values, strict=True))

    def _some(self) -> Iterator[Point]:
        """The same points at random, each time."""
        rng = random.Random(0)
        return (self._drawn(rng) for _ in range(_LOOKED_AT))

    def _drawn(self, rng: random.Random) -> Point:
        return {name: draw(one, rng) for name, one in self.parameters.items()}

    def _judged(self, point: Point) -> tuple[str, Configuration | None]:
        """The configuration of a point; None and the first rule that forbids it."""
        settled = self.settled(point)
        for rule in self.rules:
            if not rule.allows(settled):
                return rule.text, None
        configuration = self.engine.configuration(self.passed(settled))
        if self.limit and self.engine.gpus(configuration) > self.limit:
            return GPUS, None
        return "", configuration


def _same(one: Scalar | None, other: Scalar | None) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)
