"""Experiments as a strategy sees them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from core import score
from core.runner.levels import level
from core.runner.setup import Setup
from core.runner.standing import of_the_machine
from core.score import Judged
from core.score.level import Level
from core.search.base import Trial
from core.store.reader import Reader
from core.store.views import ExperimentView, MeasurementView, StartView
from core.task import Task
from core.values import Phase, Purpose, StartReason

_FETCHING = frozenset({Phase.PULL, Phase.DOWNLOAD})


class Trials:
    """Made from the journal; those of experiments that ended are remembered."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: dict[int, tuple[ExperimentView, Trial]] = {}

    async def of(self, setup: Setup, experiments: Sequence[ExperimentView]) -> list[Trial]:
        """One each, in their order; the views need no starts and measurements: what has ended
        is read once, with all that belongs to it.
        """
        unread = {one.number: one for one in experiments if one.state.final and not self._has(one)}
        for full in await self._reader.experiments(setup.id, list(unread)):
            self._known[full.number] = unread[full.number], trial(setup.task, full)
        return [
            self._known[one.number][1] if self._has(one) else trial(setup.task, one)
            for one in experiments
        ]

    def _has(self, experiment: ExperimentView) -> bool:
        known = self._known.get(experiment.number)
        return known is not None and known[0] == experiment


def trial(task: Task, experiment: ExperimentView) -> Trial:
    """What an experiment teaches, by what was written of it while it was tried."""
    failure, searched = experiment.failure, _searched(experiment)
    missed = experiment.score is not None and not experiment.feasible
    took = [view.data.ended - view.data.started for view in searched]
    return Trial(
        experiment.configuration,
        experiment.score,
        bool(experiment.feasible),
        judged_by(task, experiment).violation if missed and searched else 0.0,
        failed=failure is not None and not of_the_machine(failure),
        levels=levels(task, experiment),
        starting=_starting(experiment),
        measuring=sum(took) / len(took) if took else None,
    )


def levels(task: Task, experiment: ExperimentView) -> dict[str, tuple[Level, ...]]:
    """What each load gave in the search for the best one, by scenario."""
    found: dict[str, tuple[Level, ...]] = {}
    judged = _judged(task, experiment)
    for one, counts in zip(judged, _counting(experiment), strict=True):
        if counts:
            name = one.data.scenario
            found[name] = (*found.get(name, ()), level(one, task))
    return found


def _searched(experiment: ExperimentView) -> list[MeasurementView]:
    return [v for v in experiment.measurements if v.data.purpose is Purpose.SEARCH]


def _starting(experiment: ExperimentView) -> float | None:
    """Seconds to ready, or to the failure, of the newest start that was not a repeat; what was
    fetched first is not fetched again and does not count.
    """
    tried = [one for one in experiment.starts if one.reason is not StartReason.CONFIRM]
    done = [end for one in tried if (end := _served(one)) is not None]
    return done[-1] if done else None


def _served(start: StartView) -> float | None:
    ended = start.ready if start.ready is not None or start.state != "failed" else start.ended
    if ended is None:
        return None
    fetched = [one.ended for one in start.phases if one.phase in _FETCHING and one.ended]
    return max(0.0, ended - max([start.started, *fetched]))


def _counting(experiment: ExperimentView) -> list[bool]:
    """Which measurements a score may rest on: the search's, the newest of each load."""
    newest = {
        (view.data.scenario, view.data.concurrency): place
        for place, view in enumerate(experiment.measurements)
        if view.data.purpose is Purpose.SEARCH
    }
    kept = set(newest.values())
    return [place in kept for place in range(len(experiment.measurements))]


def _judged(task: Task, experiment: ExperimentView) -> list[Judged]:
    gpus = Setup.gpus(experiment.configuration)
    return [score.judge(v.data, task.slo, task.objective, gpus) for v in experiment.measurements]


def outcome(setup: Setup, experiment: ExperimentView) -> score.Outcome:
    """What an experiment came to by the measurements of its search.

    A load that was looked at twice counts as what both looks came to; the numbers of `chosen`
    and `picked` are places among all measurements of the experiment.
    """
    return judged_by(setup.task, experiment)


def judged_by(task: Task, experiment: ExperimentView) -> score.Outcome:
    """The same against the limits and the objective of any task."""
    judged = [
        one if counts else dataclasses.replace(one, value=None)
        for one, counts in zip(_judged(task, experiment), _counting(experiment), strict=True)
    ]
    work = task.workload
    return score.outcome(judged, task.objective, work.scenarios, work.weights)
