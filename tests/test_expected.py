"""What phases are expected to take, and how far they are: for the line of a running start."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.engines.sglang import ENGINE as SGLANG
from core.engines.vllm import ENGINE as VLLM
from core.paths import Home
from core.store.journal import Journal, NewTask, StartKey
from core.store.reader import Reader
from core.values import Configuration, ExperimentState, Phase, StartReason


@pytest.mark.parametrize(
    ("line", "phase", "detail"),
    [
        (
            "Loading safetensors checkpoint shards:  75% Completed | 3/4 [00:07<00:02,  2.4s/it]",
            Phase.LOAD,
            "3 of 4 shards",
        ),
        (
            "(Worker pid=1) Loading safetensors checkpoint shards:   0% Completed | 0/2 [00:00<?",
            Phase.LOAD,
            "0 of 2 shards",
        ),
        (
            "Capturing CUDA graphs (decode, FULL):   3%|▎         | 2/67 [00:01<00:20, 3.1it/s]"
            "\rCapturing CUDA graphs (decode, FULL):  68%|██████▋   | 45/67 [00:09<00:04]",
            Phase.CAPTURE,
            "45 of 67 graphs",
        ),
        (
            "Fetching 4 files:  25%|██▌       | 1/4 [00:10<00:31, 10.4s/it]",
            Phase.DOWNLOAD,
            "1 of 4 files",
        ),
        (
            "model-00001-of-00004.safetensors:  45%|████▌     | 2.26G/4.98G [00:20<00:24, 112MB/s]",
            Phase.DOWNLOAD,
            "2.26GB of 4.98GB",
        ),
        ("Capturing CUDA graphs: 90%|", Phase.CAPTURE, None),
        ("Loading weights took 3.10 seconds", Phase.LOAD, None),
    ],
)
def test_a_bar_says_how_many_of_how_many(line: str, phase: Phase, detail: str | None) -> None:
    mark = VLLM.phase(line)
    assert mark is not None
    assert (mark.phase, mark.detail) == (phase, detail)


def test_sglang_captures_batches() -> None:
    mark = SGLANG.phase(
        "Capturing batches (bs=8 avail_mem=9.72 GB):  87%|████████▋ | 20/23 [00:08<00:00]"
    )
    assert mark is not None
    assert (mark.phase, mark.progress, mark.detail) == (Phase.CAPTURE, 0.87, "20 of 23 graphs")


class Past:
    """A journal in which starts took as long as a test says."""

    def __init__(self, home: Home, journal: Journal, reader: Reader) -> None:
        self._home, self._journal, self.reader = home, journal, reader
        self._count = 0

    async def start(self, engine: str = "vllm") -> StartKey:
        number, self._count = self._count, self._count + 1
        configuration = Configuration.of(engine, {"n": number})
        await self._journal.add_experiment(
            "t1", number, configuration, baseline=number == 0, reason=""
        )
        await self._journal.set_experiment("t1", number, ExperimentState.STARTING)
        return await self._journal.add_start("t1", number, StartReason.SEARCH)

    async def took(self, load: float, capture: float, *, ready: bool = True) -> None:
        """One start with phases of so many seconds."""
        key = await self.start()
        for phase in (Phase.LOAD, Phase.CAPTURE, Phase.READY, Phase.BENCHMARK):
            await self._journal.phase(key, phase)
        await self._journal.end_start(key, "stopped" if ready else "failed")
        await self._journal.set_experiment("t1", key.number, ExperimentState.SUCCEEDED)
        await self._journal.set_start(key, ready=3.0 if ready else None)
        with sqlite3.connect(self._home.database) as db:
            for phase, seconds in ((Phase.LOAD, load), (Phase.CAPTURE, capture)):
                db.execute(
                    "UPDATE phases SET ended = started + ? WHERE number = ? AND phase = ?",
                    (seconds, key.number, phase),
                )
        db.close()


@pytest.fixture
async def past(tmp_path: Path) -> AsyncIterator[Past]:
    home = Home(tmp_path).create()
    async with Journal.open(home.database) as journal, Reader.open(home) as reader:
        await journal.add_task(
            NewTask("t1", "demo", "vllm", "m", "throughput", "tok/s", False, 8, 1.0)
        )
        yield Past(home, journal, reader)


async def expected(past: Past, key: StartKey) -> dict[Phase, float]:
    overview = await past.reader.overview("t1")
    alone = await past.reader.experiment("t1", key.number)
    assert overview is not None
    assert overview.busy is not None
    assert alone == overview.busy
    return dict(alone.starts[-1].expected)


async def test_it_is_the_median_of_the_starts_that_became_ready(past: Past) -> None:
    for load, capture in ((10.0, 20.0), (11.0, 21.0), (300.0, 25.0)):
        await past.took(load, capture)
    await past.took(1.0, 900.0, ready=False)
    found = await expected(past, await past.start())
    assert found == pytest.approx({Phase.LOAD: 11.0, Phase.CAPTURE: 21.0}, abs=0.01)


async def test_a_first_start_and_one_of_another_engine_have_nothing_to_go_by(past: Past) -> None:
    await past.took(10.0, 20.0)
    assert await expected(past, await past.start("sglang")) == {}
