"""The search for the load with the highest value that meets every limit."""

from __future__ import annotations

from core.bench.load_bound import bound
from core.bench.load_levels import Ended, Step
from core.bench.load_regions import Proposal, proposals
from core.bench.load_relief import relief
from core.bench.load_space import Space, meets
from core.score.level import Level

FIRST = 16
"""Without a hint: the middle of a ladder from 1 to 512, in log load."""
WORTH = 1.03
"""What a load must promise to be measured, relative to the best so far. Bisecting to within
5 % leaves 2 % for the noise of the bounds."""
_CLEAR = 0.85  # a load strained less is feasible beyond the noise, which is 10 % on a p99
_LUCKY = 0.95  # a load strained less is feasible beyond the noise of a mean
_NEAR = 1.04  # a load strained more is a breach beyond the noise of a mean


def peak_step(
    space: Space, left: int, *, floor: float | None, hint: int | None, least: float = 0.0
) -> Step | Ended:
    """`left`: measurements that may still be made, at least 1. `least`: see `next_step`."""
    if not space.levels:
        reason = "where the limit was for an earlier configuration" if hint else "a middle load"
        first = space.nearest(hint or FIRST)
        return Step(first, reason) if first else Ended("there is no load to measure")
    if floor is not None and bound(space) <= floor * (1 + least):
        return Ended(f"no load can beat the best so far ({floor:.4g}){_by(least)}")
    worth = max(WORTH, 1 + least)
    best = _best(space)
    again = _doubtful(space)
    if again and worth > WORTH and not _leading(again, best, floor):
        again = None
    step = relief(space) if not any(map(meets, space.levels)) else _promising(space, best, worth)
    if step and (left > 1 or again is None):
        return step
    if again:
        return Step(again.concurrency, "a second look at the boundary", again=True)
    return Ended(_end(space, best))


def _best(space: Space) -> Level | None:
    feasible = (one for one in space.levels if one.feasible)
    return max(feasible, key=lambda one: one.value or 0.0, default=None)


def _leading(again: Level, best: Level | None, floor: float | None) -> bool:
    """What all others are about to be held against, and met its limits by chance perhaps."""
    better = floor is None or (again.value or 0.0) > floor
    return again is best and better and again.strain >= _LUCKY


def _by(least: float) -> str:
    return f" by {least:.0%}, as another configuration may" if least >= 0.005 else ""


def _promising(space: Space, best: Level | None, worth: float) -> Step | None:
    found: Proposal | None = max(
        proposals(space, best), key=lambda proposal: proposal.gain, default=None
    )
    if found is None or found.gain <= worth:
        return None
    return Step(found.concurrency, found.reason)


def _doubtful(space: Space) -> Level | None:
    """A load so near a limit that a second look may decide otherwise: the best one, or a breach
    that would be better."""
    best = _best(space)
    once = [one for one in space.levels if one.looks == 1 and not one.void]
    if best is None:
        # The first flip decides: what was looked at twice and is still over the limit, is.
        near = [one for one in once if one.strain <= 1 / _CLEAR and len(once) == len(space.levels)]
    elif best in once and best.strain >= _CLEAR:
        return best
    else:
        better = WORTH * (best.value or 0.0)
        near = [one for one in once if 1 < one.strain <= _NEAR and (one.value or 0.0) > better]
    return min(near, key=lambda one: one.strain, default=None)


def _end(space: Space, best: Level | None) -> str:
    if best is None:
        return "no load meets the limits"
    c = best.concurrency
    above = [one.concurrency for one in space.levels if one.breached and one.concurrency > c]
    if above:
        return f"the limit lies between {c} and {min(above)}"
    return f"no other load promises more than {c} gives"
