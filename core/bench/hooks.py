"""What is hooked into genai-bench, in the process of one measurement.

genai-bench kills what is in flight at the end of a run and keeps no times. The hooks write
every request to a timeline as it ends, stop issuing when enough requests are on their way,
and let those end: what the client counted then agrees with the engine's own counters.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import gevent
from genai_bench.metrics.aggregated_metrics_collector import AggregatedMetricsCollector
from genai_bench.protocol import UserChatResponse, UserResponse
from genai_bench.user.base_user import BaseUser
from genai_bench.user.openai_user import OpenAIUser
from locust.exception import StopUser
from locust.runners import STATE_STOPPED

from core.bench.plan import CLIENT, TIMELINE, Plan
from core.metrics import Request, percentile
from core.values import one_line

POLL = 0.01
LAG_STEP = 0.025
NO_TOKENS = "no tokens"


class Load:
    """Issues `concurrency` warm-up requests and then `requests` more, and records them all."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.issued = 0
        self.ended = 0
        self.broken: Exception | None = None
        self._first: float | None = None
        self._pending: dict[object, tuple[float, bool]] = {}
        # Monotonic times plus one offset: a clock that is set meanwhile moves no request.
        self._offset = time.time() - time.monotonic()
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        self._timeline = os.open(plan.folder / TIMELINE, flags, 0o644)

    @property
    def closed(self) -> bool:
        """True when no further request is to be issued."""
        if self.broken or self.issued >= self.plan.concurrency + self.plan.requests:
            return True
        return self._first is not None and time.monotonic() - self._first >= self.plan.max_duration

    @property
    def finished(self) -> bool:
        return self.broken is not None or (self.closed and self.ended >= self.issued)

    def issue(self, user: object, sample: Callable[[], Any]) -> Any:
        """A sampled request for a user; StopUser when the load is closed."""
        if self.closed:
            raise StopUser
        warmup = self.issued < self.plan.concurrency
        self.issued += 1
        try:
            request = sample()
        except Exception as error:
            self.broken = error
            raise StopUser from error
        start = time.monotonic()
        self._first = self._first or start
        self._pending[user] = start, warmup
        return request

    def record(self, user: object, response: Any, error: int | None, message: str | None) -> None:
        """Write one request that has ended. A failed one has no times of its own."""
        start, warmup = self._pending.pop(user)
        ended = time.monotonic()
        if error is None:
            start, first, end = response.start_time, response.time_at_first_token, response.end_time
            tokens = response.num_prefill_tokens or 0, getattr(response, "tokens_received", 0) or 0
        else:
            first, end, tokens = None, ended, (0, 0)
        first = None if first is None else first + self._offset
        self._write(
            Request(
                start + self._offset, first, end + self._offset, *tokens, error, message, warmup
            )
        )
        self.ended += 1

    def _write(self, request: Request) -> None:
        try:
            os.write(self._timeline, json.dumps(asdict(request)).encode() + b"\n")
        except OSError as error:
            self.broken = error

    def write_client(self, lag: float | None) -> None:
        """What the client knows of itself: its delay in seconds, and its counts."""
        facts = {"lag_p95": lag, "issued": self.issued, "ended": self.ended}
        (self.plan.folder / CLIENT).write_text(json.dumps(facts) + "\n")


class LagMeter:
    """The event loop's own delay: by how much it oversleeps a short sleep."""

    def __init__(self) -> None:
        self._late: list[float] = []
        self._greenlet = gevent.spawn(self._run)

    def _run(self) -> None:
        while True:
            before = time.monotonic()
            gevent.sleep(LAG_STEP)
            self._late.append(max(0.0, time.monotonic() - before - LAG_STEP))

    def stop(self) -> float | None:
        """End it; the 95th percentile in seconds, None when it never woke."""
        self._greenlet.kill()
        return percentile(sorted(self._late), 95) if self._late else None


def install(load: Load, finish: Callable[[], None]) -> None:
    """Hook `load` into this process; `finish` is called when the results are on disk."""
    _hook_users(load)
    command: Any = importlib.import_module("genai_bench.cli.cli")
    command.manage_run_time = lambda environment, **_: _drained(load, environment.runner)
    # Embeddings and rerank would vary the batch size with one user: concurrency means users.
    command.get_run_params = lambda *_: ("Concurrency", 1, load.plan.concurrency)
    save = AggregatedMetricsCollector.save

    def save_and_finish(collector: Any, *args: Any) -> None:
        # What follows in genai-bench are sleeps, plots and a spreadsheet: ten seconds.
        save(collector, *args)
        finish()

    AggregatedMetricsCollector.save = save_and_finish


def _hook_users(load: Load) -> None:
    sample, collect, send = BaseUser.sample, BaseUser.collect_metrics, OpenAIUser.send_request

    def collected(user: Any, response: Any, endpoint: str) -> None:
        if empty := _is_empty(response):
            load.record(user, response, 200, NO_TOKENS)
        elif response.status_code == 200:
            load.record(user, response, None, None)
        else:
            message = one_line(response.error_message or "", 300)
            load.record(user, response, response.status_code, message)
        try:
            # 204 is "no content": genai-bench counts as success whatever says 200.
            shown = UserResponse(status_code=204, error_message=NO_TOKENS) if empty else response
            collect(user, shown, endpoint)
        except Exception as error:  # only genai-bench's own statistics miss this request
            print(f"genai-bench could not count a request: {error!r}", flush=True)

    def sent(user: Any, stream: bool, endpoint: str, *args: Any) -> None:
        try:
            send(user, stream, endpoint, *args)
        except Exception as error:
            # Raised while reading a response; locust would log it and forget the request.
            collected(user, _unreadable(error), endpoint)

    BaseUser.sample = lambda user: load.issue(user, lambda: sample(user))
    BaseUser.collect_metrics = collected
    OpenAIUser.send_request = sent


def _is_empty(response: Any) -> bool:
    """A chat response that reports success and delivered nothing."""
    if response.status_code != 200 or not isinstance(response, UserChatResponse):
        return False
    return not response.tokens_received or response.time_at_first_token is None


def _unreadable(error: Exception) -> Any:
    if "no content was delivered" in str(error):
        return UserChatResponse(status_code=200)
    return UserResponse(status_code=500, error_message=f"{type(error).__name__}: {error}")


def _drained(load: Load, runner: Any) -> int:
    """Wait until all requests have ended or the limit is over; the seconds, at least 1."""
    lag, begin = LagMeter(), time.monotonic()
    while not load.finished and time.monotonic() - begin < load.plan.limit:
        gevent.sleep(POLL)
    load.write_client(lag.stop())
    if load.broken:
        raise load.broken
    if load.finished:
        # All users have left by themselves. Stopping them would first inspect every module
        # that is imported, for a debug line: a tenth of a second.
        runner.update_state(STATE_STOPPED)
    return max(1, math.ceil(time.monotonic() - begin))
