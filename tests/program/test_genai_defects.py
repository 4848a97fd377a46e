"""What plain genai-bench makes of servers whose truth is known, and what our launcher does.

Each test holds a defect of the pinned version in place: one that mends it fails the test, and
what works around it can go.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from core.bench.genai import Bench, Plan
from core.bench.plan import TIMELINE
from core.engines.simtokenizer import tokenizer
from core.metrics import Measurement, Request, read_timeline, steady_window, succeeded
from core.task import Task
from core.values import FailureKind, Purpose
from tests.bench_site import environment, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCENARIO, USERS = "U(20,20)/(20,60)", 8
"""Answers of different lengths: at any moment some are under way."""

IN_TIME = 90.0


@dataclass
class Plain:
    """A run of the plain command: its output, and the results of each level on disk."""

    process: subprocess.Popen[bytes]
    folder: Path
    levels: tuple[int, ...]
    results: dict[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def output(self) -> str:
        return (self.folder / "output.log").read_text()

    async def ended(self) -> None:
        """Wait for the results of all levels, or its end; the plots after them are not awaited."""
        limit = time.monotonic() + IN_TIME
        while self.process.poll() is None and len(self.results) < len(self.levels):
            assert time.monotonic() < limit, self.output
            await asyncio.sleep(0.1)
            self._read()
        self._read()

    def _read(self) -> None:
        for level in self.levels:
            for path in self.folder.glob(f"results/*_num_concurrency_{level}_time_*.json"):
                text = path.read_text()
                if text.endswith("}"):
                    self.results[level] = json.loads(text)


@contextmanager
def plain(
    url: str, folder: Path, words: str, levels: tuple[int, ...], *more: str
) -> Iterator[Plain]:
    """`genai-bench benchmark`, as a person would start it, with nothing of ours in it."""
    folder.mkdir()
    program = Path(sys.executable).with_name("genai-bench")
    command = f"""
        benchmark --api-backend vllm --api-base {url} --api-key EMPTY --api-model-name m --model m
        --model-tokenizer {words} --task text-to-text --traffic-scenario {SCENARIO}
        --max-time-per-run 1 --max-requests-per-run {3 * max(levels)}
        --experiment-base-dir {folder} --experiment-folder-name results
    """.split()
    chosen = [word for level in levels for word in ("--num-concurrency", str(level))]
    with (folder / "output.log").open("wb") as output:
        process = subprocess.Popen(
            [program, *command, *chosen, *more],
            stdout=output,
            stderr=output,
            cwd=folder,
            env=environment(ENABLE_UI="false", PYTHONPATH=""),
        )
    try:
        yield Plain(process, folder, levels)
    finally:
        process.kill()
        process.wait()


@dataclass
class Ours:
    measured: Measurement
    requests: tuple[Request, ...]


@dataclass
class Seen:
    """Plain runs by name, our measurements by server mode, and when each token was sent."""

    plain: dict[str, Plain]
    ours: dict[str, Ours]
    sent: dict[str, list[float]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def seen(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Seen]:
    folder = tmp_path_factory.mktemp("defects")
    words = tokenizer(Task(model="sim-8b", engine="simulated"), folder)
    ratios = "--warmup-ratio", "0.25", "--cooldown-ratio", "0.25"
    async with AsyncExitStack() as stack:
        url = stack.enter_context(serving())
        log = folder / "launcher.log"
        bench = await stack.enter_async_context(Bench(environment(), words, log, folder))
        runs = {
            name: stack.enter_context(plain(f"{url}/{name}", folder / name, words, levels, *more))
            for name, levels, more in (
                ("half-plain", (16,), ()),
                ("fixed-ratio", (USERS,), ratios),
                ("never-plain", (2, 4), ()),
                ("fixed-plain", (USERS,), ()),
            )
        }
        for run in runs.values():
            await run.ended()
            run.process.kill()
        ours = {}
        for name, users in (("never", 2), ("half", 16), ("fixed", USERS)):
            plan = a_plan(f"{url}/{name}", folder, users)
            measured = await bench.measure(plan)
            ours[name] = Ours(measured, read_timeline(plan.folder / TIMELINE))
        yield Seen(runs, ours, {name: sent(url, name) for name in ("fixed-plain", "fixed")})


def delivered(seen: Seen) -> float:
    """Tokens/s that the server sent in the steady window of our own measurement."""
    begin, end = steady_window(seen.ours["fixed"].requests, USERS)
    return sum(begin < at <= end for at in seen.sent["fixed"]) / (end - begin)


def a_plan(url: str, folder: Path, users: int) -> Plan:
    own, log = folder / f"ours-{users}", folder / "benchmark.log"
    return Plan(
        url, "m", "vllm", SCENARIO, users, 4 * users, 60.0, 60.0, own, log, Purpose.SEARCH, 7
    )


def sent(url: str, name: str) -> list[float]:
    with urllib.request.urlopen(f"{url}/truth/{name}") as answer:
        times: list[float] = json.load(answer)
        return times


async def test_its_error_rate_is_always_0(seen: Seen) -> None:
    told = seen.plain["half-plain"].results[16]["aggregated_metrics"]
    assert told["num_error_requests"] >= 8
    assert told["num_completed_requests"] >= 8
    assert told["error_rate"] == 0

    ours = seen.ours["half"].measured
    counted = [request for request in seen.ours["half"].requests if not request.warmup]
    assert ours.errors == sum(request.error == 429 for request in counted) >= 8
    assert ours.error_rate == ours.errors / len(counted) > 0.3


async def test_its_warm_up_and_cool_down_deflate_the_throughput(seen: Seen) -> None:
    result = seen.plain["fixed-ratio"].results[USERS]
    told = result["aggregated_metrics"]
    tokens = [one["num_output_tokens"] for one in result["individual_request_metrics"]]
    left_out = len(tokens) // 4
    kept = sum(tokens[left_out:-left_out])
    # The tokens of half of the requests, over the time of all of them.
    wrong = pytest.approx(kept / told["run_duration"], rel=0.001)
    assert told["mean_output_throughput_tokens_per_s"] == wrong
    assert kept < 0.7 * sum(tokens)

    ours = seen.ours["fixed"].measured
    assert sum(request.warmup for request in seen.ours["fixed"].requests) == USERS
    assert ours.throughput == pytest.approx(delivered(seen), rel=0.01)


async def test_a_level_without_success_aborts_those_after_it(seen: Seen) -> None:
    run = seen.plain["never-plain"]
    assert run.process.returncode not in (0, None)
    assert "ValueError: No values found for metric" in run.output
    assert "Starting benchmark with concurrency=2" in run.output
    assert "Starting benchmark with concurrency=4" not in run.output
    assert run.results == {}

    failure = seen.ours["never"].measured.failure
    assert failure is not None
    assert failure.kind is FailureKind.BENCH_ERRORS
    assert "429" in failure.message
    # The same launcher goes on with the levels after it.
    assert seen.ours["fixed"].measured.failure is None


async def test_its_throughput_is_over_whole_seconds_and_loses_what_it_kills(seen: Seen) -> None:
    result = seen.plain["fixed-plain"].results[USERS]
    told = result["aggregated_metrics"]
    counted = sum(one["num_output_tokens"] for one in result["individual_request_metrics"])
    sent = seen.sent["fixed-plain"]
    assert counted < len(sent) - USERS
    # What it counted, over the time until it looked again: how much less depends on when it looks.
    wrong = pytest.approx(counted / told["run_duration"], rel=0.001)
    assert told["mean_output_throughput_tokens_per_s"] == wrong
    assert told["mean_output_throughput_tokens_per_s"] < len(sent) / (sent[-1] - sent[0])

    ours = seen.ours["fixed"]
    assert all(map(succeeded, ours.requests))
    assert sum(request.output_tokens for request in ours.requests) == len(seen.sent["fixed"])
    assert ours.measured.throughput == pytest.approx(delivered(seen), rel=0.01)
