"""The difference between configurations that were measured in turns, and its standard error."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Point = tuple[float, float]
"""When, and the logarithm of what was measured."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Every arm has a level of its own, all share one linear drift over time and one noise
    (analysis of covariance, arms as groups and time as the covariate).

    In logarithms, so that differences are relative. `sigma` is the noise of one value, None
    when no value is left to tell it; `df` its degrees of freedom.
    """

    levels: Mapping[int, Point]
    counts: Mapping[int, int]
    drift: float
    spread: float  # of the times within arms, sum of squares; 0: no drift can be told
    sigma: float | None
    df: int

    def difference(self, one: int, other: int) -> float:
        """How far `one` is above `other`, as if both had been measured at the same time."""
        (t1, y1), (t2, y2) = self.levels[one], self.levels[other]
        return y1 - y2 - self.drift * (t1 - t2)

    def error(self, one: int, other: int) -> float:
        """The standard error of their difference; infinite where the noise is not known."""
        if self.sigma is None:
            return math.inf
        apart = self.levels[one][0] - self.levels[other][0]
        part = apart**2 / self.spread if self.spread else 0.0
        return self.sigma * math.sqrt(1 / self.counts[one] + 1 / self.counts[other] + part)


def fit(arms: Mapping[int, Sequence[Point]]) -> Fit:
    """Least squares over all values of all arms; arms without a value are left out.

    Interleaving makes drift and arms nearly independent, so that the drift costs one degree of
    freedom and little else; what drifts in a curve is left in the noise, which is the safe side.
    """
    arms = {number: points for number, points in arms.items() if points}
    counts = {number: len(points) for number, points in arms.items()}
    # Epoch seconds squared would eat the digits: times and values from the first arm's mean.
    origin = _mean(next(iter(arms.values()))) if arms else (0.0, 0.0)
    moved = {n: [(t - origin[0], y - origin[1]) for t, y in p] for n, p in arms.items()}
    means = {number: _mean(points) for number, points in moved.items()}
    off = [(t - means[n][0], y - means[n][1]) for n, points in moved.items() for t, y in points]
    spread = math.fsum(t * t for t, _ in off)
    extent = max((abs(t) for points in moved.values() for t, _ in points), default=0.0)
    if spread <= (1e-6 * extent) ** 2:
        spread = 0.0
    drift = math.fsum(t * y for t, y in off) / spread if spread else 0.0
    rest = math.fsum((y - drift * t) ** 2 for t, y in off)
    df = sum(counts.values()) - len(counts) - (1 if spread else 0)
    sigma = math.sqrt(rest / df) if df > 0 else None
    return Fit(means, counts, drift, spread, sigma, max(0, df))


def _mean(points: Sequence[Point]) -> Point:
    times, values = zip(*points, strict=True)
    return math.fsum(times) / len(times), math.fsum(values) / len(values)
