"""Where the console gets what it shows, and whom it asks to change anything."""

from __future__ import annotations

import uuid
from contextlib import AsyncExitStack
from typing import Protocol

from core.client import Client
from core.paths import Home
from core.store.reader import Reader
from core.store.views import LiveView, RunnerView, TaskDetail, TaskView


class Source(Protocol):
    """The journal as the console sees it. Any method may raise; the console says so and goes on."""

    async def changed(self) -> bool:
        """Whether anything was written since the last call; true at first."""
        ...

    async def tasks(self) -> tuple[TaskView, ...]:
        """Every task, newest first."""
        ...

    async def detail(self, task: str) -> TaskDetail | None: ...

    async def runner(self) -> RunnerView: ...

    async def live(self) -> LiveView:
        """GPUs and containers as the runner last saw them."""
        ...

    async def ensure_runner(self) -> None:
        """Have a runner at work when there is none."""
        ...

    async def ask(self, verb: str, task: str) -> str:
        """Have the runner do something; AutotunerError with its reason when it refuses."""
        ...

    async def stop_container(self, container: str) -> str:
        """Have one of our containers stopped and removed; as `ask`."""
        ...

    async def heartbeat(self) -> None:
        """Say that a console is open."""
        ...

    async def close(self) -> None: ...


class JournalSource:
    """The real one: a Reader, opened again after it failed, and a Client."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._client = Client(home)
        self._console = uuid.uuid4().hex
        self._stack = AsyncExitStack()
        self._reader: Reader | None = None

    async def changed(self) -> bool:
        return await (await self._open()).changed()

    async def tasks(self) -> tuple[TaskView, ...]:
        return await (await self._open()).tasks()

    async def detail(self, task: str) -> TaskDetail | None:
        return await (await self._open()).detail(task)

    async def runner(self) -> RunnerView:
        return await (await self._open()).runner()

    async def live(self) -> LiveView:
        return await (await self._open()).live()

    async def ensure_runner(self) -> None:
        await self._client.ensure_runner()

    async def ask(self, verb: str, task: str) -> str:
        return await self._client.ask(verb, {"task": task})

    async def stop_container(self, container: str) -> str:
        return await self._client.ask("stop", {"container": container})

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
