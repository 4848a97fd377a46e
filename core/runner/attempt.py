"""One start of one experiment: launch, wait until ready, measure, stop for sure."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Awaitable, Callable

from core.bench.adoption import end_others, under_way
from core.bench.genai import Bench, BenchError
from core.deploy.base import Running, StartError
from core.deploy.process import end_labelled
from core.engines.registry import launch
from core.metrics import Measurement
from core.runner import launching, room
from core.runner.gpus import Keeper
from core.runner.halt import Halted, Paused
from core.runner.meter import Meter
from core.runner.ready import EngineFailed, death, wait_ready
from core.runner.setup import Setup
from core.runner.weights import Weights
from core.store.begun import Begun, begun, release
from core.store.journal import Journal, StartKey
from core.store.views import ExperimentView, StartView
from core.values import (
    ExperimentState,
    Failure,
    FailureKind,
    LaunchSpec,
    Phase,
    StartReason,
)

Work = Callable[[Meter], Awaitable[None]]
"""What is done with an engine that serves."""

UNWATCHED = Failure(
    FailureKind.CRASH,
    "the engine ended while no runner watched it",
    "it is started again by itself",
    transient=True,
)


class Attempt:
    """Everything one start owns. Whatever ends it, its engine is gone when `run` returns.

    One that an earlier runner left open is gone on with: its engine is found again, or launched
    when it never was. `patient`: what was killed from outside may be tried again, and is not
    written down as measured.
    """

    def __init__(
        self,
        setup: Setup,
        journal: Journal,
        bench: Bench,
        keeper: Keeper,
        weights: Weights,
        *,
        patient: bool = True,
    ) -> None:
        self._setup = setup
        self._keeper = keeper
        self._weights = weights
        self._journal = journal
        self._bench = bench
        self._patient = patient
        self._confirms = False
        self._state = ExperimentState.PENDING
        self._done: list[Measurement] = []
        self._owed = False  # there may be an engine of an earlier runner, not yet in hand

    async def run(
        self, experiment: ExperimentView, reason: StartReason, work: Work
    ) -> EngineFailed | None:
        """Returns why it failed, None when the work was done.

        Raises Paused or Halted, and BenchError when nothing can be measured at all. A start that
        confirms leaves the state of its experiment as it is.
        """
        left = open_attempt(experiment)
        self._owed = left is not None
        self._confirms = (reason if left is None else left.reason) is StartReason.CONFIRM
        self._state = experiment.state
        self._done = [v.data for v in experiment.measurements if left and v.start == left.attempt]
        if left is None:
            key = await self._begin(experiment, reason)
        else:
            key = StartKey(self._setup.id, experiment.number, left.attempt)
        try:
            await self._engine(
                key, experiment, work, None if left is None else await self._known(key)
            )
        except (Paused, asyncio.CancelledError) as ending:
            if self._owed:
                await self._pay(key, experiment)
            state = "stopped" if isinstance(ending, Paused) else "interrupted"
            await self._journal.end_start(key, state)
            raise
        except (BenchError, EngineFailed) as error:
            await self._fail(key, error.failure)
            if isinstance(error, BenchError):
                raise
            return error
        await self._journal.end_start(key, "stopped")
        return None

    async def _begin(self, experiment: ExperimentView, reason: StartReason) -> StartKey:
        if short := room.short(self._setup.home):
            raise Halted(short)
        began = experiment.started or time.time()  # before its first start, whose times count
        key = await self._journal.add_start(self._setup.id, experiment.number, reason)
        await self._enter(key, ExperimentState.PREPARING, began)
        return key

    async def _fail(self, key: StartKey, failure: Failure) -> None:
        """What was nobody's doing did not fail: it is tried again. A full disk breaks anything."""
        if short := room.short(self._setup.home):
            await self._journal.end_start(key, "interrupted", failure)
            raise Halted(short)
        state = "interrupted" if failure.transient and self._patient else "failed"
        await self._journal.end_start(key, state, None if failure is UNWATCHED else failure)

    async def _known(self, key: StartKey) -> Begun:
        known = await begun(self._journal, key)
        await self._journal.event("start.adopted", key.task, key.number, attempt=key.attempt)
        return known

    async def _engine(
        self, key: StartKey, experiment: ExperimentView, work: Work, known: Begun | None
    ) -> None:
        """Weights, GPUs, a port, the engine; and all of it given back, whatever happens."""
        try:
            if known is not None:
                spec = self._spec(experiment, known)
                if running := await self._found(key, spec, known):
                    await self._serve(key, work, running, spec, known)
                    return
            await self._launch(key, experiment, work)
        except StartError as error:
            raise EngineFailed(error.failure) from None

    def _spec(self, experiment: ExperimentView, known: Begun) -> LaunchSpec:
        setup = self._setup
        return launch(
            setup.task,
            experiment.configuration,
            setup.host,
            port=known.port or 0,
            devices=known.gpus,
        )

    async def _pay(self, key: StartKey, experiment: ExperimentView) -> None:
        """End what an earlier runner left of a start, where nobody came to go on with it."""
        known = await begun(self._journal, key)
        with contextlib.suppress(StartError):
            running = await launching.find(self._setup, key, self._spec(experiment, known))
            if running is not None:
                self._keeper.adopt(known.gpus, self._name(key))
                await self._stop(key, running)
                await self._give_back(key, known.gpus)
        await end_labelled(self._setup.label(key.number, key.attempt))
        await end_others(self._setup.start(key.number, key.attempt), None)

    async def _found(self, key: StartKey, spec: LaunchSpec, known: Begun) -> Running | None:
        """The engine of an earlier runner; None where it launched none, and nothing is left."""
        label = self._setup.label(key.number, key.attempt)
        running = await launching.find(self._setup, key, spec)
        if running is not None and known.pid in {None, running.identity.get("pid")}:
            self._keeper.adopt(known.gpus, self._name(key))
            return running
        await end_labelled(label)  # what an engine that is gone has left
        if known.launched:
            raise EngineFailed(UNWATCHED)
        await release(self._journal, key)
        self._owed = False
        return None

    async def _launch(self, key: StartKey, experiment: ExperimentView, work: Work) -> None:
        setup = self._setup
        await self._bench.prepare()
        await self._weights.ensure(setup, self._journal, key)
        wanted = setup.engine.wanted_gpus(setup.task, experiment.configuration)
        devices = await self._keeper.take(key, wanted, self._name(key))
        if isinstance(devices, Failure):
            raise EngineFailed(devices)
        port = await self._lease_port(key)
        known = Begun(
            launched=False, pid=None, ready=False, started=time.time(), port=port, gpus=devices
        )
        spec = self._spec(experiment, known)
        try:
            running = await launching.start(setup, self._journal, key, spec, devices)
        except BaseException:
            await self._give_back(key, devices)
            raise
        await self._serve(key, work, running, spec, known)

    async def _serve(
        self, key: StartKey, work: Work, running: Running, spec: LaunchSpec, known: Begun
    ) -> None:
        """Everything with an engine that runs, to its end and the end of all it held."""
        self._owed = False
        setup = self._setup
        try:
            await self._journal.set_start(key, **running.identity)
            launching.write_manifest(setup, key, spec, running)
            await self._measure(key, work, running, known)
        finally:
            await self._stop(key, running)
            await self._give_back(key, known.gpus)

    async def _stop(self, key: StartKey, running: Running) -> None:
        limit = self._setup.task.timeouts.stop
        await self._journal.event(
            "start.stopping", key.task, key.number, attempt=key.attempt, limit=limit
        )
        stopped = await running.stop(limit)
        await self._journal.event(
            "start.ended", key.task, key.number, attempt=key.attempt,
            seconds=round(stopped.seconds, 3), killed=stopped.killed, left=stopped.left,
        )  # fmt: skip

    async def _give_back(self, key: StartKey, devices: tuple[str, ...]) -> None:
        held = await self._keeper.give_back(devices, self._setup.task.timeouts.stop)
        if held is not None:
            await self._journal.event(
                "gpu.held", key.task, key.number, left=[f"{held.message}: {held.advice}"]
            )

    async def _measure(self, key: StartKey, work: Work, engine: Running, known: Begun) -> None:
        folder = self._setup.start(key.number, key.attempt)
        log = folder / "engine.log"
        if known.ready and engine.exit_code is not None:
            raise EngineFailed(death(self._setup.engine, log, engine, FailureKind.CRASH))
        if not known.ready:
            await self._enter(key, ExperimentState.STARTING)
            await wait_ready(self._setup, self._journal, key, engine, known.port or 0, log)
            await self._journal.set_start(key, ready=time.time())
        await self._enter(key, ExperimentState.READY)
        if not under_way(folder):  # importing would disturb what is being measured
            await self._bench.ready()
        await self._enter(key, ExperimentState.BENCHMARKING)
        await self._journal.phase(key, Phase.BENCHMARK)
        meter = Meter(
            self._setup, self._journal, self._bench, key, engine, known.port or 0,
            patient=self._patient, done=self._done,
        )  # fmt: skip
        try:
            await work(meter)
        finally:
            await end_others(folder, None)
        await meter.keep_counters()

    async def _enter(
        self, key: StartKey, state: ExperimentState, began: float | None = None
    ) -> None:
        """The experiment's next state; one that it was in under an earlier runner is not new."""
        further = self._state in _ORDER and _ORDER.index(self._state) >= _ORDER.index(state)
        if self._confirms or further:
            return
        self._state = state
        times = {} if began is None else {"started": began}
        await self._journal.set_experiment(key.task, key.number, state, failure=None, **times)

    def _name(self, key: StartKey) -> str:
        return f"{self._setup.task.name} #{key.number}"

    async def _lease_port(self, key: StartKey) -> int:
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = int(probe.getsockname()[1])
            if await self._journal.lease(key, f"port:{port}"):
                return port


def open_attempt(experiment: ExperimentView) -> StartView | None:
    """The start of an experiment that an earlier runner did not live to end."""
    last = experiment.starts[-1] if experiment.starts else None
    return last if last is not None and last.state == "running" else None


_ORDER = [
    ExperimentState.PREPARING,
    ExperimentState.STARTING,
    ExperimentState.READY,
    ExperimentState.BENCHMARKING,
]
