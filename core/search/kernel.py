"""How alike two measurements are expected to be: the covariance of a Gaussian process.

In logarithms the effects of flags mostly add up, so besides a part for what is particular to a
combination there is one for each flag alone, which few measurements already tell, and one for
each pair: an additive kernel (Duvenaud, Nickisch and Rasmussen, Additive Gaussian Processes,
2011).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from core.search.features import Encoded

    Array = NDArray[np.float64]

SLOPE = 1.0
"""Standard deviation of the exponent with which a metric grows with the load."""

_LENGTH = 0.7  # of a number, in parts of what is searched
_FLAG, _PAIR, _ALL, _SLOPED = 0.35, 0.5, 0.15, 0.15  # standard deviations, in logarithms
_LOAD_LENGTH, _LOAD, _LEVEL = 2.0, 0.3, 2.0


@dataclass(frozen=True, slots=True)
class Shape:
    """Places of the parameters in a vector, all logarithms but `kinds` (logits): length of each
    numeric flag, likeness of each flag of kinds, amplitude of each of both, then the `Rest`.
    """

    numbers: int
    kinds: int

    @property
    def flags(self) -> int:
        return self.numbers + self.kinds

    @property
    def size(self) -> int:
        return 2 * self.flags + 7

    def prior(self, noise: float) -> tuple[Array, Array]:
        """Mean and standard deviation of each parameter: normal."""
        import numpy as np

        rest = (_LOAD_LENGTH, _LOAD, _PAIR, _ALL, _SLOPED, _LEVEL, noise)
        mean = np.concatenate([
            np.full(self.numbers, np.log(_LENGTH)), np.zeros(self.kinds),
            np.full(self.flags, np.log(_FLAG)), np.log(rest),
        ])  # fmt: skip
        spread = np.concatenate([
            np.full(self.numbers, 0.6), np.full(self.kinds, 0.5),
            np.full(self.flags, 0.4), [0.5, 0.7, 0.4, 0.8, 0.8, 0.5, 0.5],
        ])  # fmt: skip
        return mean, spread


@dataclass(frozen=True, slots=True)
class Rest:
    """The parameters that no flag has its own of: of the load its length and (all squared) its
    amplitude; those of pairs of flags, of all flags together, of how slopes differ, and of what
    all measurements have in common.
    """

    length: float
    load: float
    pair: float
    whole: float
    slope: float
    level: float

    @classmethod
    def of(cls, shape: Shape, theta: Array) -> Rest:
        import numpy as np

        length, *squared = theta[2 * shape.flags : -1]
        return cls(float(np.exp(length)), *(float(np.exp(2 * one)) for one in squared))


@dataclass(frozen=True, slots=True)
class Alike:
    """How alike n configurations are to m others: by each flag (f, n, m); and what follows: the
    sum over flags and their product.
    """

    each: Array
    total: Array
    product: Array

    @classmethod
    def of(cls, shape: Shape, theta: Array, gaps: tuple[Array, Array]) -> Alike:
        import numpy as np

        numbers, kinds = gaps
        lengths = np.exp(theta[: shape.numbers])[:, None, None]
        logits = theta[shape.numbers : shape.flags][:, None, None]
        each = np.concatenate([_matern(numbers, lengths), _kinds(kinds, logits)])
        product = each[0].copy() if len(each) else np.ones(numbers.shape[1:])
        for one in each[1:]:
            product *= one
        return cls(each, each.sum(axis=0), product)

    def pairs(self) -> Array:
        """The mean over all pairs of flags of the product of their two."""
        import numpy as np

        squares = np.einsum("fnm,fnm->nm", self.each, self.each)
        found: Array = (self.total**2 - squares) / (2 * _pairs(len(self.each)))
        return found


def gaps(one: Encoded, other: Encoded) -> tuple[Array, Array]:
    """Between n configurations and m others: distances (numeric flags, n, m), and 1 where two
    are the same (flags of kinds, n, m)."""
    import numpy as np

    apart = np.abs(one.numbers.T[:, :, None] - other.numbers.T[:, None, :])
    same = one.kinds.T[:, :, None] == other.kinds.T[:, None, :]
    return apart, same.astype(np.float64)


def covariance(shape: Shape, theta: Array, alike: Alike, at: Array, there: Array) -> Array:
    """Without noise, between points (n) and (m) of configuration and load."""
    rest = Rest.of(shape, theta)
    lever = at[:, None] * there[None, :]
    load = _matern(abs(at[:, None] - there[None, :]), rest.length)
    found = _of_flags(shape, theta, rest, alike) + SLOPE**2 * lever + rest.load * load
    found += rest.whole * alike.product * load
    found += rest.slope / max(shape.flags, 1) * lever * alike.total
    return found


def crossed(shape: Shape, theta: Array, alike: Alike, at: Array, there: Array) -> Array:
    """Between each of n configurations at each of l loads, and points (m): (n, l, m)."""
    rest = Rest.of(shape, theta)
    lever = at[:, None] * there[None, :]
    load = _matern(abs(at[:, None] - there[None, :]), rest.length)
    found = (rest.whole * load)[None] * alike.product[:, None, :]
    found += (rest.slope / max(shape.flags, 1) * lever)[None] * alike.total[:, None, :]
    found += _of_flags(shape, theta, rest, alike)[:, None, :]
    found += (SLOPE**2 * lever + rest.load * load)[None]
    return found


def own(shape: Shape, theta: Array, at: Array) -> Array:
    """Of a configuration with itself at each of l loads: (l, l), the same for all."""
    import numpy as np

    rest, f = Rest.of(shape, theta), shape.flags
    lever = at[:, None] * at[None, :]
    load = _matern(abs(at[:, None] - at[None, :]), rest.length)
    plain = rest.level + np.exp(2 * theta[f : 2 * f]).sum() + rest.pair * (f > 1)
    found: Array = plain + (rest.load + rest.whole) * load + (SLOPE**2 + rest.slope) * lever
    return found


def slopes(
    shape: Shape, theta: Array, alike: Alike, gaps: tuple[Array, Array], at: Array, weight: Array
) -> Array:
    """The sum of `weight` (n, n) times the derivative of the covariance of n points by each
    parameter but the noise.
    """
    import numpy as np

    rest, f = Rest.of(shape, theta), shape.flags
    by_flag = np.exp(2 * theta[f : 2 * f])
    lever = at[:, None] * at[None, :]
    apart = abs(at[:, None] - at[None, :])
    load, load_moved = _matern(apart, rest.length), _matern_moved(apart, rest.length)
    found = np.zeros(shape.size - 1)
    common = weight * (rest.slope / max(f, 1) * lever + rest.pair / _pairs(f) * alike.total)
    whole = weight * rest.whole * alike.product * load
    numbers, kinds = gaps
    lengths = np.exp(theta[: shape.numbers])[:, None, None]
    logits = theta[shape.numbers : f][:, None, None]
    every = np.concatenate([_matern_moved(numbers, lengths), _kinds_moved(kinds, logits)])
    for place in range(f):
        each, moved = alike.each[place], every[place]
        inner = common + weight * (by_flag[place] - rest.pair / _pairs(f) * each)
        inner += whole / np.maximum(each, 1e-12)
        found[place] = np.vdot(inner, moved)
        found[f + place] = 2 * by_flag[place] * np.vdot(weight, each)
    found[2 * f] = np.vdot(weight * (rest.load + rest.whole * alike.product), load_moved)
    found[2 * f + 1] = 2 * rest.load * np.vdot(weight, load)
    found[2 * f + 2] = 2 * rest.pair * np.vdot(weight, alike.pairs())
    found[2 * f + 3] = 2 * whole.sum()
    found[2 * f + 4] = 2 * rest.slope / max(f, 1) * np.vdot(weight * lever, alike.total)
    found[2 * f + 5] = 2 * rest.level * weight.sum()
    return found


def _of_flags(shape: Shape, theta: Array, rest: Rest, alike: Alike) -> Array:
    import numpy as np

    by_flag = np.exp(2 * theta[shape.flags : 2 * shape.flags])
    found: Array = np.tensordot(by_flag, alike.each, 1) + rest.pair * alike.pairs() + rest.level
    return found


def _pairs(flags: int) -> int:
    return max(flags * (flags - 1) // 2, 1)


def _matern(apart: Array, length: Array | float) -> Array:
    """Matérn 5/2 (Rasmussen and Williams, Gaussian Processes, 2006, equation 4.17)."""
    import numpy as np

    far = np.sqrt(5.0) * apart / length
    found: Array = (1 + far + far**2 / 3) * np.exp(-far)
    return found


def _matern_moved(apart: Array, length: Array | float) -> Array:
    """Its derivative by the logarithm of the length."""
    import numpy as np

    far = np.sqrt(5.0) * apart / length
    found: Array = far**2 * (1 + far) / 3 * np.exp(-far)
    return found


def _kinds(same: Array, logit: Array) -> Array:
    """1 for the same, a likeness between 0 and 1 for others."""
    import numpy as np

    likeness = 1 / (1 + np.exp(-logit))
    found: Array = likeness + (1 - likeness) * same
    return found


def _kinds_moved(same: Array, logit: Array) -> Array:
    """Its derivative by the logit."""
    import numpy as np

    likeness = 1 / (1 + np.exp(-logit))
    found: Array = likeness * (1 - likeness) * (1 - same)
    return found
