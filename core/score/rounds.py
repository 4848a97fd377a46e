"""Whose turn it is: contenders and baseline, round by round, until nothing is left to learn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from core.score.judge import lower_is_better
from core.values import Objective

LOOKS = 3
"""Measurements of one repeat, pooled: its value is their mean."""

MOST_CONTENDERS = 6
"""How many are started again beside the baseline. With a noise of 3 % one of eight that is truly
better by 5 % is among the first three in 88 of 100 searches, among the first six in 98."""

_WITHIN = 0.08
"""How far behind the best of the search (logarithm) another is still worth a start: two single
measurements with a noise of 3 % differ by more than this in 1 of 30 cases."""

# After so many rounds so many contenders go on at most: halving as in Karnin, Koren and Somekh
# (Almost Optimal Exploration in Multi-Armed Bandits, ICML 2013), as every repeat is a start.
_GO_ON = (3, 2, 2, 2, 1)


def most_starts(contenders: int, repeats: int) -> int:
    """The most starts that confirming takes: every contender once, then those that go on, and
    the baseline in each round.
    """
    later = [min(contenders, _GO_ON[min(i, len(_GO_ON) - 1)]) for i in range(repeats - 1)]
    return contenders + sum(later) + repeats


_SEARCHED = 1 / LOOKS
"""What the search's one measurement weighs beside a repeat."""


@dataclass(frozen=True, slots=True)
class Searched:
    """What the search measured of one feasible experiment: score in the objective's unit."""

    number: int
    score: float
    gpus: int = 1


@dataclass(frozen=True, slots=True)
class Arm:
    """One experiment under confirmation.

    `values`: one per finished repeat in the objective's unit, oldest first; `at`: when each was
    measured, in seconds of any clock. `feasible`: pooled over its repeats it meets the limits.
    `latency` (seconds) tells the cheaper of a tie. `searched`: what the search measured at the
    same load. `lost`: it cannot be started any more, so no repeat follows.
    """

    number: int
    values: tuple[float, ...] = ()
    at: tuple[float, ...] = ()
    feasible: bool = True
    gpus: int = 1
    latency: float | None = None
    searched: float | None = None
    lost: bool = False

    def __post_init__(self) -> None:
        if len(self.values) != len(self.at):
            raise ValueError(f"#{self.number}: {len(self.values)} values at {len(self.at)} times")

    @property
    def usable(self) -> bool:
        """Its differences from others can be told as ratios."""
        return all(map(sound, self.values))


@dataclass(frozen=True, slots=True)
class Field:
    """The arms after their complete rounds: who is still in, and how many rounds those have.

    `baseline` is None where none meets the limits. `contenders` have the likeliest best first;
    `dropped` are behind and get no further repeats.
    """

    baseline: Arm | None
    contenders: tuple[Arm, ...]
    dropped: tuple[Arm, ...]
    rounds: int

    @property
    def alive(self) -> tuple[Arm, ...]:
        return self.contenders + ((self.baseline,) if self.baseline else ())


def sound(value: float) -> bool:
    return math.isfinite(value) and value > 0


def contenders(
    results: Sequence[Searched], objective: Objective, most: int = MOST_CONTENDERS
) -> tuple[int, ...]:
    """The experiments that are worth confirming beside the baseline, the best first.

    `results`: the feasible ones of the search, the baseline left out.
    """
    better = sorted(
        (r for r in results if sound(r.score)),
        key=lambda r: (-merit(r.score, objective), r.gpus, r.number),
    )
    near = [r for r in better if _behind(better[0].score, r.score, objective) <= _WITHIN]
    return tuple(r.number for r in near[:most])


def merit(value: float, objective: Objective) -> float:
    """The logarithm of a value, larger is better."""
    return -math.log(value) if lower_is_better(objective) else math.log(value)


def field(arms: Sequence[Arm], baseline: int | None, objective: Objective) -> Field:
    """Play the rounds again as far as everybody still in has finished them.

    Whoever is dropped was dropped on the values of those rounds alone, so that it stays dropped
    whatever is measured later.
    """
    fit_arms = [a for a in arms if a.feasible and a.usable]
    base = next((a for a in fit_arms if a.number == baseline), None)
    left = [a for a in fit_arms if a.number != baseline and not a.lost]
    dropped: list[Arm] = []
    rounds = 0
    alive = left + ([base] if base else [])
    while alive and all(len(a.values) > rounds for a in alive):
        rounds += 1
        left.sort(key=lambda a: (-_estimate(a, rounds, objective), a.number))
        keep = _GO_ON[min(rounds, len(_GO_ON)) - 1]
        dropped += left[keep:]
        left = left[:keep]
        alive = left + ([base] if base else [])
    return Field(base, tuple(left), tuple(dropped), rounds)


def turn(arms: Sequence[Arm], now: Field) -> int | None:
    """The next of the running round: in the arms' order, the baseline last."""
    alive = {a.number for a in now.contenders}
    order = [a for a in arms if a.number in alive] + ([now.baseline] if now.baseline else [])
    waiting = (a.number for a in order if len(a.values) == now.rounds)
    return next(waiting, None)


def _estimate(arm: Arm, rounds: int, objective: Objective) -> float:
    """Where it stands after some rounds, the search's own measurement included.

    That one is too good, as the best were picked by it; as the prior of a choice it is right.
    """
    merits = [merit(value, objective) for value in arm.values[:rounds]]
    total, weight = math.fsum(merits), float(len(merits))
    if arm.searched is not None and sound(arm.searched):
        total, weight = total + _SEARCHED * merit(arm.searched, objective), weight + _SEARCHED
    return total / weight


def _behind(best: float, other: float, objective: Objective) -> float:
    return merit(best, objective) - merit(other, objective)
