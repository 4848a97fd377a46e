"""The worker: tasks in order, one at a time; pause, cancel and skip reach it here."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from core.paths import Home
from core.runner.gpus import Keeper
from core.runner.tuning import Tuning
from core.store.journal import Journal
from core.store.reader import Reader
from core.values import Failure, FailureKind, TaskState, one_line

log = logging.getLogger("autotuner.runner")


class Worker:
    """Runs the next task that waits; what it was doing is in the journal."""

    def __init__(self, home: Home, journal: Journal, reader: Reader, keeper: Keeper) -> None:
        self._home = home
        self._keeper = keeper
        self._journal = journal
        self._reader = reader
        self._waiting = asyncio.Event()
        self._tuning: Tuning | None = None
        self._task: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self._cancelled = False

    @property
    def busy(self) -> bool:
        return self._tuning is not None

    def wake(self) -> None:
        """Look for work again."""
        self._waiting.set()

    async def run(self) -> None:
        """For ever: the running task of an earlier runner first, then the queue."""
        while True:
            self._waiting.clear()
            name = await self._next()
            if name is None:
                await self._waiting.wait()
            else:
                await self._tune(name)

    async def pause(self, task: str) -> None:
        """Finish the measurement, stop the engine, free the GPU; returns when it is done."""
        if self._tuning is None or self._tuning.task_id != task or self._task is None:
            await self._journal.set_task(task, TaskState.PAUSED)
            return
        self._tuning.pause()
        await self._ended.wait()

    async def cancel(self, task: str) -> None:
        """Stop everything of a task; returns when nothing of it is left."""
        if self._tuning is None or self._tuning.task_id != task or self._task is None:
            await self._journal.cancel_open(task)
            return
        self._cancelled = True
        self._task.cancel()
        await self._ended.wait()

    async def skip(self, task: str) -> int | None:
        """End the running experiment; returns its number, None when there is none."""
        if self._tuning is None or self._tuning.task_id != task:
            return None
        return await self._tuning.skip()

    async def _next(self) -> str | None:
        tasks = sorted(await self._reader.tasks(), key=lambda task: task.submitted)
        for state in (TaskState.RUNNING, TaskState.QUEUED):
            for task in tasks:
                if task.state is state:
                    return task.id
        return None

    async def _tune(self, name: str) -> None:
        self._cancelled = False
        self._ended.clear()
        self._tuning = Tuning(self._home, self._journal, self._reader, self._keeper, name)
        self._task = asyncio.ensure_future(self._guarded(self._tuning))
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            if self._cancelled:
                await self._journal.cancel_open(name)
            elif self._task.cancelled():
                raise asyncio.CancelledError
        finally:
            self._tuning = self._task = None
            self._ended.set()

    async def _guarded(self, tuning: Tuning) -> None:
        """One task's bug or bad luck must not take the others with it."""
        try:
            await tuning.run()
        except Exception as error:
            log.exception("task %s failed", tuning.task_id)
            failure = Failure(
                FailureKind.UNKNOWN,
                one_line(f"{type(error).__name__}: {error}"),
                f"the details are in {self._home.runner_log}",
            )
            await self._journal.interrupt_open(tuning.task_id)
            await self._journal.set_task(tuning.task_id, TaskState.FAILED, failure=failure)
