"""One engine that serves, and the measurements made on it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from core import score
from core.bench.adoption import end_others
from core.bench.genai import Bench, Plan
from core.bench.looks import looks
from core.deploy.base import Running
from core.metrics import Measurement, measured_requests
from core.runner import room
from core.runner.halt import Halted
from core.runner.ready import EngineFailed, death
from core.runner.setup import Setup
from core.score import Judged
from core.store.journal import Journal, StartKey
from core.values import Failure, FailureKind, Phase, Purpose

# A measurement whose client was killed is made again, so many times in all.
_TRIES = 3
# How long a benchmark may go on reporting errors after its engine died.
_LAST_WORDS = 10.0
# An engine that answers nothing for this long, twice, while nothing is asked of it, is stuck.
_SIGN_OF_LIFE = 15.0
_AGAIN = 0.2


class Meter:
    """Measures on one start and writes down what it measured before it goes on.

    What an earlier runner began on this start is gone on with; `done` is what it measured.
    Raises EngineFailed when the engine died or hangs: with `under_load`, and the measurement
    that it did not survive written down with that failure; or, when somebody else ended the
    engine and `patient` says that it is tried again, with nothing written. Raises Halted when
    the disk is full.
    """

    def __init__(
        self, setup: Setup, journal: Journal, bench: Bench, key: StartKey, engine: Running,
        port: int, *, patient: bool = True, done: Sequence[Measurement] = (),
    ) -> None:  # fmt: skip
        self.setup = setup
        self.key = key
        self._journal = journal
        self._bench = bench
        self._engine = engine
        self._port = port
        self._patient = patient
        self._done = {_load(data): data for data in done}
        self._alone = False

    async def measure(
        self, scenario: str, concurrency: int, purpose: Purpose, turn: int = 1, *, gpus: int = 1
    ) -> Judged:
        """Measure one load, judge it, write it down; unless that is done already."""
        if (known := self._done.get((scenario, concurrency, purpose, turn))) is not None:
            return score.judge(known, self.setup.task.slo, self.setup.task.objective, gpus)
        plan = self._plan(scenario, concurrency, purpose, turn)
        for attempt in range(_TRIES):
            self._look_at_disk()
            data = await self._carry_out(plan)
            failure = await self._of_engine(data)
            if failure is None and data.failure and data.failure.transient and attempt + 1 < _TRIES:
                await self._void(plan, data.failure)
                continue
            break
        if failure is not None or data.failure is not None:
            self._look_at_disk()  # without room everything fails, and that proves nothing
        if failure is not None and failure.transient and self._patient:
            await self._void(plan, failure)
            raise EngineFailed(failure)
        judged = await self._write(dataclasses.replace(data, failure=failure or data.failure), gpus)
        if failure is not None:
            # It had its chances: that it is ended each time is taken for an answer.
            raise EngineFailed(dataclasses.replace(failure, transient=False), under_load=True)
        return judged

    async def _of_engine(self, data: Measurement) -> Failure | None:
        """Why the engine does not serve any more; asked for a while when requests failed.

        One that is being ended refuses connections before it is seen to have ended.
        """
        failed = data.errors > 0 or data.failure is not None
        if data.failure is not None and data.failure.transient:
            failed = False  # that was the client
        deadline = time.monotonic() + 2 * _SIGN_OF_LIFE
        while self._engine.exit_code is None:
            if not failed or await self._answers():
                return None
            if time.monotonic() > deadline:
                return self._stuck()
            await asyncio.sleep(_AGAIN)
        return self._death()

    def _look_at_disk(self) -> None:
        if short := room.short(self.setup.home):
            raise Halted(short)

    async def _void(self, plan: Plan, failure: Failure) -> None:
        """What was cut short from outside is no result."""
        await self._journal.event(
            "measurement.void", self.key.task, self.key.number, attempt=self.key.attempt,
            scenario=plan.scenario, concurrency=plan.concurrency, purpose=plan.purpose,
            turn=plan.turn, message=failure.message,
        )  # fmt: skip

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
        measuring = asyncio.ensure_future(self._measured(plan))
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

    async def _measured(self, plan: Plan) -> Measurement:
        """As an earlier runner began it, or anew."""
        if not self._alone:
            await end_others(self._folder, plan.folder)
            self._alone = True
        if (found := await self._bench.adopt(plan)) is not None:
            return found
        await self._bench.ready()
        return await self._bench.measure(
            dataclasses.replace(plan, cache_reset=await self._reset_cache())
        )

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
            seed=self._seed(folders[-1]),
            dataset=work.dataset,
            limits={str(name): limit for name, limit in setup.task.slo.per_request.items()},
            bounds=setup.task.slo.limits if hurried else {},
            turn=turn,
            earlier=tuple(folders[:-1]),
        )

    def _seed(self, folder: Path) -> int:
        """Other prompts in each measurement of a start, the same in the same one of another."""
        made = self._folder / "measurements"
        others = [one for one in made.iterdir() if one != folder] if made.exists() else []
        return self.setup.task.seed * 1000 + len(others) + 1

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

    async def _answers(self) -> bool:
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


def _load(data: Measurement) -> tuple[str, int, Purpose, int]:
    return data.scenario, data.concurrency, data.purpose, data.turn
