"""The product's search for the best load, played against a curve."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.load_families import Curve, Point
from core.bench.load import Step, next_step
from core.score.level import Level


@dataclass(frozen=True, slots=True)
class Outcome:
    """`value` is what was measured at the load that was chosen, `true` its true value: 0 when it
    is infeasible in truth by more than the noise (`wrong`). `ratio`: `true` to the best feasible
    value of the full ladder; 1 when neither found a feasible load.
    """

    chosen: int | None
    value: float | None
    true: float
    ratio: float
    wrong: bool
    measurements: int
    reasons: tuple[str, ...]


def search(
    curve: Curve,
    limit: str,
    noise: float,
    seed: int,
    *,
    floor: float | None = None,
    hint: int | None = None,
) -> Outcome:
    limits, levels = curve.limits[limit], dict[int, Level]()
    reasons: list[str] = []
    while isinstance(
        step := next_step(
            "auto", tuple(levels.values()), loads=curve.loads, floor=floor, hint=hint
        ),
        Step,
    ):
        looked = levels.get(step.concurrency)
        if step.again != (looked is not None):
            raise AssertionError(f"{curve.name}: {step} after {looked}")
        looks = (looked.looks if looked else 0) + 1
        levels[step.concurrency] = _measure(curve, limits, step.concurrency, looks, noise, seed)
        reasons.append(f"{step.concurrency}{' again' if step.again else ''}: {step.reason}")
    reasons.append(step.reason)
    count = sum(level.looks for level in levels.values())
    feasible = [level for level in levels.values() if level.feasible]
    best = max(feasible, key=lambda level: level.value or 0.0, default=None)
    return _judge(curve, limits, best, noise, count, tuple(reasons))


def _measure(
    curve: Curve, limits: Mapping[str, float], load: int, looks: int, noise: float, seed: int
) -> Level:
    """All looks at a load, pooled. The same seed, curve and load give the same noise."""
    point = curve.at(load)
    if point is None:
        return Level(load, None, None, {}, failed=True, looks=looks)
    rng = random.Random(f"{seed} {curve.name} {sorted(limits.items())} {load}")
    factors = [
        [math.exp(rng.gauss(0, noise)) for _ in range(1 + len(limits))] for _ in range(looks)
    ]
    pooled = [statistics.fmean(column) for column in zip(*factors, strict=True)]
    value = point.throughput * pooled[0]
    strains = point.strains(limits).items()
    strained = {name: s * by for (name, s), by in zip(strains, pooled[1:], strict=True)}
    return Level(load, value, value, strained, looks=looks)


def _judge(
    curve: Curve,
    limits: Mapping[str, float],
    best: Level | None,
    noise: float,
    count: int,
    reasons: tuple[str, ...],
) -> Outcome:
    ladder = curve.best(limits)
    if best is None:
        ratio = 1.0 if ladder is None else 0.0
        return Outcome(None, None, 0.0, ratio, False, count, reasons)
    point = curve.at(best.concurrency)
    assert isinstance(point, Point)
    wrong = max(point.strains(limits).values()) > 1 + noise
    true = 0.0 if wrong else point.throughput
    ratio = true / ladder if ladder else float(not wrong)
    return Outcome(best.concurrency, best.value, true, ratio, wrong, count, reasons)
