"""Experiments as a strategy sees them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from core import score
from core.runner.setup import Setup
from core.runner.standing import INFRASTRUCTURE
from core.search.base import Trial
from core.store.reader import Reader
from core.store.views import ExperimentView
from core.values import Configuration, Purpose


class Trials:
    """Made from the journal; those of experiments that ended are remembered."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: dict[int, tuple[ExperimentView, Trial]] = {}

    async def of(self, setup: Setup, experiments: Sequence[ExperimentView]) -> list[Trial]:
        """One each, in their order; the views need no measurements."""
        return [await self._of(setup, experiment) for experiment in experiments]

    async def _of(self, setup: Setup, experiment: ExperimentView) -> Trial:
        number = experiment.number
        if number in self._known and self._known[number][0] == experiment:
            return self._known[number][1]
        failure = experiment.failure
        trial = Trial(
            configuration(setup, experiment),
            experiment.score,
            bool(experiment.feasible),
            await self._violation(setup, experiment),
            failed=failure is not None and failure.kind not in INFRASTRUCTURE,
        )
        if experiment.state.final:
            self._known[number] = experiment, trial
        return trial

    async def _violation(self, setup: Setup, experiment: ExperimentView) -> float:
        """Only a missed limit is held against its measurements again."""
        if experiment.score is None or experiment.feasible:
            return 0.0
        full = await self._reader.experiment(setup.id, experiment.number)
        return outcome(setup, full).violation if full else 0.0


def _counting(experiment: ExperimentView) -> list[bool]:
    """Which measurements a score may rest on: the search's, the newest of each load."""
    newest = {
        (view.data.scenario, view.data.concurrency): place
        for place, view in enumerate(experiment.measurements)
        if view.data.purpose is Purpose.SEARCH
    }
    kept = set(newest.values())
    return [place in kept for place in range(len(experiment.measurements))]


def configuration(setup: Setup, experiment: ExperimentView) -> Configuration:
    return Configuration.of(setup.task.engine, experiment.parameters)


def outcome(setup: Setup, experiment: ExperimentView) -> score.Outcome:
    """What an experiment came to by the measurements of its search.

    A load that was looked at twice counts as what both looks came to; the numbers of `chosen`
    and `picked` are places among all measurements of the experiment.
    """
    task, gpus = setup.task, setup.gpus(experiment.parameters)
    judged = [score.judge(v.data, task.slo, task.objective, gpus) for v in experiment.measurements]
    judged = [
        one if counts else dataclasses.replace(one, value=None)
        for one, counts in zip(judged, _counting(experiment), strict=True)
    ]
    work = task.workload
    return score.outcome(judged, task.objective, work.scenarios, work.weights)
