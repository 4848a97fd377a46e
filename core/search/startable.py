"""The chance that a configuration starts, from those that did and did not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.search.base import Trial
from core.search.features import Encoded, Features
from core.search.kernel import Shape
from core.search.process import Process, conditioned

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_CENTER = 0.8  # 1: starts, -1: does not; of configurations that nothing is known of
_NOISE = 0.3
_MOST = 150
_LENGTH, _LIKENESS = 0.6, -1.0
_FLAG, _PAIR, _ALL, _LEVEL = 0.15, 0.7, 0.7, 0.3
_UNSURE = 0.1  # variance: even what is quite like what started may not start
_TRUST = 0.5  # in what happened to another model, or on another GPU


@dataclass(frozen=True)
class Startable:
    """`process` models how far a start is from what is expected; None: nothing failed yet.

    Its parameters are not learnt: a few crashes would seem to prove a single flag guilty, where
    most often two or three that do not go together are.
    """

    process: Process | None
    before: Startable | None = None

    @classmethod
    def of(
        cls, features: Features, history: Sequence[Trial], before: Startable | None = None
    ) -> Startable:
        import numpy as np

        known = [one for one in history if one.failed or one.score is not None][-_MOST:]
        if not any(one.failed for one in known):
            return cls(None, before)
        points = features.encode([one.configuration for one in known])
        values = np.array([-1.0 if one.failed else 1.0 for one in known])
        values = values - _expected(before, points)
        shape = Shape(points.numbers.shape[1], points.kinds.shape[1])
        theta = _parameters(shape)
        nowhere = np.zeros(len(known))
        return cls(conditioned(shape, theta, points, nowhere, values, 0.0), before)

    def chance(self, points: Encoded) -> Array:
        """0..1 of each configuration."""
        import numpy as np
        from scipy.special import ndtr

        mean, variance = self._guess(points)
        found: Array = ndtr(mean / np.sqrt(_UNSURE + variance))
        return found

    def _guess(self, points: Encoded) -> tuple[Array, Array]:
        import numpy as np

        center = _expected(self.before, points)
        if self.process is None:
            return center, np.full(len(center), 0.3)
        mean, spread = self.process.predict(points, np.zeros(1))
        return center + mean[:, 0], spread[:, 0, 0]


def _expected(before: Startable | None, points: Encoded) -> Array:
    import numpy as np

    if before is None or before.process is None:
        return np.full(len(points.numbers), _CENTER)
    guess, _ = before._guess(points)
    return (1 - _TRUST) * _CENTER + _TRUST * guess


def _parameters(shape: Shape) -> Array:
    """Those of a load do not matter."""
    import numpy as np

    theta, _ = shape.prior(_NOISE)
    f, nothing = shape.flags, 1e-4
    theta[: shape.numbers] = np.log(_LENGTH)
    theta[shape.numbers : f] = _LIKENESS
    theta[f : 2 * f] = np.log(_FLAG)
    theta[2 * f + 1 : 2 * f + 6] = np.log([nothing, _PAIR, _ALL, nothing, _LEVEL])
    return theta
