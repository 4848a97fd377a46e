"""Which requests are sent and what becomes of them, in the process of one measurement."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from locust.exception import StopUser

from core.bench.plan import CLIENT, TIMELINE, Plan
from core.bench.watch import Stop, Watch
from core.metrics import Request, percentile

STEADY_SECONDS = 2.0
"""A shorter window is lengthened: in it single steps of the engine would decide."""

_ROUND = 1.5  # times the slowest request so far: how long another round is taken to last


class Traffic:
    """Issues `concurrency` warm-up requests and then `requests` more, and records them all.

    It goes on beyond the number of requests, and beyond `max_duration`, where there would be
    no steady window to count in, as long as the measurement's limit leaves time for a round.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.issued = 0
        self.ended = 0
        self.broken: Exception | None = None
        self.stop: Stop | None = None
        self._first: float | None = None
        self._last = 0.0
        self._warm = plan.concurrency  # of the start burst, still under way
        self._steady: float | None = None  # since when all of it has ended
        self._good = 0
        self._inside = 0
        self._slowest = 0.0
        self._sent: dict[object, float] = {}
        self._late: list[float] = []
        self._pending: dict[object, tuple[float, bool, int | None]] = {}
        self._watch = Watch(plan.bounds, plan.requests, plan.concurrency)
        # Monotonic times plus one offset: a clock that is set meanwhile moves no request.
        self._offset = time.time() - time.monotonic()
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        self._timeline = os.open(plan.folder / TIMELINE, flags, 0o644)

    @property
    def closed(self) -> bool:
        """True when no further request is to be issued."""
        if self.broken or self.stop:
            return True
        if self._first is None or self.issued < self.plan.concurrency:
            return False
        elapsed = time.monotonic() - self._first
        late = elapsed >= self.plan.max_duration
        enough = self.issued >= self.plan.concurrency + self.plan.requests
        return (enough or late) and not self._lengthened(elapsed, late=late)

    @property
    def finished(self) -> bool:
        return self.broken is not None or (self.closed and self.ended >= self.issued)

    def issue(self, user: object, sample: Callable[[], Any]) -> Any:
        """A sampled request for a user; StopUser when there is to be none."""
        if self.closed:
            raise StopUser
        warmup = self.issued < self.plan.concurrency
        self.issued += 1
        try:
            request = sample()
        except Exception as error:
            self.broken = error
            raise StopUser from error
        self._last = start = time.monotonic()
        self._first = self._first or start
        self._pending[user] = start, warmup, _asked(request)
        return request

    def sent(self, user: object) -> None:
        """A user's request has left: from now on it is the server's.

        When many answers end at once, dozens of requests are made up one after the other. What
        each waits for the others is the client's time, and no part of a latency.
        """
        self._sent[user] = time.monotonic()

    @property
    def late(self) -> float | None:
        """95th percentile of the seconds for which the client held a request back."""
        return percentile(sorted(self._late), 95) if self._late else None

    def record(self, user: object, response: Any, error: int | None, message: str | None) -> None:
        """Write one request that has ended. A failed one has no times of its own."""
        start, warmup, asked = self._pending.pop(user)
        left = self._sent.pop(user, None)
        ended = time.monotonic()
        if error is None:
            first, end = response.time_at_first_token, response.end_time
            start = response.start_time if left is None else left
            if not warmup:
                self._late.append(start - response.start_time)
            tokens = response.num_prefill_tokens or 0, getattr(response, "tokens_received", 0) or 0
        else:
            first, end, tokens = None, ended, (0, 0)
        first = None if first is None else first + self._offset
        request = Request(
            start + self._offset, first, end + self._offset, *tokens, error, message, warmup, asked
        )
        self._write(request)
        self.ended += 1
        self._count(request, ended)

    def write_client(self, lag: float | None) -> None:
        """What the client knows of itself: its delay in seconds, its counts, why it stopped."""
        facts: dict[str, object] = {"lag_p95": lag, "issued": self.issued, "ended": self.ended}
        if self.stop:
            facts |= {"stopped": self.stop.reason, "saturated": self.stop.saturated}
        (self.plan.folder / CLIENT).write_text(json.dumps(facts) + "\n")

    def _lengthened(self, elapsed: float, *, late: bool) -> bool:
        """Whether more is to be sent than was asked for, to have a window worth counting in."""
        if self.ended >= self.plan.concurrency and 2 * self._good < self.ended:
            return False  # mostly errors: more of them would tell no more
        if self._steady is not None and self._inside > self.plan.concurrency:
            # The window that is counted in ends with the request that was issued last.
            length = math.inf if late else self._last - self._steady
            if length >= STEADY_SECONDS:
                return False
        return elapsed + _ROUND * self._slowest < self.plan.limit

    def _count(self, request: Request, ended: float) -> None:
        good = request.error is None
        self._good += good
        self._slowest = max(self._slowest, request.end - request.start)
        if request.warmup:
            self._warm -= 1
            if self._warm == 0:
                self._steady = ended
        elif self._steady is not None:
            self._inside += good
        oldest = min((start for start, *_ in self._pending.values()), default=ended)
        self.stop = self.stop or self._watch.add(request, oldest + self._offset)

    def _write(self, request: Request) -> None:
        line = json.dumps(asdict(request)).encode() + b"\n"
        try:
            while line:  # the last one that a disk takes may be taken in part
                line = line[os.write(self._timeline, line) :]
        except OSError as error:
            self.broken = error


def _asked(request: Any) -> int | None:
    """Output tokens that the engine must not stop before; None when it may end an answer."""
    given = getattr(request, "additional_request_params", None) or {}
    return getattr(request, "max_tokens", None) if given.get("ignore_eos") else None
