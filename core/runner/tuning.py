"""One task: ask the strategy, run the experiment, score it, until the budget is spent."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Sequence

from core import settings
from core.bench.genai import Bench, BenchError
from core.engines import registry
from core.engines.boxes import Host
from core.paths import Home
from core.runner.attempt import Attempt, Paused
from core.runner.gpus import Keeper
from core.runner.setup import Setup
from core.runner.standing import broken, verdict
from core.runner.trials import Trials, outcome
from core.runner.weights import Weights
from core.search.base import Suggestion
from core.search.choose import strategy
from core.space import build
from core.store.journal import Journal
from core.store.reader import Reader
from core.store.views import ExperimentView
from core.task import load
from core.values import (
    AutotunerError,
    ExperimentState,
    Failure,
    FailureKind,
    StartReason,
    TaskState,
)

log = logging.getLogger("autotuner.runner")

# A leased port can be taken by a stranger between the look and the start.
_PORT_TRIES = 3


class _Overtaken(Exception):
    """A person asked for something while the strategy was thinking: look again."""


class Tuning:
    """Holds no truth: after each experiment, and after any restart, it reads the journal.

    `turn` is held while it is decided that the task has ended: nobody can ask for more in
    that moment. `ended` is set when nothing of the task is at work any more. `begun`: where
    the budget's time began, paused time left out; None before.
    """

    def __init__(
        self,
        home: Home,
        journal: Journal,
        reader: Reader,
        keeper: Keeper,
        task: str,
        turn: asyncio.Lock,
    ) -> None:
        self.task_id = task
        self.ended = asyncio.Event()
        self.begun: float | None = None
        self._turn = turn
        self._keeper = keeper
        self._weights = Weights()
        self._home = home
        self._journal = journal
        self._reader = reader
        self._trials = Trials(reader)
        self._pausing = asyncio.Event()
        self._running: asyncio.Task[Failure | None] | None = None
        self._number = 0
        self._skipped = False
        self._closed = asyncio.Event()
        self._read: tuple[int, ...] = ()  # the task's file as it was read

    def pause(self) -> None:
        """Stop after the measurement that is being made."""
        self._pausing.set()

    async def skip(self) -> int | None:
        """End the running experiment as cancelled; None when there is none."""
        if self._running is None or self._running.done():
            return None
        number, self._skipped = self._number, True
        self._closed.clear()
        self._running.cancel()
        await self._closed.wait()
        return number

    async def run(self) -> None:
        """Until the strategy or the budget ends, a pause, or a failure no configuration cures."""
        setup = await self._setup()
        await self._begin(setup)
        try:
            async with self._bench(setup) as bench:
                more = True
                while more:
                    setup = await self._renewed(setup)
                    more = await self._step(setup, bench)
        except BenchError as error:
            # No configuration cures a benchmark that does not run.
            await self._end(TaskState.FAILED, error.failure)

    def _bench(self, setup: Setup) -> Bench:
        return Bench(setup.bench_environment, setup.tokenizer, setup.log, setup.folder)

    async def _setup(self) -> Setup:
        self._read = self._file()
        task = load(self._home.task_file(self.task_id))
        engine = registry.find(task.engine)
        space = build(task, engine)
        resolved = settings.read(self._home.settings(self.task_id))
        return Setup(
            id=self.task_id,
            home=self._home,
            task=task,
            engine=engine,
            space=space,
            search=strategy(task, space),
            settings=resolved,
            host=await asyncio.to_thread(Host.of, resolved, self._home.cache),
            tokenizer=await asyncio.to_thread(engine.tokenizer, task, self._home.cache),
        )

    def _file(self) -> tuple[int, ...]:
        """What changes when the task's file is written; nothing when it is gone."""
        try:
            found = self._home.task_file(self.task_id).stat()
        except OSError:
            return ()
        return found.st_ino, found.st_size, found.st_mtime_ns

    async def _renewed(self, setup: Setup) -> Setup:
        """With the budget of the task's file, read again when it was written.

        Nothing else of it: experiments of one task have to stay comparable.
        """
        if (found := self._file()) == self._read:
            return setup
        self._read = found
        try:
            budget = load(self._home.task_file(self.task_id)).budget
        except AutotunerError as error:
            log.warning("the budget stays as it was: %s", error)
            return setup
        task = dataclasses.replace(setup.task, budget=budget)
        await self._journal.set_task(self.task_id, deadline=self._deadline(budget.duration))
        return dataclasses.replace(setup, task=task, search=strategy(task, setup.space))

    async def _begin(self, setup: Setup) -> None:
        """Running, with the moment its budget ends now that paused time does not count."""
        now = time.time()
        found = await self._reader.find(self.task_id)
        started = found.started if found and found.started else now
        self.begun = now - await self._journal.spent(self.task_id)
        deadline = self._deadline(setup.task.budget.duration)
        await self._journal.set_task(
            self.task_id, TaskState.RUNNING, started=started, ended=None, deadline=deadline
        )

    def _deadline(self, limit: float | None) -> float | None:
        return None if limit is None or self.begun is None else self.begun + limit

    async def _step(self, setup: Setup, bench: Bench) -> bool:
        """One experiment; False when the task has ended or was paused."""
        experiments = await self._journal.experiments(self.task_id)
        number = next((e.number for e in experiments if not e.state.final), None)
        if number is None and (failure := broken(experiments)):
            return not await self._ends(TaskState.FAILED, failure)
        if self._pausing.is_set():
            await self._journal.set_task(self.task_id, TaskState.PAUSED)
            return False
        try:
            number = await self._new(setup, experiments) if number is None else number
        except _Overtaken:
            return True
        if number is None:
            return not await self._finished(experiments)
        began = time.monotonic()
        try:
            await self._experiment(setup, bench, number)
        except Paused:
            await self._journal.set_experiment(self.task_id, number, ExperimentState.INTERRUPTED)
        except BenchError as error:
            await self._close(number, ExperimentState.FAILED, error.failure)
            raise
        finally:
            await self._journal.spend(self.task_id, time.monotonic() - began)
        return True

    async def _new(self, setup: Setup, experiments: Sequence[ExperimentView]) -> int | None:
        """The number of a new experiment; None when there is no more to try."""
        number, budget = len(experiments), setup.task.budget
        spent = await self._journal.spent(self.task_id)
        over = budget.duration is not None and spent >= budget.duration
        if number >= budget.experiments or over or await self._journal.only_open(self.task_id):
            return None
        suggestion: Suggestion | None = Suggestion(setup.space.baseline, "baseline: the defaults")
        if number > 0:
            # In a thread: a strategy that learns may compute for a while.
            history = await self._trials.of(setup, experiments)
            suggestion = await asyncio.to_thread(setup.search.ask, history)
        if suggestion is None:
            return None
        if await self._journal.has_open(self.task_id) or not await self._journal.add_experiment(
            self.task_id, number, suggestion.configuration,
            baseline=number == 0, reason=suggestion.reason,
        ):  # fmt: skip
            raise _Overtaken
        return number

    async def _experiment(self, setup: Setup, bench: Bench, number: int) -> None:
        """Start it (again, when a stranger took the port), measure it, write its score."""
        failure: Failure | None = None
        for attempt in range(_PORT_TRIES):
            failure = await self._attempt(setup, bench, number, retry=attempt > 0)
            if failure is None or failure.kind is not FailureKind.PORT:
                break
        if self._skipped:
            self._skipped = False
            await self._close(number, ExperimentState.CANCELLED)
            return
        await self._score(setup, number, failure)

    async def _attempt(
        self, setup: Setup, bench: Bench, number: int, *, retry: bool
    ) -> Failure | None:
        experiment = await self._found(number)
        again = retry or bool(experiment.starts)
        reason = StartReason.RETRY if again else StartReason.SEARCH
        attempt = Attempt(setup, self._journal, bench, self._keeper, self._weights, self._pausing)
        self._number = number
        self._running = asyncio.ensure_future(attempt.run(experiment, reason))
        try:
            return await self._running
        except asyncio.CancelledError:
            if self._skipped:
                return None
            raise

    async def _score(self, setup: Setup, number: int, failure: Failure | None) -> None:
        result = outcome(setup, await self._found(number))
        failure = failure or result.failure
        if failure:
            await self._close(number, ExperimentState.FAILED, failure)
        else:
            state = ExperimentState.SUCCEEDED if result.feasible else ExperimentState.INFEASIBLE
            await self._close(
                number, state, score=result.score, feasible=result.feasible, chosen=result.chosen
            )
        experiments = await self._journal.experiments(self.task_id)
        best, said = verdict(experiments, setup.task.objective)
        await self._journal.set_best(self.task_id, best, said)

    async def _close(
        self, number: int, state: ExperimentState, failure: Failure | None = None, **fields: object
    ) -> None:
        await self._journal.set_experiment(
            self.task_id, number, state, failure=failure, ended=time.time(), **fields
        )
        self._closed.set()

    async def _finished(self, experiments: Sequence[ExperimentView]) -> bool:
        """Completed when anything was measured; failed when nothing was."""
        if any(experiment.state.measured for experiment in experiments):
            return await self._ends(TaskState.COMPLETED, None)
        failures = [e.failure for e in experiments if e.failure]
        return await self._ends(TaskState.FAILED, failures[0] if failures else None)

    async def _ends(self, state: TaskState, failure: Failure | None) -> bool:
        """False, and the task goes on, when a person asked for more in the meantime."""
        async with self._turn:
            if self._file() != self._read or await self._journal.has_open(self.task_id):
                return False
            await self._end(state, failure)
            return True

    async def _end(self, state: TaskState, failure: Failure | None) -> None:
        await self._journal.set_task(
            self.task_id, state, failure=failure, ended=time.time(), note=""
        )

    async def _found(self, number: int) -> ExperimentView:
        found = await self._reader.experiment(self.task_id, number)
        assert found is not None  # the runner itself wrote it and never removes one
        return found
