"""Two configurations started in turns and measured by the product's own client."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import httpx
from scipy import stats

from benchmarks.real_contest import FIXED, INPUT, OUTPUT, Contest, Winner, free_port
from benchmarks.real_product import task_file
from core import settings
from core.bench.genai import Bench, Plan
from core.deploy.process import EngineProcess
from core.engines import environments, registry
from core.engines.boxes import Host
from core.score.compare import Point, fit
from core.task import load
from core.values import Configuration, Purpose

OURS, THEIRS = 0, 1
LOOKS = 3
START, STOP, MEASURE = 300.0, 30.0, 120.0  # seconds


@dataclass(frozen=True, slots=True)
class Turns:
    """How far the first is above the second, and its 95 % interval: logarithms.

    Each has a level of its own, both share a linear drift (analysis of covariance).
    """

    middle: float
    low: float
    high: float
    values: Mapping[str, list[float]]

    def document(self) -> dict[str, Any]:
        return {
            "difference": math.expm1(self.middle),
            "interval": [math.expm1(self.low), math.expm1(self.high)],
            "repeats": len(self.values["product"]),
            "throughput": self.values,
        }


async def in_turns(contest: Contest, ours: Winner, theirs: Winner, repeats: int) -> Turns:
    """A B A B …, `repeats` starts of each, each at the load where it was found best."""
    points: dict[int, list[Point]] = {OURS: [], THEIRS: []}
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    log = contest.folder / "turns.log"
    async with Bench(environment, str(contest.model), log, contest.folder) as bench:
        await bench.ready()
        for turn in range(repeats):
            for arm, one in ((OURS, ours), (THEIRS, theirs)):
                value = await _start(contest, bench, one, f"turn-{turn}-{arm}")
                points[arm].append((time.time(), math.log(value)))
    return compared(points)


def compared(points: Mapping[int, list[Point]]) -> Turns:
    found = fit(points)
    middle = found.difference(OURS, THEIRS)
    half = found.error(OURS, THEIRS) * float(stats.t.ppf(0.975, found.df)) if found.df else math.inf
    values = {
        name: [math.exp(value) for _, value in points[arm]]
        for name, arm in (("product", OURS), ("sweep", THEIRS))
    }
    return Turns(middle, middle - half, middle + half, values)


async def _start(contest: Contest, bench: Bench, one: Winner, name: str) -> float:
    """Output tokens/s, the mean of some measurements of one start; the first is not counted."""
    folder = contest.folder / name
    async with _serving(contest, one.flags, folder) as port:
        values = [
            await _throughput(contest, bench, one.load, port, folder / str(look), look)
            for look in range(LOOKS + 1)
        ]
    return fmean(values[1:])


@asynccontextmanager
async def _serving(contest: Contest, flags: Mapping[str, Any], folder: Path) -> AsyncIterator[int]:
    task, port = load(task_file(contest)), free_port()
    engine, resolved = registry.find("vllm"), settings.resolve(contest.folder, os.environ)
    host = Host(contest.folder, contest.folder, {}, None, driver=False)
    spec = registry.launch(task, Configuration.of("vllm", {**FIXED, **flags}), host, port=port)
    given = environments.of_process(task, engine, resolved)
    log = folder / "engine.log"
    running = await EngineProcess.start(spec, given, log, f"real-vllm/{os.getpid()}/{folder.name}/")
    try:
        await _healthy(running, port, log)
        yield port
    finally:
        await running.stop(STOP)


async def _healthy(running: EngineProcess, port: int, log: Path) -> None:
    async with asyncio.timeout(START), httpx.AsyncClient(trust_env=False) as client:
        while True:
            if running.exit_code is not None:
                raise SystemExit(f"the engine ended:\n{log.read_text()[-2000:]}")
            try:
                answer = await client.get(f"http://127.0.0.1:{port}/health")
            except httpx.TransportError:
                pass
            else:
                if answer.status_code == httpx.codes.OK:
                    return
            await asyncio.sleep(0.5)


async def _throughput(
    contest: Contest, bench: Bench, concurrency: int, port: int, folder: Path, seed: int
) -> float:
    url = f"http://127.0.0.1:{port}"
    plan = Plan(
        url=url,
        model=str(contest.model),
        backend="vllm",
        scenario=f"D({INPUT},{OUTPUT})",
        concurrency=concurrency,
        requests=max(contest.requests, 4 * concurrency),
        max_duration=MEASURE,
        limit=2 * MEASURE,
        folder=folder,
        log=folder.parent / "benchmark.log",
        purpose=Purpose.CONFIRM,
        seed=seed,
    )
    found = await bench.measure(plan)
    if found.failure is not None or not found.throughput:
        raise SystemExit(f"a winner could not be measured: {found.failure}")
    async with httpx.AsyncClient(trust_env=False) as client:
        await client.post(f"{url}/reset_prefix_cache")
    return found.throughput
