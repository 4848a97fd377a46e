"""The most that any load of a configuration can be worth, by what is measured."""

from __future__ import annotations

import math
from itertools import pairwise

from core.bench.load_space import Space, ahead, meets, roof
from core.score.level import Level

_NOISE = 1.05  # of two measurements of 3 % each
_FAR = 4.0  # so far over a limit, throughput may have fallen from a peak


def bound(space: Space) -> float:
    """In the objective's unit; inf when nothing can be said."""
    levels = space.levels
    if not levels or levels[0].void:
        return math.inf
    values = [space.reach(one) or 0.0 for one in levels if meets(one)]
    for low, high in pairwise(levels):
        if meets(low):
            values.append(_between(space, low, high))
    if meets(levels[-1]):
        values.append(_above(space, levels[-1]))
    values.append(_below(space, levels[0]))
    return max(values) * _NOISE


def _between(space: Space, low: Level, high: Level) -> float:
    a, b = low.concurrency, high.concurrency
    return max(roof(space, low, high, a * (b / a) ** (part / 8)) for part in range(1, 9))


def _above(space: Space, last: Level) -> float:
    """Up to where the limits end it, at most in proportion to the load."""
    earlier = space.before(last, meets)
    limit = ahead(earlier, last) * 1.1 if earlier else math.inf
    slope = min(space.slope(earlier, last) + 0.1, 1.0) if earlier else 1.0
    room = min(limit, space.loads[-1]) / last.concurrency
    most: float = (space.reach(last) or 0.0) * max(room, 1.0) ** max(slope, 0.1)
    return most


def _below(space: Space, first: Level) -> float:
    """Less load gives less, unless throughput falls above it already."""
    value, later = space.reach(first), space.after(first, space.known)
    if first.concurrency == space.loads[0]:
        return value or 0.0
    if value is None or first.strain > _FAR:
        return math.inf
    slope = space.slope(first, later) if later else 0.0
    return value if slope >= 0 else math.inf
