"""Strategies that learn nothing: every point of the grid, or points at random."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from core.search.base import Barred, Suggestion, Trial, nothing
from core.search.spread import Spread
from core.space import Spaces
from core.space.space import LARGEST

_DRAWS = 200
_LISTED = 10_000


@dataclass(frozen=True)
class Grid:
    """Every distinct configuration, in an order that covers each range evenly from the first
    few on; one engine in turn with the others.
    """

    space: Spaces

    def ask(self, history: Sequence[Trial], barred: Barred = nothing) -> Suggestion | None:
        seen = {trial.configuration.key for trial in history}
        for turn, engines in enumerate(itertools.zip_longest(*self._orders), start=1):
            for one in engines:
                if one is not None and one.key not in seen and not barred(one):
                    return Suggestion(one, f"grid: number {turn} of an even spread")
        return None

    @cached_property
    def _orders(self) -> tuple[Spread, ...]:
        return tuple(map(Spread, self.space.parts))


@dataclass(frozen=True, slots=True)
class Random:
    """Uniform over the space (logarithmic where the task says so), never a repeat."""

    space: Spaces
    seed: int

    def ask(self, history: Sequence[Trial], barred: Barred = nothing) -> Suggestion | None:
        seen = {trial.configuration.key for trial in history}
        # Seeded by the history's length: a restarted runner draws what this one would have.
        rng = random.Random(f"{self.seed}/{len(seen)}")
        for _ in range(_DRAWS):
            drawn = self.space.sample(rng)
            if drawn.key not in seen and not barred(drawn):
                return Suggestion(drawn, "random: drawn from the space")
        return self._leftover(rng, lambda one: one.key in seen or barred(one))

    def _leftover(self, rng: random.Random, out: Barred) -> Suggestion | None:
        """Nearly everything was tried or is barred: pick from what the grid still has."""
        listed = itertools.islice(self.space.grid(), LARGEST)
        left = list(itertools.islice((one for one in listed if not out(one)), _LISTED))
        return Suggestion(rng.choice(left), "random: one of the last untried") if left else None
