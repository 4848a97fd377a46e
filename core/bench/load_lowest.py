"""The search for the lowest load that is feasible: the best one where a latency is minimised.

Latencies grow with the load, so without a minimum of throughput that is load 1.
"""

from __future__ import annotations

import math

from core.bench.load_levels import Ended, Step
from core.bench.load_space import Space
from core.score.level import Level

WORTH = 1.05
"""A latency must promise to be this much lower for another load to be measured."""
_FACTOR = 4.0  # of a step while nothing brackets it
_NOISE = 0.95  # of two measurements of 3 % each
_CLEAR = 0.85  # a load strained less is feasible beyond the noise


def lowest_step(space: Space, left: int, *, floor: float | None, hint: int | None) -> Step | Ended:
    """`left`: measurements that may still be made, at least 1."""
    if not space.levels:
        first = space.nearest(hint or space.loads[0])
        reason = "the best load of an earlier configuration" if hint else "the lowest load"
        return Step(first, reason) if first else Ended("there is no load to measure")
    if floor is not None and _least(space) * _NOISE <= floor:
        return Ended(f"no load can beat the best so far ({-floor:.4g})")
    best = next((one for one in space.levels if one.feasible), None)
    if best is None:
        return _search(space)
    step, again = _lower(space, best), _doubtful(space, best)
    if step and (left > 1 or not again):
        return step
    if again:
        return Step(best.concurrency, "a second look at the boundary", again=True)
    return Ended(f"{best.concurrency} is the lowest load that is feasible")


def _least(space: Space) -> float:
    """The best value that any load can have: that of the lowest that is known to be too low."""
    first = space.levels[0]
    short = [one for one in space.levels if not one.enough and one.value is not None]
    if short:
        return short[-1].value or 0.0
    if first.concurrency == space.loads[0] and first.value is not None:
        return first.value
    return math.inf


def _lower(space: Space, best: Level) -> Step | None:
    """Between the best and the next lower level, while its latency promises 5 %."""
    b = best.concurrency
    lower = [one for one in space.levels if one.concurrency < b]
    if not lower:
        load = space.nearest(b / _FACTOR, 0, b)
        return Step(load, f"{b} is feasible: a lower load") if load else None
    low = lower[-1]
    a, gain = low.concurrency, _ratio(best.value, low.value)
    load = space.nearest(math.sqrt(a * b), a, b)
    if load is None or gain <= WORTH:
        return None
    return Step(load, f"the lowest feasible load lies between {a} and {b}")


def _ratio(value: float | None, lower: float | None) -> float:
    """How much lower the latency of the lower load is; both are negative latencies."""
    return value / lower if value and lower else math.inf


def _doubtful(space: Space, best: Level) -> bool:
    """Feasible only just, in a limit or (unknown how far) in the minimum of throughput."""
    short = any(not one.enough for one in space.levels)
    return (short or best.strain >= _CLEAR) and all(one.looks == 1 for one in space.levels)


def _search(space: Space) -> Step | Ended:
    """No level is feasible: above those that give too little, below those that strain a limit."""
    short = [one for one in space.levels if not one.enough and not one.breached]
    a = short[-1].concurrency if short else 0
    over = [one for one in space.levels if one.breached and one.concurrency > a]
    if short and _hopeless(short, over):
        return Ended("no load that meets the limits gives enough throughput")
    if short and over:
        b = over[0].concurrency
        load = space.nearest(math.sqrt(a * b), a, b)
        reason = f"too little throughput at {a}, a limit missed at {b}: between them"
    elif short:
        load, reason = space.nearest(a * _FACTOR, a), f"too little throughput at {a}: more load"
    else:
        b = over[0].concurrency
        load, reason = space.nearest(b / _FACTOR, 0, b), f"{b} misses a limit: less load"
        if load is None and len(over) == 1:  # the lowest load can be the slowest
            load = space.nearest(b * _FACTOR, b)
            reason = f"{b} misses a limit: whether more load does, too"
    return Step(load, reason) if load else Ended("no load is feasible")


def _hopeless(short: list[Level], over: list[Level]) -> bool:
    """Throughput grows with the load: what a breach does not reach, no lower load does. And it
    no longer grows where two levels give the same."""
    if over and not over[0].enough and not over[0].void:
        return True
    given = [one.throughput or 0.0 for one in short[-2:]]
    return len(given) == 2 and given[1] < WORTH * given[0]
