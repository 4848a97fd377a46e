"""What a table of another model or GPU tells beforehand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from benchmarks.search_run import SCENARIO
from benchmarks.search_table import Truth, World
from core.score.level import Level
from core.search.base import Trial
from core.search.prior import Prior


def prior(world: World, *, mirrored: bool) -> Prior:
    """Every configuration of the table at every load. `mirrored`: good and bad exchanged."""
    flip = _Mirror.of(world) if mirrored else None
    trials = []
    for configuration in world.space.grid():
        curve = world.curves.get(configuration.key)
        if curve is None:
            continue
        if not any(curve.values()):
            trials.append(Trial(configuration, None, feasible=False, failed=True))
            continue
        levels = tuple(_level(load, truth, flip) for load, truth in curve.items() if truth)
        best = max((one.value or 0.0 for one in levels if one.feasible), default=None)
        trials.append(
            Trial(configuration, best, feasible=best is not None, levels={SCENARIO: levels})
        )
    return Prior(trials, "another table" + (", mirrored" if mirrored else ""))


@dataclass(frozen=True, slots=True)
class _Mirror:
    """The geometric means of each figure at each load: what is mirrored there."""

    values: Mapping[int, float]
    strains: Mapping[int, Mapping[str, float]]

    @classmethod
    def of(cls, world: World) -> _Mirror:
        at = {
            load: [curve[load] for curve in world.curves.values() if curve[load]]
            for load in world.loads
        }
        known: dict[int, list[Truth]] = {
            load: [one for one in truths if one] for load, truths in at.items()
        }
        return cls(
            {load: _mean([one.value for one in own]) for load, own in known.items() if own},
            {
                load: {name: _mean([one.strains[name] for one in own]) for name in world.limits}
                for load, own in known.items()
                if own
            },
        )


def _mean(values: list[float]) -> float:
    return math.exp(fmean(map(math.log, values)))


def _level(load: int, truth: Truth, mirror: _Mirror | None) -> Level:
    value, strains = truth.value, dict(truth.strains)
    if mirror:
        value = mirror.values[load] ** 2 / value
        strains = {name: mirror.strains[load][name] ** 2 / one for name, one in strains.items()}
    return Level(load, value, value, strains)
