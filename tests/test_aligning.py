"""The loads of others: which are tried before an experiment is held against them."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from core import score
from core.metrics import summarize
from core.runner.aligning import untried
from core.runner.confirming import repeat, together
from core.score import LOOKS, Judged
from core.values import Failure, FailureKind, Purpose, StartReason
from tests.tuned import TASK, Bench, setup, timeline

NAME = "D(40,11)"


def tried(bench: Bench, own: int, *others: int) -> tuple[int, ...]:
    loads = [{NAME: other} for other in others]
    found = untried(bench.setup, bench.view, {NAME: own}, loads)
    assert all(scenario == NAME for scenario, _ in found)
    return tuple(load for _, load in found)


def test_higher_loads_of_the_best_are_tried(tmp_path: Path) -> None:
    bench = Bench(setup(tmp_path)).start().measured(16, 0.3)
    assert tried(bench, 16, 20, 8, 16, 24, 32) == (20, 24)
    assert tried(bench, 16, 17, 20, 21) == (20,)
    assert tried(bench, 16) == ()


def test_what_narrowly_missed_a_limit_gets_another_chance(tmp_path: Path) -> None:
    bench = Bench(setup(tmp_path)).start().measured(16, 0.3).measured(20, 0.52)
    assert tried(bench, 16, 20) == (20,)
    assert tried(bench.measured(24, 0.6), 16, 20, 24, 32) == (20,)


@pytest.mark.parametrize("load", [20, 24])
def test_what_is_out_of_the_question_is_not_tried(tmp_path: Path, load: int) -> None:
    missed = Bench(setup(tmp_path)).start().measured(16, 0.3).measured(20, 0.7)
    assert tried(missed, 16, load) == ()
    crashed = Bench(setup(tmp_path / "crashed")).start().measured(16, 0.3)
    crashed.measured(20, 0.3, failure=Failure(FailureKind.ENGINE_DIED, "died"))
    assert tried(crashed, 16, load) == ()


def test_it_is_tried_once(tmp_path: Path) -> None:
    bench = Bench(setup(tmp_path)).start().measured(16, 0.3)
    bench.start(StartReason.CONFIRM).measured(20, 0.52)
    assert tried(bench, 16, 20) == ()


def test_what_it_measured_itself_needs_no_other_look(tmp_path: Path) -> None:
    bench = Bench(setup(tmp_path)).start().measured(16, 0.3).measured(20, 0.45)
    assert tried(bench, 16, 20) == ()


def test_for_latency_lower_loads_are_tried(tmp_path: Path) -> None:
    text = TASK.replace("objective: throughput", "objective: ttft")
    bench = Bench(setup(tmp_path, text)).start().measured(8, 0.3)
    assert tried(bench, 8, 4, 16) == (4,)


class Engine:
    """Stands where a Meter does: what it is asked for, at a latency by load."""

    def __init__(self, bench: Bench, latencies: dict[int, float]) -> None:
        self.setup = bench.setup
        self._latencies = latencies
        self.asked: list[tuple[Purpose, int, int]] = []

    async def say(self, text: str) -> None:
        pass

    async def measure(
        self, scenario: str, concurrency: int, purpose: Purpose, turn: int = 1, *, gpus: int
    ) -> Judged:
        self.asked.append((purpose, concurrency, turn))
        requests = timeline(concurrency, self._latencies[concurrency])
        data = summarize(
            requests, scenario=scenario, concurrency=concurrency, purpose=purpose, limits={}
        )
        return score.judge(data, self.setup.task.slo, self.setup.task.objective, gpus)


@pytest.mark.parametrize(
    ("latency", "chosen"),
    [
        (0.45, 20),  # feasible, and faster
        (0.51, 16),  # misses the limit of 500 ms
        (0.499, 16),  # feasible, and slower: 20 x 11 tokens in 0.6 s against 16 x 11 in 0.4 s
    ],
)
async def test_the_better_of_both_is_repeated(tmp_path: Path, latency: float, chosen: int) -> None:
    bench = Bench(setup(tmp_path)).start().measured(16, 0.37)
    (wanted,) = together(bench.setup, [bench.scored()])
    engine = Engine(bench, {16: 0.37, 20: latency})
    meter: Any = engine
    await repeat(meter, dataclasses.replace(wanted, tries=((NAME, 20),)), 1, asyncio.Event())
    first, *looks = engine.asked
    assert first == (Purpose.SEARCH, 20, 1)
    assert looks == [(Purpose.CONFIRM, chosen, turn) for turn in range(1, LOOKS + 1)]
