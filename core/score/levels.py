"""How far apart is far enough: critical values that hold when one looks again and again.

Three things make a plain t test say "better" too often: it is asked after every round, it is
asked of the luckiest of several contenders, and the noise is estimated from few values. Here
each of them is paid for.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_REPEATS = 3
"""Fewer say nothing about their own spread: the first look is taken after so many rounds."""

_POINTS = 300  # of a density on a grid: levels right to 1 part in 1000
_FAR = 8.0  # standard deviations below which a density is nothing


def critical(alpha: float, look: int, most: int, arms: float, df: int) -> float:
    """The value of Student's t (`df` degrees of freedom) that a difference has to exceed after
    `look` of at most `most` rounds, so that the chance that any of `arms` contenders exceeds it
    at any look without being better is `alpha`.

    The boundary of a normal statistic is carried over to Student's t by its level (significance
    level approach: Jennison and Turnbull, Group Sequential Methods, 2000, chapter 11).
    `look` >= 3, `df` >= 1; looks beyond `most` are judged like the last.
    """
    from scipy.special import stdtrit

    most = max(most, LEAST_REPEATS)
    level = _levels(alpha, most)[min(look, most) - LEAST_REPEATS]
    return float(-stdtrit(df, _dunnett(level, arms)))


def spent(alpha: float, share: float) -> float:
    """The part of `alpha` that may be used up at a share (0..1] of the rounds: next to nothing
    at first, so that the last look is hardly stricter than a test made once.

    The O'Brien-Fleming type of Lan and DeMets (Biometrika 70, 1983), one-sided.
    """
    from scipy.special import ndtr, ndtri

    return float(2 * ndtr(ndtri(alpha / 2) / math.sqrt(min(1.0, share))))


@lru_cache(maxsize=64)
def _levels(alpha: float, most: int) -> tuple[float, ...]:
    """The one-sided level of each look, from the third round to the last.

    The looks are correlated, as each has the values of those before it. So the boundaries come
    from integrating the density of the sums that have crossed none yet, look by look (Armitage,
    McPherson and Rowe 1969; with spending: Lan and DeMets, Biometrika 70, 1983).
    """
    import numpy as np
    from scipy.special import ndtr, ndtri

    looks = range(LEAST_REPEATS, most + 1)
    levels = [spent(alpha, LEAST_REPEATS / most)]
    time = LEAST_REPEATS / most
    bound = float(-ndtri(levels[0])) * math.sqrt(time)
    at = _grid(time, bound)
    density = np.exp(-(at**2) / (2 * time)) / math.sqrt(2 * math.pi * time)
    for look in looks[1:]:
        step = math.sqrt(1 / most)
        mass = density * _weights(at)
        share = spent(alpha, look / most) - spent(alpha, (look - 1) / most)
        bound = _crossed_by(share, at, mass, step)
        levels.append(float(ndtr(-bound / math.sqrt(look / most))))
        nxt = _grid(look / most, bound)
        kernel = np.exp(-(((nxt[:, None] - at[None, :]) / step) ** 2) / 2)
        density = kernel @ mass / (step * math.sqrt(2 * math.pi))
        at = nxt
    return tuple(levels)


def _grid(time: float, bound: float) -> NDArray[np.float64]:
    import numpy as np

    return np.linspace(-_FAR * math.sqrt(time), bound, _POINTS)


def _weights(at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the trapezoidal rule."""
    import numpy as np

    weights = np.full(at.size, at[1] - at[0])
    weights[[0, -1]] /= 2
    return weights


def _crossed_by(
    share: float, at: NDArray[np.float64], mass: NDArray[np.float64], step: float
) -> float:
    """The bound above which a sum lies with probability `share` after one more step."""
    from scipy.special import ndtr

    low, high = 0.0, _FAR
    for _ in range(60):
        middle = (low + high) / 2
        if float(mass @ ndtr((at - middle) / step)) > share:
            low = middle
        else:
            high = middle
    return high


@lru_cache(maxsize=4096)
def _dunnett(level: float, arms: float) -> float:
    """The level of each of several comparisons with one baseline, so that all of them together
    have `level` (Dunnett, JASA 50, 1955; equal numbers of values, so correlations of 1/2).

    `arms` need not be whole: one that was dropped early counts for less than one.
    """
    import numpy as np
    from scipy.special import ndtr, ndtri

    if arms <= 1:
        return level
    nodes, weights = _hermite()
    low, high = float(-ndtri(level)), _FAR
    for _ in range(50):
        middle = (low + high) / 2
        none = float(weights @ np.power(ndtr(math.sqrt(2) * middle + nodes), arms))
        low, high = (middle, high) if 1 - none > level else (low, middle)
    return float(ndtr(-high))


@lru_cache(maxsize=1)
def _hermite() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes and weights for the mean over a standard normal variable."""
    import numpy as np

    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    return nodes, weights / weights.sum()
