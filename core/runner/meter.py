"""One engine that serves, and the measurements made on it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from pathlib import Path

import httpx

from core import score
from core.bench.genai import Bench, Plan
from core.bench.looks import looks
from core.deploy.base import Running
from core.metrics import Measurement, measured_requests
from core.runner.ready import EngineFailed, death
from core.runner.setup import Setup
from core.score import Judged
from core.store.journal import Journal, StartKey
from core.values import Failure, FailureKind, Phase, Purpose

# How long a benchmark may go on reporting errors after its engine died.
_LAST_WORDS = 10.0
# An engine that answers nothing for this long, twice, while nothing is asked of it, is stuck.
_SIGN_OF_LIFE = 15.0


class Meter:
    """Measures on one start and writes down what it measured before it goes on.

    Raises EngineFailed, with `under_load`, when the engine died or hangs; the measurement that
    it did not survive is written down with that failure.
    """

    def __init__(
        self, setup: Setup, journal: Journal, bench: Bench, key: StartKey, engine: Running,
        port: int,
    ) -> None:  # fmt: skip
        self.setup = setup
        self.key = key
        self._journal = journal
        self._bench = bench
        self._engine = engine
        self._port = port

    async def measure(
        self, scenario: str, concurrency: int, purpose: Purpose, turn: int = 1, *, gpus: int = 1
    ) -> Judged:
        """Measure one load, judge it, write it down."""
        reset = await self._reset_cache()
        plan = self._plan(scenario, concurrency, purpose, turn)
        data = await self._carry_out(plan)
        failure = None
        if self._engine.exit_code is not None:
            failure = self._death()
        elif data.failure is not None and not await self._lives():
            failure = self._stuck()
        data = dataclasses.replace(data, cache_reset=reset, failure=failure or data.failure)
        judged = await self._write(data, gpus)
        if failure is not None:
            raise EngineFailed(failure, under_load=True)
        return judged

    async def say(self, text: str) -> None:
        """What is measured now, beside the phase."""
        await self._journal.phase(self.key, Phase.BENCHMARK, detail=text)

    async def keep_counters(self) -> None:
        """The engine's own counters after the last measurement, to hold ours against."""
        async with self._client() as client:
            with contextlib.suppress(httpx.HTTPError):
                answer = await client.get("/metrics")
                (self._folder / "metrics.prom").write_text(answer.text, encoding="utf-8")

    async def _carry_out(self, plan: Plan) -> Measurement:
        """One measurement. When the engine dies under it, what was measured is kept."""
        measuring = asyncio.ensure_future(self._bench.measure(plan))
        dying = asyncio.ensure_future(self._engine.wait())
        try:
            await asyncio.wait({measuring, dying}, return_when=asyncio.FIRST_COMPLETED)
            if not measuring.done():
                await asyncio.wait({measuring}, timeout=_LAST_WORDS)
            if measuring.done():
                return measuring.result()
        finally:
            for task in (measuring, dying):
                task.cancel()
            await asyncio.gather(measuring, dying, return_exceptions=True)
        return looks(plan, self._death())

    def _plan(self, scenario: str, concurrency: int, purpose: Purpose, turn: int) -> Plan:
        setup, work = self.setup, self.setup.task.workload
        folders = [
            self._folder / "measurements" / setup.measurement(scenario, concurrency, purpose, look)
            for look in range(1, turn + 1)
        ]
        # Only a first look of the search may be ended early: the others are pooled, and one
        # look that misses a limit does not mean that all of them together do.
        hurried = purpose is Purpose.SEARCH and turn == 1
        return Plan(
            url=f"http://127.0.0.1:{self._port}",
            model=setup.task.model,
            backend=setup.engine.genai_backend,
            scenario=scenario,
            concurrency=concurrency,
            requests=measured_requests(work.requests, concurrency),
            max_duration=work.max_duration,
            limit=setup.task.timeouts.measurement,
            folder=folders[-1],
            log=self._folder / "benchmark.log",
            purpose=purpose,
            seed=self._seed(),
            dataset=work.dataset,
            limits={str(name): limit for name, limit in setup.task.slo.per_request.items()},
            bounds=setup.task.slo.limits if hurried else {},
            turn=turn,
            earlier=tuple(folders[:-1]),
        )

    def _seed(self) -> int:
        """Other prompts in each measurement of a start, the same in the same one of another."""
        made = self._folder / "measurements"
        number = sum(1 for _ in made.iterdir()) + 1 if made.exists() else 1
        return self.setup.task.seed * 1000 + number

    async def _write(self, data: Measurement, gpus: int) -> Judged:
        task = self.setup.task
        judged = score.judge(data, task.slo, task.objective, gpus)
        await self._journal.add_measurement(
            self.key, data, feasible=judged.feasible, breaches=judged.breaches
        )
        return judged

    async def _reset_cache(self) -> bool:
        """Measurements must not warm the prefix cache for each other, where it can be emptied."""
        async with self._client() as client:
            try:
                answer = await client.post(self.setup.engine.cache_reset)
            except httpx.HTTPError:
                return False
        return answer.is_success

    async def _lives(self) -> bool:
        """Whether it still answers, after a measurement that failed."""
        for _ in range(2):
            async with self._client(_SIGN_OF_LIFE) as client:
                with contextlib.suppress(httpx.HTTPError):
                    return (await client.get(self.setup.engine.health)).is_success
        return False

    def _death(self) -> Failure:
        log = self._folder / "engine.log"
        return death(self.setup.engine, log, self._engine, FailureKind.ENGINE_DIED)

    def _stuck(self) -> Failure:
        text = f"the engine did not answer its health check for {2 * _SIGN_OF_LIFE:g} s"
        return Failure(FailureKind.HANG, text, "read the engine's log", "engine.log")

    @property
    def _folder(self) -> Path:
        return self.setup.start(self.key.number, self.key.attempt)

    def _client(self, timeout: float = 5.0) -> httpx.AsyncClient:
        # The engine is on loopback: no proxy of this process's environment may come between.
        base = f"http://127.0.0.1:{self._port}"
        return httpx.AsyncClient(base_url=base, trust_env=False, timeout=timeout)
