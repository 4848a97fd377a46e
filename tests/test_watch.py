"""Watching the journal: what is read when, and what happens when it cannot be read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from core.gpu import Gpu
from core.store.views import CommandView, LiveView, Overview, RunnerView, TaskView
from core.values import TaskState
from tests.tui_sample import CHAT, DETAIL, NOW, TASKS, FakeSource
from tui.snapshot import Snapshot
from tui.watch import Watch

OTHER = next(task.id for task in TASKS if task.state is not TaskState.RUNNING)


class CountingSource(FakeSource):
    """Tells what it was asked for; `at` is what its mark stands for."""

    def __init__(self) -> None:
        super().__init__(DETAIL)
        self.counts: dict[str, int] = {}
        self.at = 1
        self.written = True
        self.closed = 0

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    async def changed(self) -> bool:
        self._count("changed")
        if self.broken:
            raise self.broken
        written, self.written = self.written, False
        return written

    async def mark(self) -> object:
        self._count("mark")
        return self.at

    async def tasks(self) -> tuple[TaskView, ...]:
        self._count("tasks")
        return await super().tasks()

    async def overview(self, task: str) -> Overview | None:
        self._count(f"overview {task}")
        return await super().overview(task)

    async def live(self) -> LiveView:
        self._count("live")
        return await super().live()

    async def commands(self) -> tuple[CommandView, ...]:
        self._count("commands")
        return await super().commands()

    async def close(self) -> None:
        self.closed += 1


class Watching:
    """A watch at work, and what it posted."""

    def __init__(self, source: CountingSource) -> None:
        self.source = source
        self.posted: list[Snapshot] = []
        self.opened: str | None = None

    @property
    def last(self) -> Snapshot:
        return self.posted[-1]

    async def looks(self, count: int = 3) -> None:
        """Waits until it has looked so often again."""
        goal = self.source.counts.get("changed", 0) + count
        while self.source.counts.get("changed", 0) < goal:
            await asyncio.sleep(0.001)

    async def until(self, wanted) -> None:
        async with asyncio.timeout(30):
            while not (self.posted and wanted(self.last)):
                await asyncio.sleep(0.001)


@asynccontextmanager
async def watching(source: CountingSource) -> AsyncIterator[Watching]:
    told = Watching(source)
    made = Watch(source, lambda: told.opened, refresh=0.002)
    task = asyncio.create_task(made.run(told.posted.append))
    try:
        async with asyncio.timeout(60):
            await told.until(lambda view: view.loaded)
            yield told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_nothing_is_read_or_posted_while_nothing_is_written():
    async with watching(CountingSource()) as told:
        await told.looks()
        before = dict(told.source.counts)
        await told.looks(20)
        grown = {name for name, count in told.source.counts.items() if count > before[name]}
        assert grown == {"changed"}
        assert len(told.posted) == 1


async def test_what_the_runner_writes_every_second_costs_one_small_reading():
    source = CountingSource()
    async with watching(source) as told:
        before = dict(source.counts)
        source.seen = LiveView(at=NOW, gpus=(Gpu(0, "GPU-1", "H100", utilisation=0.5),))
        source.written = True
        await told.until(lambda view: view.live.at == NOW)
        assert told.last.history.at == NOW
        assert source.counts["live"] == before["live"] + 1
        for name in ("tasks", f"overview {CHAT.id}", "commands"):
            assert source.counts[name] == before[name]


async def test_what_screens_show_is_read_when_its_mark_changes():
    source = CountingSource()
    async with watching(source) as told:
        source.views = (replace(CHAT, done=CHAT.done + 1), *TASKS[1:])
        source.open = (CommandView(1, "pause", CHAT.id, NOW),)
        source.at, source.written = 2, True
        await told.until(lambda view: view.tasks[0].done == CHAT.done + 1)
        assert told.last.commands == source.open


async def test_an_opened_task_is_read_at_once():
    async with watching(CountingSource()) as told:
        assert told.last.overview(OTHER) is None
        told.opened = OTHER
        await told.until(lambda view: view.overview(OTHER) is not None)
        assert told.last.overview(CHAT.id) is not None


async def test_a_task_that_is_nowhere_is_not_read_again_and_again():
    async with watching(CountingSource()) as told:
        told.opened = "gone"
        await told.looks()
        before = told.source.counts["tasks"]
        await told.looks(10)
        assert told.source.counts["tasks"] == before


async def test_a_runner_that_dies_is_noticed_though_nothing_is_written():
    source = CountingSource()
    async with watching(source) as told:
        source.alive = RunnerView(alive=False, pid=77)
        await told.until(lambda view: not view.runner.alive)
        assert told.last.runner.pid == 77


@pytest.mark.parametrize("error", [OSError("disk gone"), ValueError("a\nb"), RuntimeError("")])
async def test_an_error_is_said_in_one_line_and_keeps_what_was_read(error):
    source = CountingSource()
    async with watching(source) as told:
        source.broken = error
        await told.until(lambda view: view.error is not None)
        said = told.last.error or ""
        assert said.startswith("reading failed")
        assert "\n" not in said
        assert told.last.tasks == TASKS
        assert source.closed  # opened again at the next look
        source.broken = None
        await told.until(lambda view: view.error is None)


async def test_what_was_written_during_an_error_is_read_afterwards():
    source = CountingSource()
    async with watching(source) as told:
        source.broken = OSError("locked")
        await told.until(lambda view: view.error is not None)
        source.views = TASKS[1:]
        source.broken = None  # nothing more is written, and the mark is the same
        await told.until(lambda view: view.error is None)
        assert told.last.tasks == TASKS[1:]


async def test_a_journal_that_cannot_be_read_is_tried_ever_more_seldom(monkeypatch):
    pauses: list[float] = []
    slept = asyncio.sleep

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await slept(0)

    source = CountingSource()
    source.broken = OSError("locked")
    monkeypatch.setattr("tui.watch.asyncio.sleep", sleep)
    task = asyncio.create_task(Watch(source, lambda: None, refresh=0.25).run(lambda view: None))
    while len(pauses) < 7:
        await slept(0)
    source.broken = None
    while len(pauses) < 9:
        await slept(0)
    task.cancel()
    assert pauses[:7] == [0.5, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0]
    assert pauses[8] == 0.25


async def test_a_slow_refresh_is_not_hurried_by_an_error():
    source = CountingSource()
    source.broken = OSError("locked")
    pauses = Watch(source, lambda: None, refresh=10.0)
    assert pauses._pause(0.0, failed=True) == 10.0
