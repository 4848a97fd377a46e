"""What the next task needs, fetched while another is at work: from a Hub on loopback."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from core import settings
from core.deploy.process import labelled
from core.doctor import disk
from core.doctor.report import Check, Verdict
from core.paths import Home
from core.runner.ahead import Ahead
from core.runner.wanted import wanted
from core.settings import Settings
from core.store.begun import open_start
from core.store.journal import Journal, NewTask, StartKey
from core.store.reader import Reader
from core.store.views import TaskView
from core.task import parse
from core.values import Configuration, Phase, StartReason, TaskState
from tests.hub_server import Hub, Repo, serving

WEIGHTS = random.Random(3).randbytes(2 << 20)
AT_WORK = "name: first\nmodel: sim-8b\nengine: simulated\n"
WAITING = "name: next\nmodel: org/{model}\nengine: vllm\n"


@dataclass
class World:
    """A task at work, and what the runner would fetch meanwhile."""

    home: Home
    journal: Journal
    reader: Reader
    ahead: asyncio.Task[None]
    cache: Path
    hub: Hub

    async def queue(self, name: str, model: str = "tiny") -> None:
        await _add(self.journal, self.home, name, WAITING.format(model=model), self.hub, self.cache)

    async def queue_boxed(self, name: str, daemon: Path) -> None:
        text = WAITING.format(model="tiny") + "deploy: docker\nimage: engine:1\n"
        await _add(
            self.journal, self.home, name, text, self.hub, self.cache,
            DOCKER_HOST=f"unix://{daemon}",
        )  # fmt: skip

    async def launch(self) -> StartKey:
        """An engine of the task at work, that is not measured yet."""
        key = await self.journal.add_start("t1", 0, StartReason.SEARCH)
        await self.journal.set_start(key, pid=os.getpid())
        return key

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                await asyncio.sleep(0.05)

    async def events(self, task: str = "t2") -> list[str]:
        rows = await self.journal.rows(
            "SELECT kind FROM events WHERE task = ? AND kind LIKE 'ahead.%' ORDER BY id", task
        )
        return [row["kind"] for row in rows]

    async def told(self, kind: str, task: str = "t2") -> str:
        """The detail of an event, when it has come."""
        async with asyncio.timeout(60):
            while True:
                rows = await self.journal.rows(
                    "SELECT detail FROM events WHERE task = ? AND kind = ?", task, kind
                )
                if rows:
                    return str(rows[0]["detail"])
                await asyncio.sleep(0.05)

    async def note(self, task: str = "t2") -> str:
        found = await self.reader.find(task)
        assert found is not None
        return found.note

    def processes(self) -> list[psutil.Process]:
        return labelled(f"{self.home.label}/")

    def whole(self) -> list[bytes]:
        return [path.read_bytes() for path in self.cache.rglob("model.safetensors")]


async def _add(
    journal: Journal, home: Home, name: str, text: str, hub: Hub, cache: Path, **more: str
) -> None:
    file = home.task_file(name)
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")
    here = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[1])}
    given = Settings({**here, "HF_ENDPOINT": hub.url, "HF_HOME": str(cache), **more})
    settings.write(given, home.settings(name))
    task = NewTask(name, name, "vllm", "m", "throughput", "tok/s", False, 3, time.time())
    await journal.add_task(task)


@pytest.fixture
def hub() -> Iterator[Hub]:
    repo = Repo({"config.json": b"{}", "model.safetensors": WEIGHTS})
    with serving(tiny=repo, other=repo) as found:
        yield found


@pytest.fixture
async def world(tmp_path: Path, hub: Hub) -> AsyncIterator[World]:
    """Its engine was launched and is being measured."""
    home = Home(tmp_path / "home").create()
    cache = tmp_path / "hub"
    async with Journal.open(home.database) as journal, Reader.open(home) as reader:
        await _add(journal, home, "t1", AT_WORK, hub, cache)
        await journal.set_task("t1", TaskState.RUNNING)
        configuration = Configuration.of("simulated", {})
        await journal.add_experiment("t1", 0, configuration, baseline=True, reason="")
        ahead = Ahead(home, journal, reader)
        running = asyncio.ensure_future(ahead.run())
        made = World(home, journal, reader, running, cache, hub)
        await journal.phase(await made.launch(), Phase.BENCHMARK)
        yield made
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_the_weights_of_the_next_task_are_there_before_its_turn(world: World):
    world.hub.pause = 0.1
    await world.queue("t2")
    await world.told("ahead.fetching")
    async with asyncio.timeout(60):
        while not (note := await world.note()):
            await asyncio.sleep(0.05)
    assert note.startswith("fetching org/tiny: ")
    assert note.endswith(" of 2.1 MB")
    await world.told("ahead.fetched")
    assert world.whole() == [WEIGHTS]
    assert await world.note() == ""
    found = await world.reader.find("t2")
    assert found is not None
    assert found.state is TaskState.QUEUED


async def test_it_takes_only_processors_that_nobody_wants(world: World):
    world.hub.pause = 0.2
    await world.queue("t2")
    await world.told("ahead.fetching")
    (process,) = world.processes()
    threads = [thread.id for thread in process.threads()]
    assert len(threads) > 1
    assert {os.sched_getscheduler(one) for one in threads} == {os.SCHED_IDLE}
    assert process.ionice().ioclass == psutil.IOPRIO_CLASS_IDLE


async def test_one_at_a_time_and_only_the_next(world: World):
    world.hub.pause = 0.05
    await world.queue("t2")
    await world.queue("t3", "other")
    await world.told("ahead.fetched")
    await asyncio.sleep(1.5)
    assert world.processes() == []
    assert await world.events("t3") == []


async def test_it_ends_with_the_runner_and_leaves_nothing(world: World):
    world.hub.stop_at = 1 << 20
    await world.queue("t2")
    await world.told("ahead.fetching")
    assert world.processes()
    world.ahead.cancel()
    with suppress(asyncio.CancelledError):
        await world.ahead
    assert world.processes() == []
    assert await world.note() == ""


async def test_a_task_that_is_cancelled_is_not_fetched_for(world: World):
    world.hub.stop_at = 1 << 20
    await world.queue("t2")
    await world.told("ahead.fetching")
    await world.journal.set_task("t2", TaskState.CANCELLED)
    await world.until(lambda: not world.processes())


async def test_what_cannot_be_had_is_left_to_the_start_and_tried_once(world: World):
    await world.queue("t2", "nobody-has-it")
    assert "nobody-has-it" in await world.told("ahead.left")
    asked = len(world.hub.asked)
    await asyncio.sleep(2.5)
    assert len(world.hub.asked) == asked
    found = await world.reader.find("t2")
    assert found is not None
    assert (found.state, found.failure) == (TaskState.QUEUED, None)


async def test_what_would_take_the_room_of_logs_is_left(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    def small(check: str, folder: Path, wanted: float, advice: str) -> Check:
        assert wanted > 2.0  # GB: room for logs beside the model
        return Check(check, Verdict.WARNING, "1.9 GB free", advice)

    monkeypatch.setattr(disk, "room", small)
    await world.queue("t2")
    assert "too little room" in await world.told("ahead.left")
    assert world.whole() == []
    assert world.processes() == []


async def test_nothing_is_fetched_before_the_engine_at_work_has_what_it_needs(world: World):
    await world.journal.set_start(await _key(world.journal), pid=None)
    await asyncio.sleep(1)  # a look that had begun before is over
    await world.queue("t2")
    await asyncio.sleep(2.5)
    assert world.hub.asked == []


async def _key(journal: Journal) -> StartKey:
    key = await open_start(journal)
    assert key is not None
    return key


async def test_where_no_daemon_answers_an_image_is_left(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    await world.queue_boxed("t2", tmp_path / "nobody.sock")
    assert "nobody.sock" in await world.told("ahead.left")
    await world.told("ahead.fetched")
    assert world.whole() == [WEIGHTS]


async def test_on_a_small_machine_no_image_is_pulled_while_something_is_measured(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    await world.queue_boxed("t2", tmp_path / "nobody.sock")
    await world.told("ahead.fetched")  # the weights
    assert "ahead.left" not in await world.events()
    key = await _key(world.journal)
    await world.journal.end_start(key, "stopped")
    await world.launch()
    assert "nobody.sock" in await world.told("ahead.left")


def test_a_task_at_work_needs_the_images_of_its_other_engines():
    images = "image: {vllm: 'v:1', sglang: 's:2'}"
    text = f"model: org/m\nengine: [vllm, sglang]\ndeploy: docker\n{images}\n"
    task = parse(text, "t.yaml", Path())
    assert [one.name for one in wanted(_view(TaskState.RUNNING), task)] == ["s:2"]
    waiting = wanted(_view(TaskState.QUEUED), task)
    assert [(one.name, one.image) for one in waiting] == [
        ("v:1", True), ("s:2", True), ("org/m", False),
    ]  # fmt: skip


def test_a_folder_and_a_process_need_nothing(tmp_path: Path):
    task = parse(f"model: {tmp_path}\nengine: vllm\n", "t.yaml", tmp_path)
    assert wanted(_view(TaskState.QUEUED), task) == []


def _view(state: TaskState) -> TaskView:
    return TaskView("t9", "t9", state, "vllm", "m", "throughput", "tok/s", False, 1.0)
