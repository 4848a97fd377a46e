"""The loads of one scenario: what is measured, what can be, and how the curves run on.

In a closed loop, load = throughput × latency (Little's law). So throughput grows at most in
proportion to the load and bends downwards; a latency that grows does so at least as fast as a
straight line. Steps are factors, so everything is thought of in log load.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.score.level import Level

HIGHEST = 1024
_APART = 1.15  # two loads that are closer tell noise, not a slope
_STEEPEST = 20.0  # of an exponent; keeps a value of nothing from overflowing
_REBOUND = 0.2  # throughput that fell and may rise again
_CLIFF = 0.9  # so much less at a load that meets every limit is a cliff, not a plateau
_UNSEEN = 0.1  # nothing higher is measured: throughput may already fall there


@dataclass(frozen=True, slots=True)
class Space:
    """`levels` and `loads` ascend; `loads` are all that can be measured. `scale`: see `reach`."""

    levels: tuple[Level, ...]
    loads: Sequence[int]
    scale: float

    @classmethod
    def of(cls, levels: Sequence[Level], loads: Sequence[int] | None) -> Space:
        able = range(1, HIGHEST + 1) if loads is None else sorted(set(loads))
        return cls(tuple(levels), able, _scale(levels))

    def nearest(self, load: float, low: float = 0, high: float = math.inf) -> int | None:
        """The load between `low` and `high`, both excluded, that is nearest and not measured."""
        taken = {level.concurrency for level in self.levels}
        inside = (c for c in self.loads if low < c < high and c not in taken)
        return min(inside, key=lambda c: max(c / load, load / c), default=None)

    def before(self, level: Level, fits: Callable[[Level], bool]) -> Level | None:
        """The next lower level that fits and is far enough away to show a slope."""
        far = level.concurrency / _APART
        return max(
            (one for one in self.levels if one.concurrency <= far and fits(one)),
            key=lambda one: one.concurrency,
            default=None,
        )

    def after(self, level: Level, fits: Callable[[Level], bool]) -> Level | None:
        far = level.concurrency * _APART
        return next((one for one in self.levels if one.concurrency >= far and fits(one)), None)

    def reach(self, level: Level) -> float | None:
        """What the level would be worth if it met every limit; None when that is not known.

        The goodput of a breach says nothing about that, its throughput does.
        """
        if level.void:
            return None
        if not level.breached or level.throughput is None:
            return level.value
        return max(level.throughput * self.scale, level.value or 0.0)

    def known(self, level: Level) -> bool:
        return self.reach(level) is not None

    def slope(self, low: Level, high: Level) -> float:
        """The exponent of the power law through what two levels are worth."""
        a, b = self.reach(low) or 0.0, self.reach(high) or 0.0
        return exponent((low.concurrency, a), (high.concurrency, b))


def _scale(levels: Sequence[Level]) -> float:
    """Value per token/s of throughput: 1, for tokens/s per GPU less, for goodput at most 1."""
    ratios = [one.value / one.throughput for one in levels if one.value and one.throughput]
    if len(ratios) > 1 and max(ratios) <= 1.01 * min(ratios):
        return max(ratios)
    return max([1.0, *ratios])


def meets(level: Level) -> bool:
    return not level.breached


def exponent(low: tuple[int, float], high: tuple[int, float]) -> float:
    """Of the power law through two points (load, value); 0 where there is none."""
    if low[1] <= 0 or high[1] <= 0:
        return 0.0
    found = math.log(high[1] / low[1]) / math.log(high[0] / low[0])
    return min(max(found, -_STEEPEST), _STEEPEST)


def crossing(low: Level, high: Level) -> float:
    """The load at which the first limit is reached: `low` meets them, `high` misses some.

    Along a straight line or a power law, whichever crosses later: a latency with a fixed part
    is a line, a queue grows faster than one.
    """
    a, b = low.concurrency, high.concurrency
    found = [float(b)]
    for name, strain in high.strains.items():
        if strain <= 1:
            continue
        end = min(strain, 1e6)  # an error rate that is allowed no error has an infinite strain
        start = min(max(low.strains.get(name, end * a / b), 1e-3), 1.0)
        line = a + (b - a) * (1 - start) / (end - start)
        power = a * (b / a) ** (-math.log(start) / math.log(end / start))
        found.append(max(line, power))
    return min(found)


def ahead(low: Level | None, level: Level) -> float:
    """The load at which the first limit is reached by the straight line through two levels that
    meet them; of one level alone, half of each latency is taken to be fixed. inf: never.
    """
    found = [math.inf]
    for name, strain in level.strains.items():
        start = low.strains.get(name) if low else None
        if low is None or start is None:
            if strain > 0:
                found.append(level.concurrency * max(2 / strain - 1, 1.0))
        elif strain > start:
            slope = (strain - start) / (level.concurrency - low.concurrency)
            found.append(level.concurrency + (1 - strain) / slope)
    return min(found)


def roof(space: Space, low: Level, high: Level, load: float) -> float:
    """The most that a load between two levels can be worth, as throughput bends downwards.

    It lies below the power law that leads up to `low` and below the one that leads away from
    `high`. Where `high` is worth less, a cliff may lie anywhere between them, and only the first
    of the two holds.
    """
    start, end = space.reach(low) or 0.0, space.reach(high)
    earlier = space.before(low, space.known)
    climb = min(space.slope(earlier, low), 1.0) if earlier else 1.0
    rising: float = start * (load / low.concurrency) ** (climb if climb >= 0 else _REBOUND)
    if end is None or end < start * (1.0 if high.breached else _CLIFF):
        return rising
    chord, later = space.slope(low, high), space.after(high, space.known)
    unseen = -_UNSEEN if chord >= 0 else 2 * chord
    fall = min(space.slope(high, later) if later else unseen, chord)
    falling: float = end * (load / high.concurrency) ** fall
    return min(rising, falling)
