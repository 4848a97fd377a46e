"""Nothing measured meets the limits: where a load that does may lie."""

from __future__ import annotations

import math
from itertools import pairwise

from core.bench.load_levels import Step
from core.bench.load_space import Space, exponent
from core.score.level import Level

_SHORT = 0.95  # of the load where the limit is expected: once below it, it can be bracketed
_LONGEST = 16.0  # one step down
_WIDE = 2.5  # a gap between two loads that can hide an island
_DEEP = 2.0  # a limit missed by so much on both sides is not met between them
_LOOKED = 4  # with so many loads over the limit, an island is no longer looked for


def relief(space: Space) -> Step | None:
    """Less load; or between two loads when less load strains a limit more. None: neither."""
    first, later = space.levels[0], _measured(space, space.levels[0])
    if later and _worse(first, later):
        load = _turn(space, first, later)
        if load is not None:
            a, b = first.concurrency, later.concurrency
            return Step(load, f"{a} strains a limit more than {b} does: between or below them")
    load = space.nearest(_fewer(first, later, space), 0, first.concurrency)
    if load is not None:
        return Step(load, f"{first.concurrency} {_missed(first)}: less load")
    return _island(space)


def _measured(space: Space, level: Level) -> Level | None:
    return space.after(level, lambda one: not one.void)


def _worse(first: Level, later: Level) -> bool:
    return any(s > 1 and s > later.strains.get(name, 0.0) for name, s in first.strains.items())


def _turn(space: Space, first: Level, later: Level) -> int | None:
    """Whether the lowest loads are slow or this one is a spike, the trend of the others leads
    to the load where the limit is reached."""
    c, others = first.concurrency, _measured(space, later)
    if others is None:
        return space.nearest(math.sqrt(c * later.concurrency), c, later.concurrency)
    target = _falling(later, others)
    if target < 1.1 * c:
        return space.nearest(min(target, c / 1.5), 0, c)
    return space.nearest(target, c, later.concurrency)


def _fewer(first: Level, later: Level | None, space: Space) -> float:
    if first.void:
        return first.concurrency / 4
    least = 1.2 if len(space.levels) == 1 else 2.0  # the second time it was not enough
    return min(_falling(first, later), first.concurrency / least)


def _falling(first: Level, later: Level | None) -> float:
    """Where the strain falls to 1: along the line or the power law through the two levels,
    whichever comes first on the way down; of one level alone, in proportion to the load."""
    c, strain = first.concurrency, min(first.strain, 1e6)
    target = c / strain
    if later and later.strain > first.strain:
        b, end = later.concurrency, min(later.strain, 2e6)
        power = exponent((c, strain), (b, end))
        line = c - (strain - 1) * (b - c) / (end - strain)
        target = max(line, c * strain ** (-1 / power))
    return min(max(target * _SHORT, c / _LONGEST), c / 1.2)


def _missed(level: Level) -> str:
    if level.void:
        return "failed"
    return f"is at {level.strain:.0%} of a limit"


def _island(space: Space) -> Step | None:
    """The lowest load is measured: one look into the widest gap, low loads may be slow."""
    gaps = [
        (high.concurrency / low.concurrency, low.concurrency, high.concurrency)
        for low, high in pairwise(space.levels)
        if not low.void and min(low.strain, high.strain) < _DEEP
    ]
    width, a, b = max(gaps, default=(0.0, 1, 1))
    load = space.nearest(math.sqrt(a * b), a, b)
    if load is None or width < _WIDE or len(space.levels) >= _LOOKED:
        return None
    return Step(load, f"nothing meets the limits at {a} and at {b}: between them")
