"""The worker: tasks in order, one at a time; pause, cancel and skip reach it here."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import time

from core.doctor.orphans import hosts, sweep
from core.paths import Home
from core.runner import room
from core.runner.gpus import Keeper
from core.runner.hook import Hooks
from core.runner.tuning import Tuning
from core.store.begun import open_start
from core.store.damage import Damaged
from core.store.journal import Journal
from core.store.reader import Reader
from core.values import ExperimentState, Failure, FailureKind, TaskState, one_line

log = logging.getLogger("autotuner.runner")


class Worker:
    """Runs the next task that waits; what it was doing is in the journal.

    `turn` is held while the state of a task is decided: that it starts, that it has ended,
    what a person changes in it. Nothing that takes long is done meanwhile.
    """

    def __init__(
        self, home: Home, journal: Journal, reader: Reader, keeper: Keeper, hooks: Hooks
    ) -> None:
        self.turn = asyncio.Lock()
        self._home = home
        self._keeper = keeper
        self._journal = journal
        self._reader = reader
        self._hooks = hooks
        self._waiting = asyncio.Event()
        self._tuning: Tuning | None = None
        self._task: asyncio.Task[None] | None = None
        self._cancelled = False

    @property
    def busy(self) -> bool:
        return self._tuning is not None or self._hooks.busy

    def wake(self) -> None:
        """Look for work again."""
        self._waiting.set()

    async def run(self) -> None:
        """For ever: the running task of an earlier runner first, then the queue."""
        while True:
            self._waiting.clear()
            tuning = await self._take()
            if tuning is None:
                await self._waiting.wait()
            else:
                await self._tune(tuning)

    def begun(self, task: str) -> float | None:
        """Where the budget's time of the running task began, paused time left out."""
        tuning = self._mine(task)
        return tuning.begun if tuning else None

    async def pause(self, task: str) -> None:
        """Finish the measurement, stop the engine, free the GPU; returns when it is done."""
        async with self.turn:
            tuning = self._mine(task)
            if tuning is None:
                found = await self._reader.find(task)
                if found and not found.state.final:
                    await self._abandon(task)
                    await self._journal.set_task(task, TaskState.PAUSED)
                return
            tuning.pause()
        await tuning.ended.wait()

    async def cancel(self, task: str) -> None:
        """Stop everything of a task; returns when nothing of it is left."""
        async with self.turn:
            tuning = self._mine(task)
            if tuning is None or self._task is None:
                await self._abandon(task)
                await self._journal.cancel_open(task)
                self._hooks.ended(task)
                return
            self._cancelled = True
            self._task.cancel()
        await tuning.ended.wait()

    async def skip(self, task: str) -> int | None:
        """End the running experiment; returns its number, None when there is none."""
        tuning = self._mine(task)
        return await tuning.skip() if tuning else None

    async def skip_interrupted(self, task: str) -> int | None:
        """End the experiment that an earlier runner was at; None when there is none."""
        for experiment in await self._journal.experiments(task):
            if experiment.state is ExperimentState.INTERRUPTED:
                await self._journal.set_experiment(
                    task, experiment.number, ExperimentState.CANCELLED, ended=time.time()
                )
                return experiment.number
        return None

    async def _abandon(self, task: str) -> None:
        """End what an earlier runner left of a task that is not gone on with."""
        key = await open_start(self._journal)
        if key is None or key.task != task:
            return
        swept = await sweep(self._home, await hosts(self._home, self._reader), None)
        await self._journal.interrupt_open(task)
        if swept.left:
            await self._journal.event("start.ended", task, key.number, left=swept.left)

    def _mine(self, task: str) -> Tuning | None:
        return self._tuning if self._tuning and self._tuning.task_id == task else None

    async def _take(self) -> Tuning | None:
        """Begin with the next task, if one waits."""
        async with self.turn:
            if (name := await self._next()) is None:
                return None
            self._cancelled = False
            self._tuning = Tuning(
                self._home, self._journal, self._reader, self._keeper, name, self.turn
            )
            self._task = asyncio.ensure_future(self._guarded(self._tuning))
            return self._tuning

    async def _next(self) -> str | None:
        tasks = sorted(await self._reader.tasks(), key=lambda task: task.submitted)
        for state in (TaskState.RUNNING, TaskState.QUEUED):
            for task in tasks:
                if task.state is state:
                    return task.id
        return None

    async def _tune(self, tuning: Tuning) -> None:
        """Wait for the end of the task that was begun."""
        assert self._task is not None  # begun together with its tuning
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            await self._abandon(tuning.task_id)  # it may have ended before it was gone on with
            if self._cancelled:
                await self._journal.cancel_open(tuning.task_id)
            elif self._task.cancelled():
                raise asyncio.CancelledError
        finally:
            self._tuning = self._task = None
            tuning.ended.set()
            self._hooks.ended(tuning.task_id)

    async def _guarded(self, tuning: Tuning) -> None:
        """One task's bug or bad luck must not take the others with it."""
        try:
            await tuning.run()
        except Damaged:
            raise  # nothing can be written any more
        except Exception as error:
            await self._failed(tuning.task_id, error)

    async def _failed(self, task: str, error: Exception) -> None:
        """The task's end; or, where the disk is full, a pause."""
        short = room.of_error(error, self._home)
        if short:
            log.error("task %s waits: %s", task, short.message)
        else:
            log.error("task %s failed", task, exc_info=error)
        await self._abandon(task)
        await self._journal.interrupt_open(task)
        if short:
            advice = f"{short.advice}; then `autotuner-tui resume {task}`"
            short = dataclasses.replace(short, advice=advice)
            await self._journal.set_task(task, TaskState.PAUSED, failure=short, note="")
            return
        failure = Failure(
            FailureKind.UNKNOWN,
            one_line(f"{type(error).__name__}: {error}"),
            f"the details are in {self._home.runner_log}",
        )
        await self._journal.set_task(task, TaskState.FAILED, failure=failure, ended=time.time())
