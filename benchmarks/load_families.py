"""Families of curves over load whose truth is known: latencies and throughput of an engine.

A closed loop ties the three together: load × output tokens = throughput × the time of a
request, so a curve is told by its two latencies alone.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

LADDER = (1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512)


@dataclass(frozen=True, slots=True)
class Point:
    """Seconds; output tokens/s."""

    ttft: float
    tpot: float
    throughput: float

    def strains(self, limits: Mapping[str, float]) -> dict[str, float]:
        return {name: getattr(self, name) / limit for name, limit in limits.items()}


At = Callable[[int], Point | None]
"""The truth at a load; None: the engine crashes."""


@dataclass(frozen=True, slots=True)
class Curve:
    family: str
    name: str
    at: At
    limits: Mapping[str, Mapping[str, float]]  # "loose" and "tight": the limit of each latency
    loads: tuple[int, ...] | None = None  # None: any
    ladder: tuple[int, ...] = LADDER

    def best(self, limits: Mapping[str, float]) -> float | None:
        """The best feasible throughput of the full ladder."""
        points = [self.at(c) for c in self.ladder]
        fits = [p.throughput for p in points if p and max(p.strains(limits).values()) <= 1]
        return max(fits, default=None)


@dataclass(frozen=True, slots=True)
class Engine:
    """A roofline: a step reads the weights and every request's cache, a prompt is computed
    alone, at most `slots` requests run at once. Seconds, tokens.
    """

    step: float
    read: float
    prefill: float
    output: int
    slots: int

    def latencies(self, load: int) -> tuple[float, float]:
        running = min(load, self.slots)
        mixed = self.prefill * running / self.output  # prompts of others between two tokens
        tpot = self.step + self.read * running + mixed
        ttft = self.prefill * (1 + 0.02 * running) + tpot
        waiting = (load - running) * (ttft + self.output * tpot) / running
        return ttft + waiting, tpot


Shape = Callable[[int, float, float], tuple[float, float] | None]
"""What a family does to (load, TTFT, TPOT); None: a crash."""


def _engine(rng: random.Random, *, slots: bool) -> Engine:
    step = 10 ** rng.uniform(-2.3, -1.4)
    return Engine(
        step=step,
        read=step / 10 ** rng.uniform(1.0, 2.6),
        prefill=10 ** rng.uniform(-1.5, -0.3),
        output=rng.choice((64, 128, 256, 512, 1000)),
        slots=rng.choice((16, 24, 48, 64, 100, 128, 200, 256)) if slots else 4096,
    )


def _plain(_: random.Random) -> Shape:
    return lambda c, ttft, tpot: (ttft, tpot)


def _cliff(rng: random.Random) -> Shape:
    """Past a load the cache is full: requests are thrown out and computed again."""
    full, jump, more = 2 ** rng.uniform(2, 8.5), rng.uniform(1.3, 3), rng.uniform(0.3, 1.5)

    def shape(c: int, ttft: float, tpot: float) -> tuple[float, float]:
        over = max(c / full - 1, 0.0)
        factor = jump * (1 + more * over) if over else 1.0
        return ttft * factor**2, tpot * factor

    return shape


def _decline(rng: random.Random) -> Shape:
    """Throughput falls past its peak."""
    peak, power = 2 ** rng.uniform(2, 8), rng.uniform(1.2, 2.0)
    return lambda c, ttft, tpot: (
        ttft * (1 + (c / peak) ** power),
        tpot * (1 + (c / peak) ** power),
    )


def _band(rng: random.Random, width: float, most: float) -> Shape:
    middle = rng.choice(LADDER[2:-1])
    ttft_by, tpot_by = rng.uniform(1.2, most), rng.uniform(1.1, max(most / 2, 1.2))

    def shape(c: int, ttft: float, tpot: float) -> tuple[float, float]:
        inside = abs(math.log(c / middle)) <= math.log(width)
        return (ttft * ttft_by, tpot * tpot_by) if inside else (ttft, tpot)

    return shape


def _spike(rng: random.Random) -> Shape:
    """One load is slow: an odd batch shape without a captured graph."""
    return _band(rng, 1.06, 5.0)


def _dip(rng: random.Random) -> Shape:
    """Throughput falls and rises again."""
    return _band(rng, rng.uniform(1.2, 1.6), 2.5)


def _cold(rng: random.Random) -> Shape:
    """The lowest loads are slower than those in the middle."""
    until, factor = rng.choice((1, 2, 4)), rng.uniform(1.3, 3)
    return lambda c, ttft, tpot: (ttft * factor, tpot * factor) if c <= until else (ttft, tpot)


def _island(rng: random.Random) -> Shape:
    """Feasible in the middle only: low loads wait for a batch to fill."""
    until, more = rng.choice((4, 8, 16, 32)), rng.uniform(2, 6)
    return lambda c, ttft, tpot: (ttft * (1 + more * until / (c + until)), tpot)


def _crash(rng: random.Random) -> Shape:
    above = 2 ** rng.uniform(2, 9)
    return lambda c, ttft, tpot: (ttft, tpot) if c <= above else None


def task(seed: int, configurations: int) -> list[Curve]:
    """Configurations of one task, in the order of a search: the same limits, and engines that
    differ in their speed, their slots and where they fail."""
    rng = random.Random(f"{seed} task")
    base = _engine(rng, slots=True)
    ttft, tpot = base.latencies(1)
    limits = {
        "loose": {"ttft": ttft * 6, "tpot": tpot * 3},
        "tight": {"ttft": ttft * 2, "tpot": tpot * 1.4},
    }
    made = []
    for number in range(configurations):
        engine = replace(
            base,
            step=base.step * rng.uniform(0.7, 1.5),
            read=base.read * rng.uniform(0.7, 2),
            prefill=base.prefill * rng.uniform(0.7, 2),
            slots=rng.choice((base.slots, base.slots // 2, base.slots * 2, 256)),
        )
        shape = rng.choice((_plain, _plain, _cliff, _decline, _crash))(rng)
        made.append(Curve("task", f"task {seed} {number}", _at(engine, shape), limits))
    return made


FAMILIES: Mapping[str, tuple[Callable[[random.Random], Shape], bool]] = {
    "roofline": (_plain, False),
    "queue": (_plain, True),
    "cache cliff": (_cliff, False),
    "declines past its peak": (_decline, False),
    "spike at one load": (_spike, False),
    "dip": (_dip, False),
    "lowest loads slow": (_cold, True),
    "feasible island": (_island, False),
    "crash above a load": (_crash, False),
    "never feasible": (_plain, True),
    "always feasible": (_plain, True),
}


def curve(family: str, number: int, seed: int) -> Curve:
    rng = random.Random(f"{seed} {family} {number}")
    make, slots = FAMILIES[family]
    engine, shape = _engine(rng, slots=slots), make(rng)

    at = _at(engine, shape)
    return Curve(family, f"{family} {number}", at, _limits(family, engine, at, rng))


def _at(engine: Engine, shape: Shape) -> At:
    def at(load: int) -> Point | None:
        shaped = shape(load, *engine.latencies(load))
        if shaped is None:
            return None
        ttft, tpot = shaped
        return Point(ttft, tpot, load * engine.output / (ttft + (engine.output - 1) * tpot))

    return at


def _limits(family: str, engine: Engine, at: At, rng: random.Random) -> dict[str, dict[str, float]]:
    """Loose and tight, as multiples of what the engine alone takes for one request."""
    ttft, tpot = engine.latencies(1)
    if family == "never feasible":
        return {
            "loose": {"ttft": ttft * rng.uniform(0.8, 0.95), "tpot": tpot * 4},
            "tight": {"ttft": ttft * 0.6, "tpot": tpot * rng.uniform(0.3, 0.9)},
        }
    if family == "always feasible":
        last = at(1024)
        assert last is not None
        return {
            "loose": {"ttft": last.ttft * 3, "tpot": last.tpot * 3},
            "tight": {"ttft": last.ttft * 1.1, "tpot": last.tpot * 1.1},
        }
    if family == "feasible island":
        lowest = min(p.ttft for c in LADDER if (p := at(c)))
        return {
            "loose": {"ttft": lowest * rng.uniform(1.4, 2.2), "tpot": tpot * rng.uniform(3, 8)},
            "tight": {"ttft": lowest * rng.uniform(1.15, 1.4), "tpot": tpot * rng.uniform(1.5, 3)},
        }
    return {
        "loose": {"ttft": ttft * rng.uniform(3, 20), "tpot": tpot * rng.uniform(2, 8)},
        "tight": {"ttft": ttft * rng.uniform(1.3, 3), "tpot": tpot * rng.uniform(1.1, 1.8)},
    }
