"""One task: ask the strategy, run the experiment, score it, until the budget is spent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from core import score, settings
from core.bench.genai import Bench, BenchError
from core.engines import registry
from core.engines.boxes import Host
from core.paths import Home
from core.runner.attempt import Attempt, Paused
from core.runner.gpus import Keeper
from core.runner.setup import Setup
from core.runner.standing import INFRASTRUCTURE, broken, verdict
from core.runner.weights import Weights
from core.search.base import Suggestion, Trial
from core.search.choose import strategy
from core.space import build
from core.store.journal import Journal
from core.store.reader import Reader
from core.store.views import ExperimentView, TaskDetail
from core.task import load
from core.values import (
    Configuration,
    ExperimentState,
    Failure,
    FailureKind,
    StartReason,
    TaskState,
)

# A leased port can be taken by a stranger between the look and the start.
_PORT_TRIES = 3


class Tuning:
    """Holds no truth: after each experiment, and after any restart, it reads the journal."""

    def __init__(
        self, home: Home, journal: Journal, reader: Reader, keeper: Keeper, task: str
    ) -> None:
        self.task_id = task
        self._keeper = keeper
        self._weights = Weights()
        self._home = home
        self._journal = journal
        self._reader = reader
        self._pausing = asyncio.Event()
        self._running: asyncio.Task[Failure | None] | None = None
        self._number = 0
        self._skipped = False
        self._closed = asyncio.Event()

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
        await self._begin(setup.task.budget.duration)
        try:
            async with self._bench(setup) as bench:
                while await self._step(setup, bench):
                    pass
        except BenchError as error:
            # No configuration cures a benchmark that does not run.
            await self._end(TaskState.FAILED, error.failure)

    def _bench(self, setup: Setup) -> Bench:
        return Bench(setup.bench_environment, setup.tokenizer, setup.log, setup.folder)

    async def _setup(self) -> Setup:
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

    async def _begin(self, limit: float | None) -> None:
        """Running, with the moment its budget ends now that paused time does not count."""
        now = time.time()
        started = (await self._detail()).task.started or now
        spent = await self._journal.spent(self.task_id)
        deadline = None if limit is None else now + limit - spent
        await self._journal.set_task(
            self.task_id, TaskState.RUNNING, started=started, ended=None, deadline=deadline
        )

    async def _step(self, setup: Setup, bench: Bench) -> bool:
        """One experiment; False when the task has ended or was paused."""
        detail = await self._detail()
        if failure := broken(detail.experiments):
            await self._end(TaskState.FAILED, failure)
            return False
        if self._pausing.is_set():
            await self._journal.set_task(self.task_id, TaskState.PAUSED)
            return False
        number = await self._next(setup, detail)
        if number is None:
            await self._finish(detail)
            return False
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

    async def _next(self, setup: Setup, detail: TaskDetail) -> int | None:
        """The experiment to go on with, or a new one; None when there is no more to try."""
        for experiment in detail.experiments:
            if not experiment.state.final:
                return experiment.number
        number, task = len(detail.experiments), setup.task
        spent = await self._journal.spent(self.task_id)
        over = task.budget.duration is not None and spent >= task.budget.duration
        if number >= task.budget.experiments or over:
            return None
        suggestion: Suggestion | None = Suggestion(setup.space.baseline, "baseline: the defaults")
        if number > 0:
            # In a thread: a strategy that learns may compute for a while.
            history = _history(setup, detail.experiments)
            suggestion = await asyncio.to_thread(setup.search.ask, history)
        if suggestion is None:
            return None
        await self._journal.add_experiment(
            self.task_id, number, suggestion.configuration,
            baseline=number == 0, reason=suggestion.reason,
        )  # fmt: skip
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
        experiment = (await self._detail()).experiments[number]
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
        experiment = (await self._detail()).experiments[number]
        result = _outcome(setup, experiment)
        failure = failure or result.failure
        if failure:
            await self._close(number, ExperimentState.FAILED, failure)
        else:
            state = ExperimentState.SUCCEEDED if result.feasible else ExperimentState.INFEASIBLE
            await self._close(
                number, state, score=result.score, feasible=result.feasible, chosen=result.chosen
            )
        best, said = verdict((await self._detail()).experiments, setup.task.objective)
        await self._journal.set_best(self.task_id, best, said)

    async def _close(
        self, number: int, state: ExperimentState, failure: Failure | None = None, **fields: object
    ) -> None:
        await self._journal.set_experiment(
            self.task_id, number, state, failure=failure, ended=time.time(), **fields
        )
        self._closed.set()

    async def _finish(self, detail: TaskDetail) -> None:
        """Completed when anything was measured; failed when nothing was."""
        if any(experiment.state.measured for experiment in detail.experiments):
            await self._end(TaskState.COMPLETED, None)
            return
        failures = [e.failure for e in detail.experiments if e.failure]
        await self._end(TaskState.FAILED, failures[0] if failures else None)

    async def _end(self, state: TaskState, failure: Failure | None) -> None:
        await self._journal.set_task(
            self.task_id, state, failure=failure, ended=time.time(), note=""
        )

    async def _detail(self) -> TaskDetail:
        detail = await self._reader.detail(self.task_id)
        assert detail is not None  # the runner itself wrote it and never removes one
        return detail


def _configuration(setup: Setup, experiment: ExperimentView) -> Configuration:
    return Configuration.of(setup.task.engine, experiment.parameters)


def _outcome(setup: Setup, experiment: ExperimentView) -> score.Outcome:
    task, gpus = setup.task, setup.engine.gpus(_configuration(setup, experiment))
    judged = [
        score.judge(view.data, task.slo, task.objective, gpus) for view in experiment.measurements
    ]
    return score.outcome(judged, task.objective, task.workload.scenarios)


def _history(setup: Setup, experiments: Sequence[ExperimentView]) -> list[Trial]:
    return [_trial(setup, experiment) for experiment in experiments]


def _trial(setup: Setup, experiment: ExperimentView) -> Trial:
    failure = experiment.failure
    return Trial(
        _configuration(setup, experiment),
        experiment.score,
        bool(experiment.feasible),
        0.0 if experiment.score is None else _outcome(setup, experiment).violation,
        failed=failure is not None and failure.kind not in INFRASTRUCTURE,
    )
