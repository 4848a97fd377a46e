"""What of a task is at work: one experiment tried out, or one repeat of it."""

from __future__ import annotations

import asyncio
import contextlib
import time

from core.bench.genai import Bench, BenchError
from core.runner.attempt import Attempt, Work
from core.runner.confirming import Confirmed, repeat
from core.runner.gpus import Keeper
from core.runner.levels import Incumbent, Levels, Paused
from core.runner.ready import EngineFailed
from core.runner.setup import Setup
from core.runner.standing import BY_HAND, verdict
from core.runner.trials import outcome
from core.runner.weights import Weights
from core.store.journal import Journal
from core.store.reader import Reader
from core.store.views import ExperimentView
from core.values import ExperimentState, Failure, FailureKind, StartReason

# A leased port can be taken by a stranger between the look and the start, and an engine that
# did not survive a load is started again where lower ones are left to be measured.
_TRIES = 3


class AtWork:
    """Starts, measures and scores; a person can skip what it is at. `pausing` ends it after
    the measurement that is being made.
    """

    def __init__(
        self, journal: Journal, reader: Reader, keeper: Keeper, task: str, pausing: asyncio.Event
    ) -> None:
        self._journal = journal
        self._reader = reader
        self._keeper = keeper
        self._task = task
        self._pausing = pausing
        self._weights = Weights()
        self._running: asyncio.Task[EngineFailed | None] | None = None
        self._number = 0
        self._skipped = False
        self._closed = asyncio.Event()

    async def skip(self) -> int | None:
        """End the running experiment as cancelled, or its repeats; None when there is none."""
        if self._running is None or self._running.done():
            return None
        number, self._skipped = self._number, True
        self._closed.clear()
        self._running.cancel()
        await self._closed.wait()
        return number

    async def try_out(self, setup: Setup, bench: Bench, number: int) -> None:
        """One experiment, to its score or to a pause. BenchError when nothing can be measured."""
        try:
            failure = await self._starts(setup, bench, number)
        except Paused:
            await self._journal.set_experiment(self._task, number, ExperimentState.INTERRUPTED)
            return
        except BenchError as error:
            await self._close(number, ExperimentState.FAILED, error.failure)
            raise
        if self._skipped:
            self._skipped = False
            await self._close(number, ExperimentState.CANCELLED)
            return
        await self._score(setup, number, failure)

    async def repeat(
        self, setup: Setup, bench: Bench, experiment: ExperimentView, wanted: Confirmed
    ) -> None:
        """One repeat of an experiment, to confirm it; ended early it counts what it measured."""
        gpus, count = setup.gpus(experiment.parameters), len(wanted.arm.values) + 1
        note = f"confirming #{experiment.number}: repeat {count}"
        await self._journal.set_task(self._task, note=note)
        with contextlib.suppress(Paused):
            await self._attempt(
                setup, bench, experiment, StartReason.CONFIRM,
                lambda meter: repeat(meter, wanted, gpus, self._pausing),
            )  # fmt: skip
        if wanted.tries:
            await self._rescore(setup, experiment.number)
        if self._skipped:
            self._skipped = False
            await self._journal.skip_repeat(self._task, experiment.number)
            self._closed.set()

    async def _starts(self, setup: Setup, bench: Bench, number: int) -> Failure | None:
        """Start it, again where another start can tell more; why it does not start."""
        failure: Failure | None = None
        for attempt in range(_TRIES):
            experiment = await self._found(number)
            best = await self._incumbent(setup, experiment)
            levels = Levels(setup, experiment, best, self._pausing)
            if attempt and failure is None and not levels.left:
                break
            again = attempt or experiment.starts
            reason = StartReason.RETRY if again else StartReason.SEARCH
            ended = await self._attempt(setup, bench, experiment, reason, levels.measure)
            # What an engine served before it died counts, and the load it died of says why.
            failure = None if ended is None or ended.under_load else ended.failure
            if ended is None or (failure and failure.kind is not FailureKind.PORT):
                break
        return failure

    async def _incumbent(self, setup: Setup, experiment: ExperimentView) -> Incumbent:
        """The best so far; what a person asked for, and the baseline, need not beat it."""
        task = await self._reader.find(self._task)
        if task is None or task.best is None or task.best == experiment.number:
            return Incumbent()
        best = await self._found(task.best)
        chosen = [best.measurements[place].data for place in outcome(setup, best).picked]
        free = experiment.baseline or experiment.reason == BY_HAND
        loads = {data.scenario: data.concurrency for data in chosen}
        return Incumbent(None if free else best.score, loads)

    async def _attempt(
        self, setup: Setup, bench: Bench, experiment: ExperimentView, reason: StartReason,
        work: Work,
    ) -> EngineFailed | None:  # fmt: skip
        attempt = Attempt(setup, self._journal, bench, self._keeper, self._weights)
        self._number = experiment.number
        self._running = asyncio.ensure_future(attempt.run(experiment, reason, work))
        try:
            return await self._running
        except asyncio.CancelledError:
            if self._skipped:
                return None
            raise

    async def _score(self, setup: Setup, number: int, failure: Failure | None) -> None:
        """By what was measured, on whichever start; it failed only when that is nothing."""
        result = outcome(setup, await self._found(number))
        if result.failure:
            await self._close(number, ExperimentState.FAILED, failure or result.failure)
        else:
            state = ExperimentState.SUCCEEDED if result.feasible else ExperimentState.INFEASIBLE
            await self._close(
                number, state, score=result.score, feasible=result.feasible, chosen=result.chosen
            )
        experiments = await self._journal.experiments(self._task)
        best, said = verdict(experiments, setup.task.objective)
        await self._journal.set_best(self._task, best, said)

    async def _rescore(self, setup: Setup, number: int) -> None:
        """The load of another may have turned out better than its own."""
        result = outcome(setup, await self._found(number))
        await self._journal.rescore(
            self._task, number, score=result.score, feasible=result.feasible, chosen=result.chosen
        )

    async def _close(
        self, number: int, state: ExperimentState, failure: Failure | None = None, **fields: object
    ) -> None:
        await self._journal.set_experiment(
            self._task, number, state, failure=failure, ended=time.time(), **fields
        )
        self._closed.set()

    async def _found(self, number: int) -> ExperimentView:
        found = await self._reader.experiment(self._task, number)
        assert found is not None  # the runner itself wrote it and never removes one
        return found
