"""What complete rounds show: differences between arms, and what these lie between."""

from __future__ import annotations

import math
from dataclasses import dataclass

from core.score.compare import Fit, fit
from core.score.judge import lower_is_better
from core.score.levels import LEAST_REPEATS, critical
from core.score.rounds import Arm, Field, merit
from core.values import Objective

SAME = 0.005
"""Differences (logarithm) below this are a tie whatever the noise: one configuration measured
twice on an idle machine differed by 0.47 %."""

FALSE_WINNER = 0.025
FALSE_NOT_BETTER = 0.0025
"""The chances of the two wrong claims where there is no difference, whenever one stops.

One-sided each. Who is told "not better" keeps the defaults, so that claim is left to plain
cases: what it would use up goes to finding winners."""


_LARGEST = 700.0  # its exponential is still a number


@dataclass(frozen=True, slots=True)
class Bounds:
    """A difference in logarithms, positive when better, and what it lies between.

    A repeated confidence interval (Jennison and Turnbull, JRSS B 51, 1989), whichever look was
    the last. `low` is at the level of a false winner, `high` at that of a false "not better";
    `shown` is two-sided at the level of the first, 95 %.
    """

    middle: float
    low: float
    high: float

    @property
    def shown(self) -> tuple[float, float]:
        return self.low, 2 * self.middle - self.low

    @property
    def apart(self) -> bool:
        """Truly better, and by more than what counts as the same."""
        return self.low > 0 and self.middle >= SAME

    @property
    def behind(self) -> bool:
        return self.high < 0 and self.middle <= -SAME

    @property
    def same(self) -> bool:
        return self.low > -SAME and self.high < SAME


@dataclass(frozen=True, slots=True)
class Evidence:
    """The field's complete rounds (at least 3) of at most `most`, fitted."""

    field: Field
    fit: Fit
    most: int

    @property
    def judged(self) -> tuple[Arm, ...]:
        """The contenders with enough repeats for a claim, dropped late ones among them."""
        late = (arm for arm in self.field.dropped if len(arm.values) >= LEAST_REPEATS)
        return (*self.field.contenders, *late)

    def between(self, one: Arm, other: Arm) -> Bounds:
        """How far `one` is above `other`."""
        middle = self.fit.difference(one.number, other.number)
        error = self.fit.error(one.number, other.number)
        below = error * self._critical(FALSE_WINNER, self._rivals)
        # Behind it are said to be all contenders or none, so that luck has but one chance.
        above = error * self._critical(FALSE_NOT_BETTER, 1)
        return Bounds(middle, middle - below, middle + above)

    def alike(self, one: Arm, other: Arm) -> bool:
        """Neither is truly better than the other."""
        return not (self.between(one, other).apart or self.between(other, one).apart)

    def _critical(self, alpha: float, arms: float) -> float:
        return critical(alpha, self.field.rounds, self.most, arms, self.fit.df)

    @property
    def _rivals(self) -> float:
        """How many contenders there were to be lucky, each by its share of the rounds."""
        rounds = self.field.rounds
        early = (min(1.0, len(arm.values) / rounds) for arm in self.field.dropped)
        return len(self.field.contenders) + math.fsum(early)


def weigh(now: Field, objective: Objective, most: int) -> Evidence:
    """Fit the complete rounds; repeats of a round that is still running wait for the others."""
    arms = {
        arm.number: [
            (at, merit(value, objective))
            for at, value in zip(arm.at[: now.rounds], arm.values[: now.rounds], strict=True)
        ]
        for arm in (*now.alive, *now.dropped)
    }
    return Evidence(now, fit(arms), most)


def gain(difference: float, objective: Objective) -> float:
    """A difference in logarithms as the relative gain over the other, positive when better."""
    held = max(-_LARGEST, min(_LARGEST, difference))
    return -math.expm1(-held) if lower_is_better(objective) else math.expm1(held)
