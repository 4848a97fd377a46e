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
from core.runner.at_work import AtWork
from core.runner.confirmation import Confirmation
from core.runner.costs import Costs, costs
from core.runner.gpus import Keeper
from core.runner.setup import Setup
from core.runner.standing import broken
from core.runner.trials import Trials
from core.search.base import Suggestion
from core.search.choose import strategy
from core.space import build
from core.store.journal import Journal
from core.store.reader import Reader
from core.store.views import ExperimentView
from core.task import load
from core.values import AutotunerError, Failure, TaskState

log = logging.getLogger("autotuner.runner")


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
        self._home = home
        self._journal = journal
        self._reader = reader
        self._trials = Trials(reader)
        self._confirmation = Confirmation(journal, reader)
        self._pausing = asyncio.Event()
        self._work = AtWork(journal, reader, keeper, task, self._pausing)
        self._read: tuple[int, ...] = ()  # the task's file as it was read

    def pause(self) -> None:
        """Stop after the measurement that is being made."""
        self._pausing.set()

    async def skip(self) -> int | None:
        """End the experiment at work; its number, None when there is none."""
        return await self._work.skip()

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
        """One experiment or one repeat; False when the task has ended or was paused."""
        experiments = await self._journal.experiments(self.task_id)
        spending = await costs(setup, self._journal)
        await self._expect(setup, experiments, spending)
        number = next((e.number for e in experiments if not e.state.final), None)
        if number is None and (failure := broken(experiments)):
            return not await self._ends(TaskState.FAILED, failure)
        if self._pausing.is_set():
            await self._journal.set_task(self.task_id, TaskState.PAUSED)
            return False
        try:
            number = await self._new(setup, experiments, spending) if number is None else number
        except _Overtaken:
            return True
        began = time.monotonic()
        try:
            if number is not None:
                await self._work.try_out(setup, bench, number)
            elif found := await self._confirmation.next(setup, experiments, spending):
                await self._work.repeat(setup, bench, *found)
            else:
                return not await self._finished(experiments)
        finally:
            await self._journal.spend(self.task_id, time.monotonic() - began)
        return True

    async def _expect(
        self, setup: Setup, experiments: Sequence[ExperimentView], spending: Costs
    ) -> None:
        """When the task will have ended, by what its steps took so far."""
        found = await self._reader.find(self.task_id)
        planned = found.planned if found and found.planned else setup.task.budget.experiments
        left = max(0, planned - sum(e.state.final for e in experiments))
        seconds = left * spending.experiment + self._confirmation.left(setup, spending)
        ends = time.time() + seconds
        if found and found.deadline is not None:
            ends = min(ends, found.deadline)
        await self._journal.set_task(self.task_id, expected=ends)

    async def _new(
        self, setup: Setup, experiments: Sequence[ExperimentView], spending: Costs
    ) -> int | None:
        """The number of a new experiment; None when there is no more to try."""
        number, over = len(experiments), not spending.search_goes_on(setup)
        over = over or number >= setup.task.budget.experiments
        if (over and number > 0) or await self._journal.only_open(self.task_id):
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
            self.task_id, state, failure=failure, ended=time.time(), note="", expected=None
        )
