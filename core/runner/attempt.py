"""One start of one experiment: launch, wait until ready, measure, stop for sure."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable

from core.bench.genai import Bench, BenchError
from core.deploy.base import Running, StartError
from core.engines.registry import launch
from core.runner.gpus import Keeper
from core.runner.launching import start, write_manifest
from core.runner.levels import Paused
from core.runner.meter import Meter
from core.runner.ready import EngineFailed, wait_ready
from core.runner.setup import Setup
from core.runner.weights import Weights
from core.store.journal import Journal, StartKey
from core.store.views import ExperimentView
from core.values import Configuration, ExperimentState, Failure, LaunchSpec, Phase, StartReason

Work = Callable[[Meter], Awaitable[None]]
"""What is done with an engine that serves."""


class Attempt:
    """Everything one start owns. Whatever ends it, its engine is gone when `run` returns."""

    def __init__(
        self, setup: Setup, journal: Journal, bench: Bench, keeper: Keeper, weights: Weights
    ) -> None:
        self._setup = setup
        self._keeper = keeper
        self._weights = weights
        self._journal = journal
        self._bench = bench
        self._confirms = False

    async def run(
        self, experiment: ExperimentView, reason: StartReason, work: Work
    ) -> EngineFailed | None:
        """Returns why it failed, None when the work was done.

        Raises Paused, and BenchError when nothing can be measured at all. A start that confirms
        leaves the state of its experiment as it is.
        """
        number = experiment.number
        self._confirms = reason is StartReason.CONFIRM
        began = experiment.started or time.time()  # before its first start, whose times count
        key = await self._journal.add_start(self._setup.id, number, reason)
        if not self._confirms:
            await self._journal.set_experiment(
                self._setup.id, number, ExperimentState.PREPARING, started=began
            )
        try:
            await self._engine(key, experiment, work)
        except (Paused, asyncio.CancelledError) as ending:
            state = "stopped" if isinstance(ending, Paused) else "interrupted"
            await self._journal.end_start(key, state)
            raise
        except BenchError as error:
            await self._journal.end_start(key, "failed", error.failure)
            raise
        except EngineFailed as error:
            await self._journal.end_start(key, "failed", error.failure)
            return error
        await self._journal.end_start(key, "stopped")
        return None

    async def _engine(self, key: StartKey, experiment: ExperimentView, work: Work) -> None:
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
            await self._run_engine(key, work, running, spec, port)
        except StartError as error:
            raise EngineFailed(error.failure) from None
        finally:
            held = await self._keeper.give_back(devices, setup.task.timeouts.stop)
            if held is not None:
                await self._journal.event("gpu.held", key.task, message=held.message)

    async def _run_engine(
        self, key: StartKey, work: Work, running: Running, spec: LaunchSpec, port: int
    ) -> None:
        setup = self._setup
        try:
            await self._journal.set_start(key, **running.identity)
            write_manifest(setup, key, spec, running)
            await self._measure(key, work, running, port)
        finally:
            stopped = await running.stop(setup.task.timeouts.stop)
            detail = {"seconds": round(stopped.seconds, 3), "killed": stopped.killed}
            await self._journal.event("start.ended", key.task, **detail, left=stopped.left)

    async def _measure(self, key: StartKey, work: Work, engine: Running, port: int) -> None:
        await self._state(key, ExperimentState.STARTING)
        log = self._setup.start(key.number, key.attempt) / "engine.log"
        await wait_ready(self._setup, self._journal, key, engine, port, log)
        await self._journal.set_start(key, ready=time.time())
        await self._state(key, ExperimentState.READY)
        await self._bench.ready()
        await self._state(key, ExperimentState.BENCHMARKING)
        await self._journal.phase(key, Phase.BENCHMARK)
        meter = Meter(self._setup, self._journal, self._bench, key, engine, port)
        await work(meter)
        await meter.keep_counters()

    async def _state(self, key: StartKey, state: ExperimentState) -> None:
        if not self._confirms:
            await self._journal.set_experiment(key.task, key.number, state)

    async def _lease_port(self, key: StartKey) -> int:
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = int(probe.getsockname()[1])
            if await self._journal.lease(key, f"port:{port}"):
                return port
