"""One metric as a function of configuration and load, learnt from what was measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.search.base import Trial
from core.search.features import Encoded, Features
from core.search.process import Process, fit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from core.score.level import Level

    Array = NDArray[np.float64]

_DOUBT = 0.5  # standard deviation of how much of an expectation holds, which is 1 at first
_APART = 0.3  # and of what it does not tell, in logarithms


@dataclass(frozen=True, slots=True)
class Seen:
    """One measurement: of which trial, at which scenario and load."""

    trial: Trial
    scenario: int
    level: Level


@dataclass(frozen=True, slots=True)
class Frame:
    """How measurements become numbers; `scenarios` is how many there are."""

    features: Features
    scenarios: int

    def points(self, seen: Sequence[Seen]) -> tuple[Encoded, Array]:
        """The configurations (n) and the logarithms of the loads (n)."""
        import numpy as np

        encoded = self.features.encode([one.trial.configuration for one in seen])
        scenarios = np.array([one.scenario for one in seen])
        loads = np.array([math.log(one.level.concurrency) for one in seen])
        return self.at(encoded, scenarios), loads

    def at(self, points: Encoded, scenarios: NDArray[np.int64]) -> Encoded:
        """Where there are several scenarios, each measurement's is one flag more."""
        import numpy as np

        if self.scenarios == 1:
            return points
        return Encoded(points.numbers, np.column_stack([points.kinds, scenarios]))


@dataclass(frozen=True)
class Metric:
    """`process` models what is left when `share` of what was expected `before` is taken away.

    So knowledge of another model or GPU counts as much as it proves right: it may even turn out
    to say the contrary.
    """

    process: Process
    center: float
    before: Metric | None = None
    share: float = 0.0

    @classmethod
    def of(
        cls, frame: Frame, seen: Sequence[Seen], values: Array, *, noise: float,
        rng: np.random.Generator, before: Metric | None = None,
    ) -> Metric:  # fmt: skip
        points, loads = frame.points(seen)
        center, share = float(loads.mean()), 0.0
        if before is not None:
            expected = before.at(points, loads)
            share = _share(expected, values, loads)
            values = values - share * expected
        process = fit(points, loads - center, values, noise=noise, rng=rng)
        return cls(process, center, before, share)

    def at(self, points: Encoded, loads: Array) -> Array:
        """What is expected of n points, each at its own load (its logarithm)."""
        import numpy as np

        every, place = np.unique(loads, return_inverse=True)
        mean = self.process.means(points, every - self.center)
        found: Array = mean[np.arange(len(loads)), place]
        if self.before is not None:
            found = found + self.share * self.before.at(points, loads)
        return found

    def draws(self, points: Encoded, loads: Array, noise: Array) -> Array:
        """(configurations, draws, loads) of what may turn out; `noise` is (draws, loads)."""
        import numpy as np

        mean, spread = self.process.predict(points, loads - self.center)
        if self.before is not None:
            mean = mean + self.share * self.before.means(points, loads)
        size = len(loads)
        roots = np.linalg.cholesky(spread + np.eye(size) * (1e-6 + 1e-6 * spread[:, :1, :1]))
        found: Array = mean[:, None, :] + np.einsum("clk,dk->cdl", roots, noise)
        return found

    def hope(self, points: Encoded, loads: Array, deviations: float) -> Array:
        """The mean and so many standard deviations (configurations, loads)."""
        import numpy as np

        mean, spread = self.process.predict(points, loads - self.center)
        if self.before is not None:
            mean = mean + self.share * self.before.means(points, loads)
        found: Array = mean + deviations * np.sqrt(np.diagonal(spread, axis1=1, axis2=2).clip(0))
        return found

    def means(self, points: Encoded, loads: Array) -> Array:
        """(configurations, loads)."""
        return self.process.means(points, loads - self.center)


def _share(expected: Array, values: Array, loads: Array) -> float:
    """How much of an expectation holds: linear regression that begins at all of it.

    That more load takes longer is no proof: only what it tells of configurations counts.
    """
    off, found = _without_trend(expected, loads), _without_trend(values, loads)
    weight = 1 / _DOUBT**2
    return float((off @ found / _APART**2 + weight) / (off @ off / _APART**2 + weight))


def _without_trend(values: Array, loads: Array) -> Array:
    """What a straight line over the logarithm of the load leaves."""
    import numpy as np

    trend = np.column_stack([np.ones_like(loads), loads])
    found: Array = values - trend @ np.linalg.lstsq(trend, values, rcond=None)[0]
    return found
