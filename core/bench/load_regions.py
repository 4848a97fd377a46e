"""Where a better load may lie: each region between the measured loads makes a proposal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from core.bench.load_space import Space, ahead, crossing, meets, roof
from core.score.level import Level

AIM = 0.97
"""Of the load at which a limit is expected to be reached: a load just under it costs 3 % at
most, and noise does not make it a breach."""
_SIDE = 0.2  # a step goes this part of the way into a bracket at least, in log load
_UNSURE = 1.3  # a bracket's far end is this much beyond its crossing: the crossing may be late
_WIDEST = 8.0  # one step up
_CHECKED = 512  # no look beyond: the highest load of a usual ladder
_FLAT = 0.1  # an exponent of throughput over load that is a plateau's
_STALL = 0.3  # likewise, where a cliff may have cut it already
_CHECK = 1.06  # what a look at a plateau's far side is worth


@dataclass(frozen=True, slots=True)
class Proposal:
    """A load to measure. `gain`: what could be had around it, relative to the best so far."""

    concurrency: int
    gain: float
    reason: str


def proposals(space: Space, best: Level | None) -> Iterator[Proposal]:
    """Of a space in which some level is not breached. `best`: the best that is feasible."""
    levels = _trend(space.levels)
    around = best or max(filter(meets, levels), key=lambda one: one.concurrency)
    top = max(around.value or 0.0, 1e-9)
    for low, high in pairwise(levels):
        if meets(low) and high.breached:
            yield from _bracket(space, low, high, top)
        elif meets(low) and meets(high) and around in (low, high):
            yield from _between(space, low, high, top)
    yield from _below(space, around)
    if meets(levels[-1]):
        yield from _above(space, levels[-1], around, top)
    yield from _beyond(space, top)


def _trend(levels: tuple[Level, ...]) -> list[Level]:
    """Without spikes: breaches above a load that meets the limits and below one that is
    strained clearly less."""
    kept: list[Level] = []
    for one, following in zip(levels, (*levels[1:], None), strict=True):
        if (
            one.breached
            and following
            and not (one.void or following.void)
            and kept
            and meets(kept[-1])
            and following.strain < 0.9 * one.strain
        ):
            continue
        kept.append(one)
    return kept


def _bracket(space: Space, low: Level, high: Level, top: float) -> Iterator[Proposal]:
    """A limit is reached between the two: regula falsi, kept off the bracket's ends."""
    a, b = low.concurrency, high.concurrency
    expected = math.sqrt(a * b) if high.void else crossing(low, high)
    earlier = space.before(low, meets)
    latest = max(min(ahead(earlier, low) * 1.1, b) if earlier else b, expected)
    target = expected if latest <= _UNSURE * expected else expected ** (2 / 3) * latest ** (1 / 3)
    load = space.nearest(max(target * AIM, a * (b / a) ** _SIDE), a, b)
    if load is None:
        return
    gain = max(roof(space, low, high, load) for load in _spread(a, latest)) / top
    if high.void or not high.strains:
        reason = f"{b} failed: between {a} and {b}"
    else:
        reason = f"{_tightest(high)} reaches its limit between {a} and {b}"
    yield Proposal(load, gain, reason)


def _between(space: Space, low: Level, high: Level, top: float) -> Iterator[Proposal]:
    """Both meet the limits and one is the best: the peak may lie between them."""
    a, b = low.concurrency, high.concurrency
    at = max(_spread(a, b)[:-1], key=lambda load: roof(space, low, high, load))
    if space.slope(low, high) < 0 and at >= _spread(a, b)[-2]:  # a cliff: anywhere
        at = math.sqrt(a * b)
    load = space.nearest(at, a, b)
    if load is None or b / a < 1.25:
        return
    chord = (space.reach(low) or 0.0) * (at / a) ** space.slope(low, high)
    gain = (roof(space, low, high, at) + chord) / 2 / top
    yield Proposal(load, gain, f"throughput may peak between {a} and {b}")


def _below(space: Space, best: Level) -> Iterator[Proposal]:
    """The best is the lowest that is measured, and throughput falls above it."""
    c, later = best.concurrency, space.after(best, space.known)
    load = space.nearest(c / 2, 0, c)
    if best != space.levels[0] or later is None or load is None:
        return
    slope = space.slope(best, later)
    if slope < _STALL:
        gain = max((load / c) ** slope, _CHECK)
        yield Proposal(load, gain, f"throughput does not grow above {c}: less load")


def _above(space: Space, last: Level, best: Level, top: float) -> Iterator[Proposal]:
    """Nothing measured was too much: further up, by a factor that the limits allow."""
    c, earlier = last.concurrency, space.before(last, meets)
    limit = ahead(earlier, last)
    factor = min(max(limit / c * AIM, 1.2), _WIDEST)
    slope = min(space.slope(earlier, last), 1.0) if earlier else 1.0
    room = min(limit * 1.1 / c, 4.0, space.loads[-1] / c)
    gain = (space.reach(last) or 0.0) * max(room, 1.0) ** max(slope, 0.0) / top
    higher = sum(meets(one) and one.concurrency > best.concurrency for one in space.levels)
    if slope < _FLAT and higher < 2 and c < _CHECKED:
        # A plateau or a fall may be a dip: it is believed when a second load shows it.
        gain, factor = max(gain, _CHECK), min(max(factor, 2.0), 4.0)
    load = space.nearest(c * factor, c)
    if load is None:
        return
    name = _tightest(last)
    near = f"{name} is at {last.strains[name]:.0%} of its limit" if name else "there is no limit"
    yield Proposal(load, gain, f"{near} at {c}: {load / c:.2g} times the load")


def _beyond(space: Space, top: float) -> Iterator[Proposal]:
    """A breach came suddenly and alone: it may be a spike, which a load beyond it tells."""
    low = max(filter(meets, space.levels), key=lambda one: one.concurrency)
    above = [one for one in space.levels if one.concurrency > low.concurrency]
    if not above or any(one.void for one in above):
        return
    a, first, last = low.concurrency, above[0].concurrency, above[-1].concurrency
    earlier = space.before(low, meets)
    expected = ahead(earlier, low)
    wide = first > 1.6 * a and space.nearest(a, a, first) is not None
    if wide or last > 1.3 * first or expected < 1.3 * first:
        return
    load = space.nearest(min(last * 1.6, expected), last * 1.25)
    if load is None:
        return
    slope = max(min(space.slope(earlier, low), 1.0), 0.0) if earlier else 0.8
    gain = (space.reach(low) or 0.0) * (load / a) ** slope / top
    yield Proposal(load, gain, f"the breach at {first} came suddenly: it may be a spike")


def _spread(a: float, b: float) -> list[float]:
    """Loads above `a` up to `b`, evenly in log load."""
    return [a * (b / a) ** (part / 8) for part in range(1, 9)]


def _tightest(level: Level) -> str:
    return max(level.strains, key=lambda name: level.strains[name], default="")
