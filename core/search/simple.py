"""Strategies that learn nothing: every point in order, or points at random."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass

from core.search.base import Suggestion, Trial
from core.space import Space

_DRAWS = 200
_LISTED = 10_000


@dataclass(frozen=True, slots=True)
class Grid:
    """Every distinct configuration, in the order of the task file."""

    space: Space

    def ask(self, history: Sequence[Trial]) -> Suggestion | None:
        seen = {trial.configuration.key for trial in history}
        for configuration in self.space.grid():
            if configuration.key not in seen:
                total = self.space.size if self.space.size is not None else "many"
                return Suggestion(configuration, f"grid: next of {total} configurations")
        return None


@dataclass(frozen=True, slots=True)
class Random:
    """Uniform over the space (logarithmic where the task says so), never a repeat."""

    space: Space
    seed: int

    def ask(self, history: Sequence[Trial]) -> Suggestion | None:
        seen = {trial.configuration.key for trial in history}
        # Seeded by the history's length: a restarted runner draws what this one would have.
        rng = random.Random(f"{self.seed}/{len(seen)}")
        for _ in range(_DRAWS):
            drawn = self.space.sample(rng)
            if drawn.key not in seen:
                return Suggestion(drawn, "random: drawn from the space")
        return self._leftover(seen, rng)

    def _leftover(self, seen: set[str], rng: random.Random) -> Suggestion | None:
        """Nearly everything was tried: pick from what the grid still has."""
        listed = itertools.islice(self.space.grid(), _LISTED)
        left = [c for c in listed if c.key not in seen]
        return Suggestion(rng.choice(left), "random: one of the last untried") if left else None
