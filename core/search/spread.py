"""An order of a space's grid in which whatever prefix is run covers every range evenly.

Each next point is the one that adds least to a discrepancy: the squared distance, in the sense of
a kernel, of the points so far from a uniform cover of each axis and of each pair of axes
(Hickernell 1998, "A generalized discrepancy and quadrature error bound"; chosen greedily as in
kernel herding, Chen, Welling and Smola 2010).
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from core.search.axes import ordered
from core.space import Space
from core.space.values import grid_values
from core.values import Configuration, Scalar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_POOL = 2048
_DRAWS = 4 * _POOL
_SAME = 0.5  # of numbers: how much it weighs that each value comes as often as the others
_PAIRS = 0.1  # what the cover of a pair of axes weighs, and that of a single one is 1


class Spread:
    """The configurations of one engine; follows from the space alone.

    Of a grid larger than 2048 points, as many are drawn and ordered; the rest follows in the
    order of the task file, long after any budget has ended.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._values = {name: grid_values(one) for name, one in space.parameters.items()}
        self._chosen: list[Configuration] = []

    def __iter__(self) -> Iterator[Configuration]:
        """Thought of one by one, and remembered."""
        points, configurations = self._pool
        for place in range(len(configurations)):
            if place == len(self._chosen):
                self._chosen.append(configurations[self._next(points)])
            yield self._chosen[place]
        if self._lattice > _POOL:
            own = {one.key for one in configurations}
            yield from (one for one in self._space.grid() if one.key not in own)

    @property
    def _lattice(self) -> int:
        return math.prod(len(values) for values in self._values.values())

    @cached_property
    def _pool(self) -> tuple[NDArray[np.int64], list[Configuration]]:
        """Places on the axes, and the distinct valid configurations that are there."""
        import numpy as np

        sizes = [len(values) for values in self._values.values()]
        found: dict[tuple[str, ...], tuple[Sequence[int], Configuration]] = {}
        for places in self._places(sizes):
            point = {
                name: values[place]
                for (name, values), place in zip(self._values.items(), places, strict=True)
            }
            if self._space.allows(point):
                configuration = self._space.configuration(point)
                words = self._space.engine.flag_words(configuration)
                found.setdefault(words, (places, configuration))
            if len(found) == _POOL:
                break
        rows = [places for places, _ in found.values()]
        lattice = np.array(rows, dtype=np.int64).reshape(len(rows), len(sizes))
        return lattice, [configuration for _, configuration in found.values()]

    def _places(self, sizes: Sequence[int]) -> Iterator[Sequence[int]]:
        if self._lattice <= _POOL:
            yield from itertools.product(*map(range, sizes))
            return
        rng = random.Random(0)
        for _ in range(_DRAWS):
            yield tuple(rng.randrange(size) for size in sizes)

    @cached_property
    def _kernels(self) -> list[Array]:
        return [_kernel(values) for values in self._values.values() if len(values) > 1]

    @cached_property
    def _cost(self) -> Array:
        """What each point would add: by the chosen ones, and half of what it has with itself."""
        points, _ = self._pool
        own = [kernel.diagonal()[column] for kernel, column in self._columns(points)]
        return _joined(own, len(points)) / 2

    def _next(self, points: NDArray[np.int64]) -> int:
        """The place of the point that adds least, now chosen."""
        import numpy as np

        place = int(np.argmin(self._cost))
        shared = [kernel[column[place]][column] for kernel, column in self._columns(points)]
        self._cost += _joined(shared, len(points))
        self._cost[place] = np.inf
        return place

    def _columns(self, points: NDArray[np.int64]) -> Iterator[tuple[Array, NDArray[np.int64]]]:
        varied = [axis for axis, values in enumerate(self._values.values()) if len(values) > 1]
        for kernel, axis in zip(self._kernels, varied, strict=True):
            yield kernel, points[:, axis]


def _joined(kernels: Sequence[Array], count: int) -> Array:
    """Of one point with `count` others: the sum over axes, and over pairs of axes of products."""
    import numpy as np

    single = sum(kernels, np.zeros(count))
    pairs = (single**2 - sum((one**2 for one in kernels), np.zeros(count))) / 2
    found: Array = single + _PAIRS * pairs
    return found


def _kernel(values: Sequence[Scalar | None]) -> Array:
    """Of each two values of an axis: positive for the same and for near ones. Its rows add up to
    0, so an even cover costs nothing; its diagonal is 1 on average.
    """
    import numpy as np

    count = len(values)
    same = _centred(np.eye(count))
    if not ordered(values):
        return same
    rank = np.argsort(np.argsort([float(one or 0) for one in values]))
    x = (rank + 0.5) / count - 0.5
    apart = np.abs(x[:, None] - x[None, :])
    # The kernel of the L2 discrepancy about the centre, of Bernoulli polynomials.
    near = _centred(x[:, None] * x[None, :] + (apart**2 - apart + 1 / 6) / 2)
    found: Array = _SAME * same + (1 - _SAME) * near
    return found


def _centred(kernel: Array) -> Array:
    kernel = kernel - kernel.mean(axis=0)
    kernel = kernel - kernel.mean(axis=1)[:, None]
    found: Array = kernel / kernel.diagonal().mean()
    return found
