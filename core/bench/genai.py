"""genai-bench as the runner sees it: a launcher process that measures one plan at a time."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from core.bench import adoption
from core.bench.ending import end, to_its_end
from core.bench.launched import Launched
from core.bench.looks import looks
from core.bench.plan import TIMELINE, BenchError, Plan
from core.bench.record import Ending, Process
from core.bench.trouble import advice_for
from core.bench.verdict import OUTSIDE, failure_of, last_line
from core.metrics import Measurement, read_timeline
from core.values import Failure, FailureKind

__all__ = ["Bench", "BenchError", "Plan"]

READY_LIMIT = 900.0
"""Seconds for importing genai-bench and fetching a tokenizer."""

STOP_LIMIT = 5.0
"""Seconds for a measurement that is to end to be gone, by its launcher's word."""

_PASSING = frozenset({FailureKind.NETWORK, FailureKind.PROXY})

OnStart = Callable[[int, float], None]


class Bench:
    """The benchmark of a task run. Nothing is started before something is to be measured.

    `environment` is all that the launcher and its measurements get; `log` takes what they
    print outside of a measurement; `cwd` is where they start. A launcher that dies is replaced
    by the next `prepare`, `ready` or `measure`.
    """

    def __init__(
        self, environment: Mapping[str, str], tokenizer: str, log: Path, cwd: Path
    ) -> None:
        self._environment = dict(environment)
        self._tokenizer = tokenizer
        self._log = log
        self._cwd = cwd
        self._launcher: Launched | None = None
        self._child: Process | None = None
        self._turn = asyncio.Lock()
        self._starting = asyncio.Lock()
        self._failure: Failure | None = None

    @property
    def pid(self) -> int | None:
        """The launcher's process id, and its process group and session."""
        return self._launcher.pid if self._launcher else None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the launcher and what it measures; returns when both are gone."""
        await to_its_end(self._close())

    async def prepare(self) -> None:
        """Start the launcher unless one lives; returns at once, the import goes on.

        Raises BenchError when that is impossible, and each time again when a launcher has said
        that it cannot measure, unless the network was to blame.
        """
        await self._prepared()

    async def ready(self) -> None:
        """Wait until measuring can start. Raises BenchError when it cannot."""
        async with self._turn:
            await self._until_ready()

    async def measure(self, plan: Plan, on_start: OnStart | None = None) -> Measurement:
        """Measure a plan; what was measured until a failure is kept and the failure named.

        `on_start` gets the pid and start time (seconds since the boot) of the measurement's
        process, which leads its own process group. Raises BenchError when there is no launcher
        to do it. Cancelling ends that process before CancelledError goes on.
        """
        async with self._turn:
            launcher = await self._until_ready()
            offset = plan.log.stat().st_size if plan.log.exists() else 0
            ending = await self._carry_out(launcher, plan, offset, on_start)
        return _measured(plan, ending, offset)

    async def adopt(self, plan: Plan) -> Measurement | None:
        """What an earlier runner left of this plan, waited for when it is under way.

        None when nothing usable is left; its folder is removed then. No launcher is started:
        that would disturb a measurement that is under way. Cancelling ends it, as in `measure`.
        """
        async with self._turn:
            found = await adoption.take(plan.folder, plan.limit + STOP_LIMIT, self.pid)
        if found is None:
            return None
        begun, ending = found
        plan = dataclasses.replace(plan, cache_reset=begun.cache_reset)
        return _measured(plan, ending, begun.offset)

    async def _prepared(self) -> Launched:
        async with self._starting:
            if self._failure:
                raise BenchError(self._failure)
            if self._launcher is None or not self._launcher.lives:
                await self._close()
                self._launcher = await Launched.start(
                    self._environment, self._tokenizer, self._log, self._cwd
                )
            return self._launcher

    async def _until_ready(self) -> Launched:
        launcher = await self._prepared()
        if launcher.listens:
            return launcher
        try:
            async with asyncio.timeout(READY_LIMIT):
                event = await launcher.receive()
        except TimeoutError:
            message = f"genai-bench was not ready in {READY_LIMIT:g} s"
            failure = self._evidence(FailureKind.HANG, message)
        else:
            if event and event["event"] == "ready":
                launcher.listens = True
                return launcher
            failure = self._told(event) if event else await self._died(launcher)
        await to_its_end(self._close())
        raise BenchError(failure)

    def _told(self, event: Mapping[str, Any]) -> Failure:
        """Why a launcher says that it cannot measure: the next one would say the same."""
        failure = self._evidence(FailureKind(event["kind"]), event["message"])
        if failure.kind in _PASSING:
            return dataclasses.replace(failure, transient=True)
        self._failure = failure
        return failure

    async def _died(self, launcher: Launched) -> Failure:
        status = await launcher.status()
        message = "the benchmark's launcher ended unexpectedly"
        failure = self._evidence(FailureKind.CRASH, message)
        return dataclasses.replace(failure, transient=status is not None and -status in OUTSIDE)

    def _evidence(self, kind: FailureKind, message: str) -> Failure:
        line, text = last_line(self._log)
        return Failure(kind, message, advice_for(kind), self._log.name, line, text)

    async def _carry_out(
        self, launcher: Launched, plan: Plan, offset: int, on_start: OnStart | None
    ) -> Ending:
        """The launcher ends what exceeds the plan's limit; here only one that hangs is ended."""
        try:
            async with asyncio.timeout(plan.limit + STOP_LIMIT):
                await launcher.send({"plan": plan.to_json(), "offset": offset})
                ending = await self._outcome(launcher, on_start)
        except TimeoutError:
            await to_its_end(self._close())
            return Ending(None, overdue=True)
        except BaseException:
            await to_its_end(self._stop_measurement(launcher))
            raise
        if ending.status is None:
            await to_its_end(self._close())
        return ending

    async def _outcome(self, launcher: Launched, on_start: OnStart | None) -> Ending:
        """Follow the launcher's events until the measurement has ended."""
        while (event := await launcher.receive()) is not None:
            if event["event"] == "ended":
                self._child = None
                return Ending(event["status"], event["overdue"], event["error"])
            self._child = Process(event["pid"], event["started"])
            if on_start:
                on_start(event["pid"], event["started"])
        return Ending(None)

    async def _stop_measurement(self, launcher: Launched) -> None:
        """The launcher kills and reaps it; when it does not answer, both are ended from here."""
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_LIMIT):
                await launcher.send({"stop": True})
                if (await self._outcome(launcher, None)).status is not None:
                    return
        await self._close()

    async def _close(self) -> None:
        """End launcher and measurement, dead or alive."""
        launcher, self._launcher = self._launcher, None
        if launcher:
            await launcher.close()
        # The kernel kills a measurement whose launcher died; see to it that it is so.
        child, self._child = self._child, None
        if child:
            await end(child)


def _measured(plan: Plan, ending: Ending, offset: int) -> Measurement:
    requests = read_timeline(plan.folder / TIMELINE)
    return looks(plan, failure_of(requests, ending, plan, offset))
