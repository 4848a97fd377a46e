"""What is ruled out, written down once for each cause, and the plan that shrinks with it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence

from core.runner import by_hand
from core.runner.doomed import Doom, Doomed, dooms
from core.runner.known import Known
from core.runner.setup import Setup
from core.search.base import Suggestion, Trial
from core.search.choose import listed
from core.space import Spaces
from core.store.journal import Journal
from core.store.reader import Reader
from core.store.views import ExperimentView
from core.values import Configuration

Counts = dict[Doom, int]


class Pruning:
    """Asks a task's strategy for what is worth a start. Holds no truth: the journal has it."""

    def __init__(self, journal: Journal, reader: Reader, known: Known, task: str) -> None:
        self._known = known
        self._journal = journal
        self._reader = reader
        self._task = task
        self._planned: object = None  # what the plan was made of the last time

    async def ask(
        self, setup: Setup, experiments: Sequence[ExperimentView], history: Sequence[Trial]
    ) -> Suggestion | None:
        """The strategy's next suggestion; None when nothing is left that is worth a start."""
        fits = await self._known.fits(setup)
        doomed = Doomed(dooms(experiments), fits)
        await self._plan(setup, experiments, doomed)
        met: dict[tuple[int | None, str], Doom] = {}

        def barred(configuration: Configuration) -> bool:
            if doom := doomed.why(configuration):
                met.setdefault(doom.key, doom)
            return doom is not None

        # In a thread: a strategy that learns may compute for a while.
        found = await asyncio.to_thread(setup.search.ask, history, barred)
        # Where a space is too large to be counted, or what is drawn is not on its grid.
        await self._tell(dict.fromkeys(met.values()))
        if found is None:
            await self._journal.set_task(self._task, planned=len(experiments))
        return found

    async def _plan(
        self, setup: Setup, experiments: Sequence[ExperimentView], doomed: Doomed
    ) -> None:
        """Anew when there are other causes, or somebody else has planned."""
        task = await self._reader.find(self._task)
        causes = [doom.key for doom in doomed.dooms], doomed.fits
        budget = setup.task.budget.experiments
        # What was ruled out once may not be any more.
        ever = any(causes) or await self._journal.ruled_out(self._task)
        if not ever or setup.space.size is None or task is None:
            return
        if self._planned == (causes, budget, task.planned):
            return
        keys = {one.key for one in setup.space.baselines}
        keys |= {one.configuration.key for one in experiments}
        await self._tell(await asyncio.to_thread(_counts, setup.space, keys, doomed))
        planned = task.planned
        if listed(setup.task, setup.space):
            planned = await asyncio.to_thread(
                by_hand.planned, setup.task, setup.space, keys, doomed
            )
            await self._journal.set_task(self._task, planned=planned)
        self._planned = causes, budget, planned

    async def _tell(self, found: Counts | dict[Doom, None]) -> None:
        """Each cause once, whichever runner is at work."""
        told = await self._journal.ruled_out(self._task) if found else frozenset()
        for doom, count in found.items():
            if doom.key not in told:
                await self._journal.event(
                    "configurations.ruled_out", self._task, doom.by,
                    count=count, cause=doom.kind, reason=doom.reason,
                )  # fmt: skip


def _counts(space: Spaces, tried: Collection[str], doomed: Doomed) -> Counts:
    """How many untried configurations of the grid each cause is the first to rule out."""
    first: dict[tuple[int | None, str], Doom] = {}
    counts = Counter[tuple[int | None, str]]()
    for one in space.grid():
        if one.key not in tried and (doom := doomed.why(one)):
            counts[first.setdefault(doom.key, doom).key] += 1
    return {doom: counts[key] for key, doom in first.items()}
