"""One measurement of the product's own client, held against the server's own send times.

The server runs in another process on the same machine, so both clocks are one. What counts is
the server's: a request comes when its last byte has been read, and a token is sent when it is
handed to the transport.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.bench.genai import Bench, Plan
from core.bench.plan import TIMELINE
from core.engines.simtokenizer import tokenizer
from core.metrics import LATENCIES, Measurement, Request, distribution, read_timeline, steady_window
from core.task import Task
from core.values import Purpose
from tests.simserver import MODEL, ROOT, Server

LATENCY_NAMES = tuple(f"{name}_{at}" for name in LATENCIES for at in ("p50", "p95"))
METRICS = ("throughput", *LATENCY_NAMES)

SHARE, SECONDS, THROUGHPUT_SHARE = 0.02, 0.020, 0.01
"""How far a client may be off: latencies by 2 % or 20 ms, throughput by 1 %."""


@dataclass(frozen=True, slots=True)
class Look:
    """One measurement: its figures by metric as the client says and as the server sent.

    `model` are the means that the server's model predicts for this load without noise, at the
    drift, slow spells and start factor of the time of this measurement. Empty figures: nothing
    succeeded.
    """

    measured: Measurement
    client: dict[str, float]
    server: dict[str, float]
    model: dict[str, float]

    def off(self, name: str) -> float:
        """By what share the client's figure is above the server's."""
        return self.client[name] / self.server[name] - 1

    def holds(self, name: str, lag: float = 0.0) -> bool:
        """Whether a figure is within what is allowed, and `lag` seconds of the client's own."""
        true = self.server[name]
        if name == "throughput":
            allowed = THROUGHPUT_SHARE * true
        elif name.startswith("tpot"):  # twenty milliseconds would allow anything here
            allowed = SHARE * true
        else:
            allowed = max(SHARE * true, SECONDS) + lag
        return abs(self.client[name] - true) <= allowed


@asynccontextmanager
async def client(folder: Path) -> AsyncIterator[Bench]:
    """The benchmark client as a task run has it, ready to measure."""
    words = tokenizer(Task(model=MODEL, engine="simulated"), folder)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    async with Bench(environment, words, folder / "launcher.log", folder) as bench:
        await bench.ready()
        yield bench


async def look(
    bench: Bench, server: Server, scenario: str, concurrency: int, requests: int, seed: int
) -> Look:
    """Measure one load and ask the server, where it still lives, what it did."""
    folder = server.log.parent / f"{concurrency}-{seed}"
    plan = Plan(
        url=server.url,
        model=MODEL,
        backend="vllm",
        scenario=scenario,
        concurrency=concurrency,
        requests=requests,
        max_duration=120.0,
        limit=180.0,
        folder=folder,
        log=server.log.parent / "benchmark.log",
        purpose=Purpose.SEARCH,
        seed=seed,
    )
    before = _factor(server)
    measured = await bench.measure(plan)
    if measured.failure or measured.throughput is None:
        return Look(measured, {}, {}, {})
    begin, end = steady_window(read_timeline(folder / TIMELINE), concurrency)
    served = _served(server, measured)
    return Look(
        measured,
        _figures(measured),
        _sent(server, served[concurrency:], begin, end),
        _predicted(server, served, concurrency, (before + _factor(server)) / 2),
    )


def _figures(measured: Measurement) -> dict[str, float]:
    found = {"throughput": measured.throughput}
    for name in LATENCY_NAMES:
        metric, _, at = name.partition("_")
        found[name] = getattr(getattr(measured, metric), at)
    return {name: value for name, value in found.items() if value is not None}


def _served(server: Server, measured: Measurement) -> list[Request]:
    """The requests of this measurement as the server saw them, by arrival."""
    lines = [json.loads(line) for line in server.client.get("/timeline").text.splitlines()]
    return [
        Request(one["arrived"], one["first"], one["last"], one["prompt"], one["tokens"])
        for one in lines
        if one["ended"] and measured.started <= one["arrived"] <= measured.ended
    ]


def _sent(server: Server, counted: Sequence[Request], begin: float, end: float) -> dict[str, float]:
    """Percentiles over the same requests, and the tokens really sent in the same window."""
    found: dict[str, float | None] = {}
    for name, measure in LATENCIES.items():
        times = distribution([time for one in counted if (time := measure(one)) is not None])
        found |= {f"{name}_p50": times.p50, f"{name}_p95": times.p95}
    moments = map(float, server.client.get("/timeline/tokens").text.split())
    sent = sum(begin < moment <= end for moment in moments)
    known = {name: value for name, value in found.items() if value is not None}
    return {"throughput": sent / (end - begin), **known}


def _predicted(
    server: Server, served: Sequence[Request], concurrency: int, factor: float
) -> dict[str, float]:
    asked = {
        "concurrency": concurrency,
        "input": round(sum(one.input_tokens for one in served) / len(served)),
        "output": round(sum(one.output_tokens for one in served) / len(served)),
    }
    told: dict[str, Any] = server.client.get("/truth", params=asked).json()
    means = {name: told[name] * factor for name in LATENCIES}
    return {"throughput": told["throughput"] / factor, **means}


def _factor(server: Server) -> float:
    """How many times as long a step takes now as the model says, slow spells on the mean."""
    told = server.client.get("/truth", params={"output": 1}).json()
    return float(told["pace"]["mean"])
