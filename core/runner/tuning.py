"""One task: ask the strategy, run the experiment, score it, until the budget is spent."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import time
from collections.abc import AsyncIterator, Sequence

from core import settings
from core.bench.genai import Bench, BenchError
from core.engines import registry
from core.engines.boxes import Host
from core.paths import Home
from core.runner import by_hand
from core.runner.at_work import AtWork
from core.runner.confirmation import Confirmation
from core.runner.costs import Costs, costs
from core.runner.facts import informed, space, thaw
from core.runner.gpus import Keeper
from core.runner.halt import Halted
from core.runner.knowledge.beforehand import beforehand, gpus
from core.runner.known import Known
from core.runner.pruning import Pruning
from core.runner.setup import Setup
from core.runner.standing import broken, waits
from core.runner.trials import Trials
from core.search.base import Suggestion
from core.search.choose import strategy
from core.search.prior import Prior
from core.store.begun import begun, open_start
from core.store.journal import Journal
from core.store.reader import MACHINE, Reader
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
        self._look = keeper.snapshot
        self._trials = Trials(reader)
        self._known = Known(keeper.snapshot)
        self._pruning = Pruning(journal, reader, self._known, task)
        self._confirmation = Confirmation(journal, reader)
        self._pausing = asyncio.Event()
        self._work = AtWork(journal, reader, keeper, task, self._pausing)
        self._read: tuple[int, ...] = ()  # the task's file as it was read
        self._asked = False  # what is known beforehand
        self._prior: Prior | None = None

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
                await self._go_on(setup, bench)
                more = True
                while more:
                    setup = await self._informed(await self._renewed(setup))
                    more = await self._step(setup, bench)
        except Halted as halt:
            await self._halt(setup, halt.failure)
        except BenchError as error:
            # No configuration cures a benchmark that does not run.
            measured = any(e.state.measured for e in await self._journal.experiments(self.task_id))
            if measured or waits(error.failure):
                await self._halt(setup, error.failure)
            else:
                await self._end(TaskState.FAILED, error.failure)

    async def _halt(self, setup: Setup, failure: Failure) -> None:
        """Paused, with why, until a person has done something about it."""
        cure = f"then `autotuner-tui resume {setup.task.name}`"
        advice = f"{failure.advice.rstrip('. ')}; {cure}" if failure.advice else cure
        await self._journal.set_task(
            self.task_id, TaskState.PAUSED, note="", expected=None,
            failure=dataclasses.replace(failure, advice=advice),
        )  # fmt: skip

    async def _go_on(self, setup: Setup, bench: Bench) -> None:
        """With the start that an earlier runner began, before anything else: only what is in
        hand can be let go, also by a pause.
        """
        key = await open_start(self._journal)
        if key is None or key.task != self.task_id:
            return
        experiments = await self._journal.experiments(self.task_id)
        began = (await begun(self._journal, key)).started
        async with self._spending(max(0.0, time.time() - began)):
            if not experiments[key.number].state.final:
                await self._work.try_out(setup, bench, key.number)
                return
            spending = await costs(setup, self._journal)
            wanted = await self._confirmation.resumed(setup, experiments, spending, key)
            await self._work.repeat(setup, bench, *wanted)

    @contextlib.asynccontextmanager
    async def _spending(self, before: float = 0.0) -> AsyncIterator[None]:
        """The time within is spent, and the seconds before that no runner wrote down."""
        began = time.monotonic() - before
        try:
            yield
        finally:
            await self._journal.spend(self.task_id, time.monotonic() - began)

    def _bench(self, setup: Setup) -> Bench:
        return Bench(setup.bench_environment, setup.tokenizer, setup.log, setup.folder)

    async def _setup(self) -> Setup:
        self._read = self._file()
        task = load(self._home.task_file(self.task_id))
        known = space(task, thaw(self._home, self.task_id))
        resolved = settings.read(self._home.settings(self.task_id))
        setup = Setup(
            id=self.task_id,
            home=self._home,
            task=task,
            space=known,
            search=strategy(task, known),
            settings=resolved,
            host=await asyncio.to_thread(Host.of, resolved, self._home.cache),
            tokenizer=await asyncio.to_thread(registry.tokenizer, task, self._home.cache),
        )
        return await self._knowing(setup, final=False)

    async def _knowing(self, setup: Setup, *, final: bool) -> Setup:
        """With what is known of the model and the GPUs, and as many experiments planned."""
        found = await informed(setup, self._known, final=final)
        if found.space is not setup.space:
            keys = await self._journal.keys(self.task_id)
            await self._journal.set_task(
                self.task_id,
                planned=await asyncio.to_thread(by_hand.planned, found.task, found.space, keys),
            )
        return found

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
        search = strategy(task, setup.space, self._prior)
        return dataclasses.replace(setup, task=task, search=search)

    async def _informed(self, setup: Setup) -> Setup:
        """With what other tasks or predictions tell, from the first suggestion on: they look at
        the model, which is not on this machine before the baseline.
        """
        if self._asked or not any(
            one.state.final for one in await self._journal.experiments(self.task_id)
        ):
            return setup
        async with self._spending():
            setup = await self._knowing(setup, final=True)
            self._prior = await beforehand(setup, self._journal, self._reader, self._look)
        self._asked = True
        search = strategy(setup.task, setup.space, self._prior)
        return dataclasses.replace(setup, search=search)

    async def _begin(self, setup: Setup) -> None:
        """Running, with the moment its budget ends now that paused time does not count."""
        now = time.time()
        found = await self._reader.find(self.task_id)
        started = found.started if found and found.started else now
        if found and not found.started:
            names = list(await gpus(setup, self._look))
            await self._journal.event(MACHINE, self.task_id, gpus=names)
        self.begun = now - await self._journal.spent(self.task_id)
        deadline = self._deadline(setup.task.budget.duration)
        await self._journal.set_task(
            self.task_id, TaskState.RUNNING, started=started, ended=None, deadline=deadline
        )
        # A runner may have died between a score and what followed from it. Once repeats have
        # begun they decide, and say so themselves.
        experiments = await self._journal.experiments(self.task_id)
        if not any(experiment.confirmed for experiment in experiments):
            await self._work.judge(setup)

    def _deadline(self, limit: float | None) -> float | None:
        return None if limit is None or self.begun is None else self.begun + limit

    async def _step(self, setup: Setup, bench: Bench) -> bool:
        """One experiment or one repeat; False when the task has ended or was paused."""
        experiments = await self._journal.experiments(self.task_id)
        spending = await costs(setup, self._journal)
        await self._expect(setup, experiments, spending)
        number = next((e.number for e in experiments if not e.state.final), None)
        if number is None and (failure := broken(experiments, several=bool(setup.task.others))):
            if waits(failure):
                raise Halted(failure)
            return not await self._ends(TaskState.FAILED, failure)
        if self._pausing.is_set():
            await self._journal.set_task(self.task_id, TaskState.PAUSED)
            return False
        try:
            number = await self._new(setup, experiments, spending) if number is None else number
        except _Overtaken:
            return True
        async with self._spending():
            if number is not None:
                await self._work.try_out(setup, bench, number)
            elif found := await self._confirmation.next(setup, experiments, spending):
                await self._work.repeat(setup, bench, *found)
            else:
                return not await self._finished(experiments)
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
        self.begun = time.time() - spending.spent  # anew: the clock may have been set
        if (deadline := self._deadline(setup.task.budget.duration)) is not None:
            ends = min(ends, deadline)
        await self._journal.set_task(self.task_id, expected=ends, deadline=deadline)

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
            history = await self._trials.of(setup, experiments)
            suggestion = await self._pruning.ask(setup, experiments, history)
        if suggestion is None:
            return None
        if await self._journal.has_open(self.task_id) or not await self._journal.add_experiment(
            self.task_id, number, suggestion.configuration,
            baseline=number == 0, reason=suggestion.reason, loads=suggestion.loads,
            least=suggestion.least,
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
