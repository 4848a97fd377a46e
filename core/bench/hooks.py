"""What is hooked into genai-bench, in the process of one measurement.

genai-bench kills what is in flight at the end of a run and keeps no times. The hooks write
every request to a timeline as it ends, stop issuing when enough requests are on their way,
and let those end: what the client counted then agrees with the engine's own counters.
"""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Callable
from typing import Any

import gevent
from genai_bench.metrics.aggregated_metrics_collector import AggregatedMetricsCollector
from genai_bench.protocol import UserChatResponse, UserResponse
from genai_bench.user.base_user import BaseUser
from genai_bench.user.openai_user import OpenAIUser
from locust.runners import STATE_STOPPED

from core.bench.traffic import Traffic
from core.metrics import percentile
from core.values import one_line

POLL = 0.01
LAG_STEP = 0.025
NO_TOKENS = "no tokens"


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


def install(traffic: Traffic, finish: Callable[[], None]) -> None:
    """Hook `traffic` into this process; `finish` is called when the results are on disk."""
    _hook_users(traffic)
    command: Any = importlib.import_module("genai_bench.cli.cli")
    command.manage_run_time = lambda environment, **_: _drained(traffic, environment.runner)
    # Embeddings and rerank would vary the batch size with one user: concurrency means users.
    command.get_run_params = lambda *_: ("Concurrency", 1, traffic.plan.concurrency)
    save = AggregatedMetricsCollector.save

    def save_and_finish(collector: Any, *args: Any) -> None:
        # What follows in genai-bench are sleeps, plots and a spreadsheet: ten seconds.
        save(collector, *args)
        finish()

    AggregatedMetricsCollector.save = save_and_finish


def _hook_users(traffic: Traffic) -> None:
    sample, collect, send = BaseUser.sample, BaseUser.collect_metrics, OpenAIUser.send_request

    def collected(user: Any, response: Any, endpoint: str) -> None:
        if empty := _is_empty(response):
            traffic.record(user, response, 200, NO_TOKENS)
        elif response.status_code == 200:
            traffic.record(user, response, None, None)
        else:
            message = one_line(response.error_message or "", 300)
            traffic.record(user, response, response.status_code, message)
        try:
            # 204 is "no content": genai-bench counts as success whatever says 200.
            shown = UserResponse(status_code=204, error_message=NO_TOKENS) if empty else response
            collect(user, shown, endpoint)
        except Exception as error:  # only genai-bench's own statistics miss this request
            print(f"genai-bench could not count a request: {error!r}", flush=True)

    users: dict[Any, Any] = {}  # each has a greenlet of its own
    connections: Any = importlib.import_module("urllib3.connection").HTTPConnection
    request = connections.request

    def requested(connection: Any, *args: Any, **options: Any) -> None:
        request(connection, *args, **options)
        if (user := users.get(gevent.getcurrent())) is not None:
            traffic.sent(user)

    def sent(user: Any, stream: bool, endpoint: str, *args: Any) -> None:
        users[gevent.getcurrent()] = user
        try:
            send(user, stream, endpoint, *args)
        except Exception as error:
            # Raised while reading a response; locust would log it and forget the request.
            collected(user, _unreadable(error), endpoint)

    BaseUser.sample = lambda user: traffic.issue(user, lambda: sample(user))
    BaseUser.collect_metrics = collected
    OpenAIUser.send_request = sent
    connections.request = requested


def _is_empty(response: Any) -> bool:
    """A chat response that reports success and delivered nothing."""
    if response.status_code != 200 or not isinstance(response, UserChatResponse):
        return False
    return not response.tokens_received or response.time_at_first_token is None


def _unreadable(error: Exception) -> Any:
    if "no content was delivered" in str(error):
        return UserChatResponse(status_code=200)
    return UserResponse(status_code=500, error_message=f"{type(error).__name__}: {error}")


def _drained(traffic: Traffic, runner: Any) -> int:
    """Wait until all requests have ended or the limit is over; the seconds, at least 1."""
    lag, begin = LagMeter(), time.monotonic()
    while not traffic.finished and time.monotonic() - begin < traffic.plan.limit:
        gevent.sleep(POLL)
    traffic.write_client(max((lag.stop(), traffic.late), key=lambda late: late or 0.0))
    if traffic.broken:
        raise traffic.broken
    if traffic.finished:
        # All users have left by themselves. Stopping them would first inspect every module
        # that is imported, for a debug line: a tenth of a second.
        runner.update_state(STATE_STOPPED)
    return max(1, math.ceil(time.monotonic() - begin))
