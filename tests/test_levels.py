"""What is left to measure of an experiment, by its rows: after deaths, failures, retries."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from core import score
from core.metrics import summarize
from core.runner.halt import Paused
from core.runner.levels import Incumbent, Levels, level
from core.score import Judged
from core.task import Slo
from core.values import Failure, FailureKind, Purpose
from tests.tuned import TASK, Bench, setup, timeline

BUSY = Failure(FailureKind.BENCH_ERRORS, "503s")
LIST = TASK.replace("requests: 40", "requests: 40, concurrency: [2, 4, 8]")


class Engine:
    """Stands where a Meter does: an engine whose TTFT is `base` + 10 ms a user."""

    def __init__(self, bench: Bench, base: float = 0.05, pausing: asyncio.Event | None = None):
        self._setup = bench.setup
        self._base = base
        self._pausing = pausing
        self.measured: list[tuple[str, int, int]] = []
        self.said: list[str] = []

    async def say(self, text: str) -> None:
        self.said.append(text)

    async def measure(
        self, scenario: str, concurrency: int, purpose: Purpose, turn: int = 1, *, gpus: int
    ) -> Judged:
        self.measured.append((scenario, concurrency, turn))
        if self._pausing:
            self._pausing.set()
        task = self._setup.task
        data = summarize(
            timeline(concurrency, self._base + concurrency / 100), scenario=scenario,
            concurrency=concurrency, purpose=purpose, limits={}, turn=turn,
        )  # fmt: skip
        return score.judge(data, task.slo, task.objective, gpus)


def levels(bench: Bench, best: Incumbent | None = None) -> Levels:
    return Levels(bench.setup, bench.view, best or Incumbent(), asyncio.Event())


async def carried_out(found: Levels, engine: Engine) -> list[tuple[str, int, int]]:
    meter: Any = engine
    await found.measure(meter)
    return engine.measured


async def test_auto_finds_the_load_at_the_limit(tmp_path: Path) -> None:
    bench = Bench(setup(tmp_path)).start()
    engine = Engine(bench)  # 500 ms are reached at 45
    measured = await carried_out(levels(bench), engine)
    feasible = [load for _, load, _ in measured if load <= 45]
    assert max(feasible) >= 0.95 * 45
    assert len(measured) <= 7
    assert measured[-1][2] == 2 or any(turn == 2 for _, _, turn in measured)
    assert all(text.startswith("D(40,11) at ") for text in engine.said)


async def test_it_begins_where_its_own_best_load_is_expected(tmp_path: Path) -> None:
    bench = Bench(setup(tmp_path)).start()
    bench.view = dataclasses.replace(bench.view, loads={"D(40,11)": 40})
    best = Incumbent(1.0, {"D(40,11)": 8})
    (_, first, _), *_ = await carried_out(levels(bench, best), Engine(bench))
    (_, other, _), *_ = await carried_out(
        levels(Bench(setup(tmp_path / "other")).start(), best), Engine(bench)
    )
    assert (first, other) == (40, 8)


async def test_what_a_measurement_has_to_promise_is_its_strategys_to_say(tmp_path: Path) -> None:
    bench = Bench(setup(tmp_path)).start()
    fine = await carried_out(levels(bench), Engine(bench))
    bench.view = dataclasses.replace(bench.view, least=0.2)
    coarse = await carried_out(levels(bench), Engine(bench))
    assert len(coarse) < len(fine)


async def test_what_was_measured_is_gone_on_with_on_the_next_start(tmp_path: Path) -> None:
    bench = Bench(setup(tmp_path, LIST)).start(state="interrupted").measured(2, 0.1)
    assert await carried_out(levels(bench), Engine(bench)) == [
        ("D(40,11)", 4, 1),
        ("D(40,11)", 8, 1),
    ]


async def test_a_retry_measures_everything_again(tmp_path: Path) -> None:
    bench = Bench(setup(tmp_path, LIST)).start().measured(2, 0.1, failure=BUSY)
    bench.view = dataclasses.replace(bench.view, started=50.0)
    assert len(await carried_out(levels(bench), Engine(bench))) == 3
    assert levels(bench).left


def test_a_list_ends_at_the_load_that_the_engine_did_not_survive(tmp_path: Path) -> None:
    bench = Bench(setup(tmp_path, LIST)).start(state="failed").measured(2, 0.1)
    bench.measured(4, 0.1, failure=Failure(FailureKind.ENGINE_DIED, "died"))
    assert not levels(bench).left
    refused = Bench(setup(tmp_path / "other", LIST)).start().measured(2, 0.1)
    assert levels(refused.measured(4, 0.1, failure=BUSY)).left


@pytest.mark.parametrize("text", [TASK, LIST])
def test_two_failures_in_a_row_end_it(tmp_path: Path, text: str) -> None:
    bench = Bench(setup(tmp_path, text)).start().measured(2, 0.1, failure=BUSY)
    assert levels(bench).left
    assert not levels(bench.measured(4, 0.1, failure=BUSY)).left


def test_an_engine_that_died_leaves_lower_loads_to_the_next_start(tmp_path: Path) -> None:
    bench = Bench(setup(tmp_path)).start(state="failed").measured(8, 0.1)
    bench.measured(64, 0.1, failure=Failure(FailureKind.OOM_LOAD, "out of memory"))
    assert levels(bench).left


async def test_what_cannot_beat_the_best_is_given_up(tmp_path: Path) -> None:
    bench = Bench(setup(tmp_path)).start()
    slow = Engine(bench, base=0.6)  # every load misses the limit, and none is fast
    assert len(await carried_out(levels(bench, Incumbent(1e6, {"D(40,11)": 8})), slow)) <= 2
    assert slow.measured[0] == ("D(40,11)", 8, 1)


async def test_a_pause_comes_between_two_measurements(tmp_path: Path) -> None:
    bench = Bench(setup(tmp_path, LIST)).start()
    pausing = asyncio.Event()
    engine = Engine(bench, pausing=pausing)
    with pytest.raises(Paused):
        await carried_out(Levels(bench.setup, bench.view, Incumbent(), pausing), engine)
    assert engine.measured == [("D(40,11)", 2, 1)]


async def test_every_scenario_is_searched(tmp_path: Path) -> None:
    text = LIST.replace('["D(40,11)"]', '{"D(40,11)": 1, "D(80,11)": 3}')
    bench = Bench(setup(tmp_path, text)).start()
    measured = await carried_out(levels(bench, Incumbent(1e9)), Engine(bench))
    assert [name for name, *_ in measured] == ["D(40,11)"] * 3 + ["D(80,11)"] * 3


def test_a_measurement_becomes_a_level(tmp_path: Path) -> None:
    bench = Bench(setup(tmp_path, TASK.replace("500ms", "500ms, throughput_min: 50")))
    task = bench.setup.task
    slow = summarize(
        timeline(1, 0.25), scenario="D(40,11)", concurrency=1, purpose=Purpose.SEARCH, limits={}
    )
    judged = score.judge(slow, task.slo, task.objective, 1)
    found = level(judged, task)
    assert dict(found.strains) == {"error_rate": 0.0, "ttft_p95": pytest.approx(0.5)}
    assert (found.enough, found.failed, found.looks) == (False, False, 1)
    saturated = dataclasses.replace(slow, saturated=True)
    assert level(score.judge(saturated, Slo(), task.objective, 1), task).failed
