"""What of a task is at work: one experiment tried out, or one repeat of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from typing import Any

from core.bench.genai import Bench, BenchError
from core.runner.attempt import UNWATCHED, Attempt, Work, open_attempt
from core.runner.confirming import Confirmed, repeat
from core.runner.gpus import Keeper
from core.runner.halt import Halted, Paused
from core.runner.levels import Incumbent, Levels
from core.runner.meter import Meter
from core.runner.patience import RETRIES, delay, retries
from core.runner.ready import EngineFailed
from core.runner.setup import Setup
from core.runner.standing import BY_HAND, verdict
from core.runner.trials import outcome
from core.runner.weights import Weights
from core.store.journal import Journal
from core.store.reader import Reader
from core.store.views import ExperimentView
from core.values import ExperimentState, Failure, StartReason

# An engine that did not survive a load is started again where lower ones are left to be measured.
_DEATHS = 3


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
        self._running: asyncio.Task[Failure | None] | None = None
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
        """One experiment, to its score or to a pause.

        Raises BenchError when nothing can be measured, Halted when a person has to do something.
        """
        try:
            failure = await self._unless_skipped(number, self._starts(setup, bench, number))
        except Paused as ending:
            await self._journal.set_experiment(self._task, number, ExperimentState.INTERRUPTED)
            if isinstance(ending, Halted):
                raise
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
        gpus, count = setup.gpus(experiment.configuration), len(wanted.arm.values) + 1
        note = f"confirming #{experiment.number}: repeat {count}"
        await self._journal.set_task(self._task, note=note)

        async def work(meter: Meter) -> None:
            await repeat(meter, wanted, gpus, self._pausing)

        halted: Halted | None = None
        try:
            await self._unless_skipped(
                experiment.number, self._repeats(setup, bench, experiment.number, work)
            )
        except Paused as ending:
            halted = ending if isinstance(ending, Halted) else None
        if wanted.tries:
            await self._rescore(setup, experiment.number)
        if self._skipped:
            self._skipped = False
            await self._journal.skip_repeat(self._task, experiment.number)
            self._closed.set()
        if halted is not None:
            raise halted

    async def judge(self, setup: Setup) -> None:
        """The best so far and what can be said of it, from the journal."""
        experiments = await self._journal.experiments(self._task)
        best, said = verdict(experiments, setup.task.objective)
        await self._journal.set_best(self._task, best, said)

    async def _unless_skipped(
        self, number: int, work: Coroutine[Any, Any, Failure | None]
    ) -> Failure | None:
        self._number = number
        self._running = asyncio.create_task(work)
        try:
            return await self._running
        except asyncio.CancelledError:
            if self._skipped:
                return None
            raise

    async def _starts(self, setup: Setup, bench: Bench, number: int) -> Failure | None:
        """Start it, again where another start can tell more; why it does not start."""
        deaths = 0
        while True:
            experiment = await self._found(number)
            best = await self._incumbent(setup, experiment)
            levels = Levels(setup, experiment, best, self._pausing)
            if open_attempt(experiment) is None and levels.begun and not levels.left:
                return None
            reason = StartReason.RETRY if experiment.starts else StartReason.SEARCH
            ended = await self._attempt(setup, bench, experiment, reason, levels.measure)
            if ended is None:
                return None
            # What an engine served before it died counts, and the load it died of says why.
            deaths += ended.under_load
            if deaths >= _DEATHS:
                return None
            if not ended.under_load and not await self._again(number, ended.failure):
                if levels.begun and ended.failure.transient:
                    raise Halted(ended.failure)  # half of its loads are no result
                return ended.failure

    async def _repeats(self, setup: Setup, bench: Bench, number: int, work: Work) -> Failure | None:
        """One repeat; started again only while it measured nothing."""
        while True:
            experiment = await self._found(number)
            ended = await self._attempt(setup, bench, experiment, StartReason.CONFIRM, work)
            experiment = await self._found(number)
            attempt = experiment.starts[-1].attempt
            measured = any(view.start == attempt for view in experiment.measurements)
            if ended is None or measured or not await self._again(number, ended.failure):
                return None if ended is None else ended.failure

    async def _attempt(
        self, setup: Setup, bench: Bench, experiment: ExperimentView, reason: StartReason,
        work: Work,
    ) -> EngineFailed | None:  # fmt: skip
        patient = retries(experiment) < RETRIES
        own = setup.of(experiment.engine)
        attempt = Attempt(own, self._journal, bench, self._keeper, self._weights, patient=patient)
        try:
            return await attempt.run(experiment, reason, work)
        except BenchError as error:
            if not error.failure.transient:
                raise
            return EngineFailed(error.failure)

    async def _again(self, number: int, failure: Failure) -> bool:
        """Whether to start it again; waits before that. Raises Paused."""
        tries = retries(await self._found(number))
        if not failure.transient or tries > RETRIES:
            return False
        if failure is UNWATCHED:
            return True
        seconds = delay(tries)
        note = (
            f"#{number} is started again in {seconds:g} s, {tries} of {RETRIES}: {failure.message}"
        )
        await self._journal.set_task(self._task, note=note)
        await self._journal.event(
            "start.retry", self._task, number, tries=tries, seconds=seconds, message=failure.message
        )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._pausing.wait()
                raise Paused
        return True

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
        await self.judge(setup)

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
