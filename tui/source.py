"""Where the console gets what it shows, and whom it asks to change anything."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol

from core import settings
from core.client import Client
from core.paths import Home
from core.store.reader import Reader
from core.store.views import (
    CommandView,
    ExperimentView,
    LiveView,
    Overview,
    Point,
    ResultPage,
    ResultQuery,
    RunnerView,
    TaskView,
)
from core.values import AutotunerError
from tui import asking
from tui.asking import Checked, Environment, Place


class Source(Protocol):
    """The journal as the console sees it. Any method may raise; the console says so and goes on."""

    async def changed(self) -> bool:
        """Whether anything was written since the last call; true at first."""
        ...

    async def mark(self) -> object:
        """Differs from the last one when anything was written but `live` and signs of life."""
        ...

    async def tasks(self) -> tuple[TaskView, ...]:
        """Every task, newest first."""
        ...

    async def overview(self, task: str) -> Overview | None: ...

    async def results(self, task: str, query: ResultQuery, offset: int, limit: int) -> ResultPage:
        """A window of the results table."""
        ...

    async def place(self, task: str, query: ResultQuery, number: int) -> int | None:
        """The row of an experiment in the sorted, filtered table; None: it is not in it."""
        ...

    async def experiment(self, task: str, number: int) -> ExperimentView | None:
        """One experiment with its starts and measurements."""
        ...

    async def points(self, task: str) -> tuple[Point, ...]:
        """Every experiment of a task, by number."""
        ...

    async def file(self, task: str) -> str:
        """The task file as the runner has it, YAML."""
        ...

    async def command(self, task: str, number: int) -> str:
        """The shell command that starts an experiment's engine, without secrets."""
        ...

    async def environment(self, task: str, number: int, *, benchmark: bool) -> Environment:
        """What the experiment's engine or benchmark really has, beside what was meant.

        AutotunerError says why that cannot be found out.
        """
        ...

    async def check(self, text: str, task: str | None = None) -> Checked:
        """What would fail in a task file, and its plan; as seen from here, or from where a task
        that is queued already was submitted. AutotunerError when that cannot be found out.
        """
        ...

    async def export(self, task: str, kind: str) -> str:
        """Write one of `core.export.files.ENDINGS` into a file; its path."""
        ...

    async def runner(self) -> RunnerView: ...

    async def live(self) -> LiveView:
        """GPUs and containers as the runner last saw them."""
        ...

    async def commands(self) -> tuple[CommandView, ...]:
        """What the runner was asked and has not answered yet, oldest first."""
        ...

    async def ensure_runner(self) -> None:
        """Have a runner at work when there is none."""
        ...

    async def ask(self, verb: str, arguments: Mapping[str, object]) -> str:
        """Have the runner do something; AutotunerError with its reason when it refuses."""
        ...

    async def submit(self, text: str) -> str:
        """Queue a task from its YAML; returns its id. AutotunerError says what is wrong."""
        ...

    async def heartbeat(self) -> None:
        """Say that a console is open."""
        ...

    async def close(self) -> None: ...


class JournalSource:
    """The real one: a Reader, opened again after it failed, and a Client."""

    def __init__(self, home: Home, cwd: Path) -> None:
        self._home = home
        self._cwd = cwd
        self._client = Client(home)
        self._console = uuid.uuid4().hex
        self._stack = AsyncExitStack()
        self._reader: Reader | None = None

    async def changed(self) -> bool:
        return await (await self._open()).changed()

    async def mark(self) -> object:
        return await (await self._open()).mark()

    async def tasks(self) -> tuple[TaskView, ...]:
        return await (await self._open()).tasks()

    async def overview(self, task: str) -> Overview | None:
        return await (await self._open()).overview(task)

    async def results(self, task: str, query: ResultQuery, offset: int, limit: int) -> ResultPage:
        return await (await self._open()).results(task, query, offset, limit)

    async def place(self, task: str, query: ResultQuery, number: int) -> int | None:
        return await (await self._open()).place(task, query, number)

    async def experiment(self, task: str, number: int) -> ExperimentView | None:
        return await (await self._open()).experiment(task, number)

    async def points(self, task: str) -> tuple[Point, ...]:
        return await (await self._open()).points(task)

    async def file(self, task: str) -> str:
        return self._home.task_file(task).read_text(encoding="utf-8")

    async def command(self, task: str, number: int) -> str:
        from core.export.command import experiment_spec  # brings the engines with it

        view = await self.experiment(task, number)
        if view is None:
            raise AutotunerError(f"#{number} is not there any more")
        spec = await asyncio.to_thread(experiment_spec, self._home, task, view.configuration)
        return spec.shell()

    async def environment(self, task: str, number: int, *, benchmark: bool) -> Environment:
        return await asking.environment(task, number, self._home, benchmark=benchmark)

    async def check(self, text: str, task: str | None = None) -> Checked:
        place = asking.HERE if task is None else _place(self._home, task)
        return await asking.check(text, self._home, place)

    async def export(self, task: str, kind: str) -> str:
        from core.export import files  # brings the engines with it

        folder = self._home.root / "exports"
        return str(await files.write(self._home, await self._open(), task, kind, folder))

    async def runner(self) -> RunnerView:
        return await (await self._open()).runner()

    async def live(self) -> LiveView:
        return await (await self._open()).live()

    async def commands(self) -> tuple[CommandView, ...]:
        return await (await self._open()).commands()

    async def ensure_runner(self) -> None:
        await self._client.ensure_runner()

    async def ask(self, verb: str, arguments: Mapping[str, object]) -> str:
        return await self._client.ask(verb, arguments)

    async def submit(self, text: str) -> str:
        from core.engines import registry
        from core.task import parse

        task = parse(text, "the task", self._cwd, registry.ENGINES)
        return await self._client.submit(task, self._cwd)

    async def heartbeat(self) -> None:
        await self._client.heartbeat(self._console)

    async def close(self) -> None:
        self._reader = None
        await self._stack.aclose()
        self._stack = AsyncExitStack()

    async def _open(self) -> Reader:
        if self._reader is None:
            self._reader = await self._stack.enter_async_context(Reader.open(self._home))
        return self._reader


def _place(home: Home, task: str) -> Place:
    """A task's own settings, in a folder whose `.env` says nothing else."""
    return Place(settings.read(home.settings(task)).values, home.task(task))
