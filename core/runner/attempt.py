"""One start of one experiment: launch, wait until ready, measure, stop for sure."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Sequence

import httpx

from core import score
from core.bench.genai import Bench, BenchError, Plan
from core.bench.load import LevelResult, next_concurrency
from core.deploy.base import Running, StartError
from core.engines.registry import launch
from core.metrics import Measurement, measured_requests
from core.runner.gpus import Keeper
from core.runner.launching import start, write_manifest
from core.runner.ready import EngineFailed, death, wait_ready
from core.runner.setup import Setup
from core.runner.weights import Weights
from core.store.journal import Journal, StartKey
from core.store.views import ExperimentView, MeasurementView
from core.values import (
    Configuration,
    ExperimentState,
    Failure,
    FailureKind,
    LaunchSpec,
    Phase,
    Purpose,
    StartReason,
)

# How long a benchmark may go on reporting errors after its engine died.
_LAST_WORDS = 10.0


class Paused(Exception):
    """A pause was asked for and the measurement before it is written down."""


class Attempt:
    """Everything one start owns. Whatever ends it, its engine is gone when `run` returns."""

    def __init__(
        self,
        setup: Setup,
        journal: Journal,
        bench: Bench,
        keeper: Keeper,
        weights: Weights,
        pausing: asyncio.Event,
    ) -> None:
        self._setup = setup
        self._keeper = keeper
        self._weights = weights
        self._journal = journal
        self._bench = bench
        self._pausing = pausing

    async def run(self, experiment: ExperimentView, reason: StartReason) -> Failure | None:
        """Returns why it failed, None when every level was measured.

        Raises Paused, and BenchError when nothing can be measured at all.
        """
        number = experiment.number
        key = await self._journal.add_start(self._setup.id, number, reason)
        began = experiment.started or time.time()
        await self._journal.set_experiment(
            self._setup.id, number, ExperimentState.PREPARING, started=began
        )
        try:
            await self._engine(key, experiment)
        except (Paused, asyncio.CancelledError) as ending:
            state = "stopped" if isinstance(ending, Paused) else "interrupted"
            await self._journal.end_start(key, state)
            raise
        except BenchError as error:
            await self._journal.end_start(key, "failed", error.failure)
            raise
        except EngineFailed as error:
            await self._journal.end_start(key, "failed", error.failure)
            return error.failure
        await self._journal.end_start(key, "stopped")
        return None

    async def _engine(self, key: StartKey, experiment: ExperimentView) -> None:
        """Weights, GPUs, a port, the engine; and all of it given back, whatever happens."""
        setup = self._setup
        await self._weights.ensure(setup, self._journal, key)
        configuration = Configuration.of(setup.task.engine, experiment.parameters)
        wanted = setup.engine.wanted_gpus(setup.task, configuration)
        devices = await self._keeper.take(key, wanted, f"{setup.task.name} #{key.number}")
        if isinstance(devices, Failure):
            raise EngineFailed(devices)
        port = await self._lease_port(key)
        spec = launch(setup.task, configuration, setup.host, port=port, devices=devices)
        try:
            running = await start(setup, self._journal, key, spec, devices)
            await self._run_engine(key, experiment, running, spec, port)
        except StartError as error:
            raise EngineFailed(error.failure) from None
        finally:
            held = await self._keeper.give_back(devices, setup.task.timeouts.stop)
            if held is not None:
                await self._journal.event("gpu.held", key.task, message=held.message)

    async def _run_engine(
        self,
        key: StartKey,
        experiment: ExperimentView,
        running: Running,
        spec: LaunchSpec,
        port: int,
    ) -> None:
        setup = self._setup
        try:
            await self._journal.set_start(key, **running.identity)
            write_manifest(setup, key, spec, running)
            await self._measure(key, experiment, running, port)
        finally:
            stopped = await running.stop(setup.task.timeouts.stop)
            detail = {"seconds": round(stopped.seconds, 3), "killed": stopped.killed}
            await self._journal.event("start.ended", key.task, **detail, left=stopped.left)

    async def _measure(
        self, key: StartKey, experiment: ExperimentView, process: Running, port: int
    ) -> None:
        await self._state(key, ExperimentState.STARTING)
        folder = self._setup.home.start(key.task, key.number, key.attempt)
        await wait_ready(self._setup, self._journal, key, process, port, folder / "engine.log")
        await self._journal.set_start(key, ready=time.time())
        await self._state(key, ExperimentState.READY)
        await self._bench.ready()
        await self._state(key, ExperimentState.BENCHMARKING)
        await self._journal.phase(key, Phase.BENCHMARK)
        known = [m for m in experiment.measurements if m.data.failure is None]
        for scenario in self._setup.task.workload.scenarios:
            done = [m for m in known if m.data.scenario == scenario]
            await self._ladder(key, process, port, scenario, done)
        await self._keep_counters(key, port)

    async def _ladder(
        self,
        key: StartKey,
        process: Running,
        port: int,
        scenario: str,
        done: Sequence[MeasurementView],
    ) -> None:
        """Levels until the ladder ends; those of an earlier, interrupted start count."""
        levels = [
            LevelResult(
                m.data.concurrency, m.data.throughput, not _strained(m.breaches), failed=False
            )
            for m in done
        ]
        asked = self._setup.task.workload.concurrency
        while (concurrency := next_concurrency(asked, levels)) is not None:
            if self._pausing.is_set():
                raise Paused
            data = await self._level(key, process, port, scenario, concurrency)
            strained = await self._write(key, data)
            if process.exit_code is not None:
                raise EngineFailed(self._death(key, process, FailureKind.ENGINE_DIED))
            levels.append(
                LevelResult(concurrency, data.throughput, not strained, data.failure is not None)
            )

    async def _level(
        self, key: StartKey, process: Running, port: int, scenario: str, concurrency: int
    ) -> Measurement:
        """One measurement. When the engine dies under it, what was measured is kept."""
        await self._reset_cache(port)
        plan = self._plan(key, port, scenario, concurrency)
        measuring = asyncio.ensure_future(self._bench.measure(plan))
        dying = asyncio.ensure_future(process.wait())
        try:
            await asyncio.wait({measuring, dying}, return_when=asyncio.FIRST_COMPLETED)
            if not measuring.done():
                await asyncio.wait({measuring}, timeout=_LAST_WORDS)
            if not measuring.done():
                raise EngineFailed(self._death(key, process, FailureKind.ENGINE_DIED))
            return measuring.result()
        finally:
            for task in (measuring, dying):
                task.cancel()
            await asyncio.gather(measuring, dying, return_exceptions=True)

    def _plan(self, key: StartKey, port: int, scenario: str, concurrency: int) -> Plan:
        setup, work = self._setup, self._setup.task.workload
        folder = setup.home.start(key.task, key.number, key.attempt)
        made = folder / "measurements"
        number = sum(1 for _ in made.iterdir()) + 1 if made.exists() else 1
        return Plan(
            url=f"http://127.0.0.1:{port}",
            model=setup.task.model,
            backend=setup.engine.genai_backend,
            scenario=scenario,
            concurrency=concurrency,
            requests=measured_requests(work.requests, concurrency),
            max_duration=work.max_duration,
            limit=setup.task.timeouts.measurement,
            folder=made / f"{number:02d}-c{concurrency}",
            log=folder / "benchmark.log",
            purpose=Purpose.SEARCH,
            seed=setup.task.seed * 1000 + number,
            dataset=work.dataset,
            limits={str(name): limit for name, limit in setup.task.slo.per_request.items()},
        )

    async def _write(self, key: StartKey, data: Measurement) -> bool:
        """Journal a measurement; true when it breaks a limit that more load strains further."""
        task = self._setup.task
        judged = score.judge(data, task.slo, task.objective, gpus=1)
        await self._journal.add_measurement(
            key, data, feasible=judged.feasible, breaches=judged.breaches
        )
        return _strained(judged.breaches)

    async def _state(self, key: StartKey, state: ExperimentState) -> None:
        await self._journal.set_experiment(key.task, key.number, state)

    async def _lease_port(self, key: StartKey) -> int:
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = int(probe.getsockname()[1])
            if await self._journal.lease(key, f"port:{port}"):
                return port

    def _death(self, key: StartKey, process: Running, otherwise: FailureKind) -> Failure:
        log = self._setup.home.start(key.task, key.number, key.attempt) / "engine.log"
        return death(self._setup.engine, log, process, otherwise)

    async def _reset_cache(self, port: int) -> None:
        """Measurements must not warm the prefix cache for each other, where it can be emptied."""
        async with _engine_client(port) as client:
            with contextlib.suppress(httpx.HTTPError):
                await client.post(self._setup.engine.cache_reset)

    async def _keep_counters(self, key: StartKey, port: int) -> None:
        """The engine's own counters after the last measurement, to hold ours against."""
        folder = self._setup.home.start(key.task, key.number, key.attempt)
        async with _engine_client(port) as client:
            with contextlib.suppress(httpx.HTTPError):
                answer = await client.get("/metrics")
                (folder / "metrics.prom").write_text(answer.text, encoding="utf-8")


def _strained(breaches: Sequence[str]) -> bool:
    # Too little throughput at a low load is no reason not to try a higher one.
    return any(not breach.startswith("throughput_min ") for breach in breaches)


def _engine_client(port: int) -> httpx.AsyncClient:
    # The engine is on loopback: no proxy of this process's environment may come between.
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=5.0)
