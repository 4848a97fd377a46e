"""Loads that others chose, tried out before an experiment is held against them.

Where the search of one had bad luck at the edge of a limit, or ended early, a higher load may
serve it as well as the others.
"""

from __future__ import annotations

from collections.abc import Sequence

from core import score
from core.runner.loads import NEAR, WIDTH, Loads, strained
from core.runner.setup import Setup
from core.store.views import ExperimentView
from core.values import Purpose, StartReason

_MOST = 2


def untried(
    setup: Setup,
    experiment: ExperimentView,
    own: Loads,
    others: Sequence[Loads],
) -> tuple[tuple[str, int], ...]:
    """Scenarios and loads, at most two for each, that may be better than an experiment's own.

    `others`: the loads of those that it is held against, the best first. Nothing that was tried
    for this reason before.
    """
    lower = score.lower_is_better(setup.task.objective)
    found = []
    for scenario, load in own.items():
        wanted: list[int] = []
        for other in (loads[scenario] for loads in others):
            beyond = other < load if lower else other > load
            apart = all(max(other, one) > WIDTH * min(other, one) for one in (load, *wanted))
            if beyond and apart and _open(setup, experiment, scenario, other):
                wanted.append(other)
        found += [(scenario, one) for one in wanted[:_MOST]]
    return tuple(found)


def _open(setup: Setup, experiment: ExperimentView, scenario: str, load: int) -> bool:
    """Whether one more measurement at a load could show that it is feasible after all."""
    confirming = {s.attempt for s in experiment.starts if s.reason is StartReason.CONFIRM}
    searched = [
        view
        for view in experiment.measurements
        if view.data.purpose is Purpose.SEARCH and view.data.scenario == scenario
    ]
    for view in searched:
        if view.data.concurrency == load and (view.feasible or view.start in confirming):
            return False
        # Missed by more than bad luck explains: more load is out of the question.
        if view.data.concurrency <= load and strained(setup, view) > NEAR:
            return False
    return True
