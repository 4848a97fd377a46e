"""genai-bench as the runner sees it: a launcher process that measures one plan at a time."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from core.bench.looks import looks
from core.bench.plan import TIMELINE, BenchError, Plan
from core.bench.trouble import advice_for
from core.bench.verdict import Ending, failure_of, last_line
from core.metrics import Measurement, read_timeline
from core.values import Failure, FailureKind

__all__ = ["Bench", "BenchError", "Plan"]

READY_LIMIT = 900.0
"""Seconds for importing genai-bench and fetching a tokenizer."""

STOP_LIMIT = 5.0
"""Seconds for a killed measurement to be gone."""

CLOSE_LIMIT = 2.0
"""Seconds between the steps of ending a launcher."""

_ENVIRONMENT = {"ENABLE_UI": "false", "TOKENIZERS_PARALLELISM": "false"}


class Bench:
    """One launcher for a task run. Entering starts it and returns at once.

    `environment` is all that the launcher and its measurements get; `log` takes what they
    print outside of a measurement; `cwd` is where they start.
    """

    def __init__(
        self, environment: Mapping[str, str], tokenizer: str, log: Path, cwd: Path
    ) -> None:
        self._environment = {**environment, **_ENVIRONMENT}
        self._tokenizer = tokenizer
        self._log = log
        self._cwd = cwd
        self._process: asyncio.subprocess.Process | None = None
        self._child: psutil.Process | None = None
        self._turn = asyncio.Lock()
        self._ready = False
        self._failure: Failure | None = None

    @property
    def pid(self) -> int | None:
        """The launcher's process id, and its process group and session."""
        return self._process.pid if self._process else None

    async def __aenter__(self) -> Self:
        """Start the launcher. Raises BenchError when that is impossible."""
        words = (sys.executable, "-P", "-m", "core.bench.launcher", self._tokenizer)
        pipe = asyncio.subprocess.PIPE
        try:
            with self._log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    *words,
                    stdin=pipe,
                    stdout=pipe,
                    stderr=log,
                    env=self._environment,
                    cwd=self._cwd,
                    start_new_session=True,
                )
        except OSError as error:
            raise BenchError(_unstartable(error)) from error
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the launcher and what it measures; returns when both are gone."""
        await _to_its_end(self._close())

    async def ready(self) -> None:
        """Wait until measuring can start. Raises BenchError, each time again, when it cannot."""
        async with self._turn:
            await self._until_ready()

    async def measure(
        self, plan: Plan, on_start: Callable[[int, float], None] | None = None
    ) -> Measurement:
        """Measure a plan; what was measured until a failure is kept and the failure named.

        `on_start` gets the pid and start time (epoch seconds) of the measurement's process,
        which leads its own process group. Raises BenchError when there is no launcher to do
        it. Cancelling ends that process before CancelledError goes on.
        """
        async with self._turn:
            await self._until_ready()
            offset = plan.log.stat().st_size if plan.log.exists() else 0
            ending = await self._carry_out(plan, on_start)
        requests = read_timeline(plan.folder / TIMELINE)
        return looks(plan, failure_of(requests, ending, plan, offset))

    async def _until_ready(self) -> None:
        if self._failure:
            raise BenchError(self._failure)
        if self._ready:
            return
        try:
            async with asyncio.timeout(READY_LIMIT):
                event = await self._receive()
        except TimeoutError:
            event = {"kind": "hang", "message": f"genai-bench was not ready in {READY_LIMIT:g} s"}
        if event is None:
            event = {"kind": "crash", "message": "the benchmark's launcher ended unexpectedly"}
        if event.get("event") != "ready":
            self._failure = self._evidence(FailureKind(event["kind"]), event["message"])
            raise BenchError(self._failure)
        self._ready = True

    def _evidence(self, kind: FailureKind, message: str) -> Failure:
        line, text = last_line(self._log)
        return Failure(kind, message, advice_for(kind), self._log.name, line, text)

    async def _carry_out(self, plan: Plan, on_start: Callable[[int, float], None] | None) -> Ending:
        try:
            async with asyncio.timeout(plan.limit):
                await self._send({"plan": plan.to_json()})
                return await self._outcome(on_start)
        except TimeoutError:
            await _to_its_end(self._stop_measurement())
            return Ending(None, overdue=True)
        except BaseException:
            await _to_its_end(self._stop_measurement())
            raise

    async def _outcome(self, on_start: Callable[[int, float], None] | None) -> Ending:
        """Follow the launcher's events until the measurement has ended."""
        while (event := await self._receive()) is not None:
            if event["event"] == "ended":
                self._child = None
                return Ending(event["status"])
            with suppress(psutil.NoSuchProcess):
                self._child = psutil.Process(event["pid"])
            if on_start:
                on_start(event["pid"], event["started"])
        self._failure = self._evidence(FailureKind.CRASH, "the benchmark's launcher died")
        return Ending(None)

    async def _stop_measurement(self) -> None:
        """The launcher kills and reaps it; when it does not answer, both are ended from here."""
        try:
            async with asyncio.timeout(STOP_LIMIT):
                await self._send({"stop": True})
                await self._outcome(None)
        except TimeoutError:
            self._failure = self._evidence(FailureKind.HANG, "the benchmark's launcher hung")
            await self._close()

    async def _send(self, message: Mapping[str, Any]) -> None:
        assert self._process
        assert self._process.stdin
        with suppress(ConnectionError):  # a dead launcher shows when it is read from
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            await self._process.stdin.drain()

    async def _receive(self) -> dict[str, Any] | None:
        """The launcher's next event, None when it is gone."""
        assert self._process
        assert self._process.stdout
        line = await self._process.stdout.readline()
        if not line.endswith(b"\n"):
            return None
        event: dict[str, Any] = json.loads(line)
        return event

    async def _close(self) -> None:
        """End launcher and measurement; each step is taken when the one before did not do."""
        process = self._process
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        # A launcher ends with its stdin, but does not look at it while it is importing.
        steps = (signal.SIGTERM, signal.SIGKILL)
        for number in (None, *steps) if self._ready else steps:
            if number is not None and process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_LIMIT):
                    await process.wait()
                break
        await self._end_child()

    async def _end_child(self) -> None:
        """The kernel kills a measurement whose launcher died; see to it that it is so."""
        child, self._child = self._child, None
        with suppress(psutil.NoSuchProcess, ProcessLookupError, TimeoutError):
            async with asyncio.timeout(CLOSE_LIMIT):
                while child and child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
                    os.killpg(child.pid, signal.SIGKILL)
                    await asyncio.sleep(0.02)


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Let `work`, which is bounded in time, finish even when the caller is cancelled."""
    task, cancelled = asyncio.ensure_future(work), False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    task.result()
    if cancelled:
        raise asyncio.CancelledError


def _unstartable(error: OSError) -> Failure:
    kinds = {errno.EACCES: FailureKind.PERMISSION, errno.EROFS: FailureKind.PERMISSION}
    kinds[errno.ENOSPC] = FailureKind.DISK
    kind = kinds.get(error.errno or 0, FailureKind.CRASH)
    return Failure(kind, f"the benchmark's launcher cannot be started: {error}", advice_for(kind))
