"""A desk with its journal and no worker at work: what is asked is answered, nothing is started."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from core import settings
from core.paths import Home
from core.runner.commands import Desk
from core.runner.gpus import Keeper
from core.runner.hook import Hooks
from core.runner.work import Worker
from core.settings import Settings
from core.store import ask
from core.store.journal import Journal
from core.store.reader import Reader
from core.store.views import ExperimentView, TaskDetail
from core.task import parse
from core.task.dump import save
from core.values import (
    AutotunerError,
    Configuration,
    ExperimentState,
    Failure,
    FailureKind,
    Scalar,
    TaskState,
)

TASK = """
name: demo
model: sim-8b
engine: simulated
parameters: {max-num-seqs: [4, 8, 16], max-num-batched-tokens: [8, 1024], max-model-len: 2048}
rules: ["max_num_batched_tokens >= max_num_seqs"]
workload: {scenarios: ["D(40,10)"], concurrency: [1], requests: 4}
objective: throughput
budget: {experiments: 10}
"""
OUT_OF_MEMORY = Failure(FailureKind.OOM_KV, "too large", "lower it")


@dataclass
class Office:
    """A home with one task and everything that answers for it."""

    home: Home
    journal: Journal
    reader: Reader
    worker: Worker
    hooks: Hooks
    desk: Desk
    task: str = "t1"

    async def ask(self, verb: str, task: str | None = None, **arguments: Any) -> str:
        """As a console asks; AutotunerError when it is refused."""
        number = await self.insert(verb, {"task": task or self.task, **arguments})
        for command in await self.journal.open_commands():
            await self.desk.carry_out(command)
        return await self.answer(number)

    async def insert(self, verb: str, arguments: Mapping[str, object]) -> int:
        return await ask.insert_command(self.home.database, verb, arguments)

    async def answer(self, number: int) -> str:
        done, reply, error = await self.reader.reply(number)
        assert done
        if error:
            raise AutotunerError(error)
        return reply

    async def detail(self) -> TaskDetail:
        found = await self.reader.detail(self.task)
        assert found is not None
        return found

    async def experiment(self, number: int) -> ExperimentView:
        return (await self.detail()).experiments[number]

    async def tried(
        self, number: int, flags: Mapping[str, Scalar] | None = None, *, failed: bool = False
    ) -> None:
        """An experiment that was tried: with these flags, or the baseline."""
        plain: Mapping[str, Scalar] = {"max-model-len": 2048, **(flags or {})}
        await self.journal.add_experiment(
            self.task, number, Configuration.of("simulated", plain),
            baseline=number == 0, reason="grid",
        )  # fmt: skip
        state = ExperimentState.FAILED if failed else ExperimentState.SUCCEEDED
        fields: dict[str, Any] = {} if failed else {"score": 100.0 + number, "feasible": True}
        failure = OUT_OF_MEMORY if failed else None
        await self.journal.set_experiment(
            self.task, number, state, failure=failure, ended=time.time(), **fields
        )

    async def state(self, state: TaskState) -> None:
        ended = time.time() if state.final else None
        await self.journal.set_task(self.task, state, ended=ended)


@asynccontextmanager
async def office(home: Home, text: str = TASK, **given: str) -> AsyncIterator[Office]:
    """One queued task, `t1`, submitted with the settings in `given`."""
    home.create().task("t1").mkdir(parents=True, exist_ok=True)
    save(parse(text, "task.yaml", home.root), home.task_file("t1"))
    settings.write(Settings(given), home.settings("t1"))
    async with reopened(home) as opened:
        await opened.ask("submit")
        yield opened


@asynccontextmanager
async def reopened(home: Home) -> AsyncIterator[Office]:
    """As the next runner opens it."""
    async with Journal.open(home.database) as journal, Reader.open(home) as reader:
        hooks = Hooks(home, journal, reader, limit=20.0)
        worker = Worker(home, journal, reader, Keeper(home, journal), hooks)
        yield Office(home, journal, reader, worker, hooks, Desk(home, journal, reader, worker))
