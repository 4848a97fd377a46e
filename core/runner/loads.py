"""The loads at which experiments are held against each other.

The search for the best load is good to a few percent, and at the edge of a limit noise decides
what is feasible. Loads that it cannot tell apart are made one, or configurations that are alike
would be compared at loads that are not, and the difference be taken for theirs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from core import score
from core.runner.setup import Setup
from core.store.views import MeasurementView

Loads = Mapping[str, int]
"""Scenario to the load it is measured at."""

WIDTH = 1.12
"""Loads within this ratio are one: a percentile of a few hundred requests is noisy by a tenth."""

NEAR = 1.1
"""A limit that is exceeded by less may have been missed by bad luck."""

_MARGIN = 1.03
# Under what is predicted to meet a limit exactly.


def agreed(setup: Setup, wanted: Sequence[Loads]) -> list[dict[str, int]]:
    """The loads of each, with those of a scenario that are nearly the same made one: the lowest
    of them, or the highest where low loads are best.
    """
    found = [dict(loads) for loads in wanted]
    latency = score.lower_is_better(setup.task.objective)
    for scenario in setup.task.workload.scenarios:
        first: int | None = None
        for loads in sorted(found, key=lambda one: one[scenario], reverse=latency):
            load = loads[scenario]
            if first is None or max(load, first) > WIDTH * min(load, first):
                first = load
            loads[scenario] = first
    return found


def lowered(setup: Setup, load: int, measured: MeasurementView) -> int:
    """The load at which a scenario should meet the limits that it misses at `load`; the same
    where none is left, or less load would not help.
    """
    strain = strained(setup, measured)
    asked = setup.task.workload.concurrency
    if strain <= 1:
        return load
    if asked != "auto":
        return max((one for one in asked if one < load), default=load)
    predicted = math.floor(load / (strain * _MARGIN)) if math.isfinite(strain) else load // 2
    return max(1, min(load - 1, predicted))


def strained(setup: Setup, measured: MeasurementView) -> float:
    """How much of the limit that is strained most is used up: 1 is all of it."""
    if measured.data.failure is not None or measured.data.saturated:
        return math.inf
    return max(score.strains(measured.data, setup.task.slo).values(), default=0.0)
