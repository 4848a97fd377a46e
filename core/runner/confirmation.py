"""The verdict: kept up with the journal, and the next repeat that it needs."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence

from core.runner.aligning import untried
from core.runner.confirming import Confirmed, together
from core.runner.costs import Costs
from core.runner.setup import Setup
from core.score import (
    LEAST_REPEATS,
    MOST_CONTENDERS,
    Decision,
    Searched,
    contenders,
    decide,
    lower_is_better,
    next_repeat,
)
from core.store.journal import Journal, StartKey
from core.store.reader import Reader
from core.store.views import ExperimentView, VerdictView


class Confirmation:
    """Holds no truth but how many experiments the time was enough for when it began."""

    def __init__(self, journal: Journal, reader: Reader) -> None:
        self._journal = journal
        self._reader = reader
        self._most: int | None = None
        self._open = LEAST_REPEATS * (MOST_CONTENDERS + 1)

    async def next(
        self, setup: Setup, experiments: Sequence[ExperimentView], costs: Costs
    ) -> tuple[ExperimentView, Confirmed] | None:
        """The experiment to start again, after the verdict was brought up to date.

        None when nothing is to be confirmed, it is settled, or the budget is spent.
        """
        repeats = setup.task.budget.repeats
        numbers = self._numbers(setup, experiments, costs)
        if not repeats or not numbers:
            return None
        views = [await self._found(setup, number) for number in numbers]
        found = await asyncio.to_thread(together, setup, views)
        await self._keep(setup, views, found)
        baseline = next((view.number for view in views if view.baseline), None)
        arms = [one.arm for one in found]
        decision = decide(arms, baseline, setup.task.objective, repeats)
        number = next_repeat(arms, baseline, setup.task.objective, repeats)
        self._open = sum(max(LEAST_REPEATS - len(arm.values), 0) for arm in arms) or len(arms)
        short = number is not None and not costs.leaves(setup, costs.repeat)
        await self._tell(setup, decision, short=short)
        if number is None or short:
            return None
        place = numbers.index(number)
        return views[place], self._aligned(setup, views[place], found[place], found)

    async def resumed(
        self, setup: Setup, experiments: Sequence[ExperimentView], costs: Costs, key: StartKey
    ) -> tuple[ExperimentView, Confirmed]:
        """The repeat that an earlier runner began, as it was chosen then."""
        numbers = sorted({*self._numbers(setup, experiments, costs), key.number})
        views = [_without(await self._found(setup, number), key) for number in numbers]
        found = await asyncio.to_thread(together, setup, views)
        place = numbers.index(key.number)
        return views[place], self._aligned(setup, views[place], found[place], found)

    def _aligned(
        self, setup: Setup, view: ExperimentView, own: Confirmed, found: Sequence[Confirmed]
    ) -> Confirmed:
        """With the loads that the others chose, where they may be better than its own."""
        if own.arm.values:
            return own
        lower = lower_is_better(setup.task.objective)
        others = sorted(
            (one for one in found if one is not own),
            key=lambda one: min(one.searched.values()),
            reverse=not lower,
        )
        tries = untried(setup, view, own.own, [one.own for one in others])
        return dataclasses.replace(own, tries=tries)

    def left(self, setup: Setup, costs: Costs) -> float:
        """Seconds that the repeats to come will take, as far as is known."""
        if not setup.task.budget.repeats:
            return 0.0
        return costs.confirmation(1, self._open)

    def _numbers(
        self, setup: Setup, experiments: Sequence[ExperimentView], costs: Costs
    ) -> list[int]:
        """The baseline and the best, as many as there is time for; those begun already too."""
        if not any(e.state.final for e in experiments if not e.baseline):
            return []  # nothing was tried that the baseline could be better than
        met = [e for e in experiments if e.feasible and e.score is not None and e.state.measured]
        searched = [
            Searched(e.number, e.score or 0.0, setup.gpus(e.configuration))
            for e in met
            if not e.baseline
        ]
        if self._most is None:
            self._most = next(
                (
                    most
                    for most in range(MOST_CONTENDERS, 1, -1)
                    if costs.leaves(setup, costs.confirmation(most + 1))
                ),
                1,
            )
        chosen = set(contenders(searched, setup.task.objective, self._most))
        chosen |= {e.number for e in met if e.baseline or e.confirmed is not None}
        return sorted(chosen)

    async def _keep(
        self, setup: Setup, views: Sequence[ExperimentView], found: Sequence[Confirmed]
    ) -> None:
        for view, one in zip(views, found, strict=True):
            if one.view != view.confirmed:
                await self._journal.set_confirmed(setup.id, view.number, one.view)

    async def _tell(self, setup: Setup, decision: Decision, *, short: bool) -> None:
        note = decision.note
        if short and decision.repeats < LEAST_REPEATS:
            note = f"the budget ended after {decision.repeats} of {LEAST_REPEATS} repeats"
        verdict = VerdictView(
            decision.kind,
            delta=decision.delta,
            interval=decision.interval,
            repeats=decision.repeats,
            tied=decision.tied,
            note=note,
        )
        await self._journal.set_best(setup.id, decision.best, verdict)

    async def _found(self, setup: Setup, number: int) -> ExperimentView:
        found = await self._reader.experiment(setup.id, number)
        assert found is not None  # the runner itself wrote it and never removes one
        return found


def _without(view: ExperimentView, key: StartKey) -> ExperimentView:
    """An experiment as it was before one of its starts."""
    if view.number != key.number:
        return view
    starts = tuple(start for start in view.starts if start.attempt != key.attempt)
    measured = tuple(one for one in view.measurements if one.start != key.attempt)
    return dataclasses.replace(view, starts=starts, measurements=measured)
