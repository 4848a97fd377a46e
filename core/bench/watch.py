"""When a measurement is not worth going on with: a limit is missed for sure, or no steady state.

The second is what a load beyond the engine's capacity looks like: latency and the requests that
wait both climb. In a closed loop the number of users is fixed, so what climbs are the requests
that have no first token yet.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from core.metrics import LATENCIES, Request, succeeded, ttft

_FEWEST = 20
"""Counted requests before anything is ended early: how far beyond a limit is worth knowing too."""

_THIRD = 10
_TIMES_SLOWER = 2.0
_TIMES_MORE = 1.5


@dataclass(frozen=True, slots=True)
class Stop:
    """Why to end. `saturated`: there is no steady state whose figures would mean anything."""

    reason: str
    saturated: bool = False


class Watch:
    """Counts what misses a limit. `bounds` are the task's SLOs by name, `planned` how many
    requests are to be counted.
    """

    def __init__(self, bounds: Mapping[str, float], planned: int, concurrency: int) -> None:
        self._planned = planned
        self._least = max(_FEWEST, 2 * concurrency)
        self._percentiles = {
            (name, *_parts(name)): limit for name, limit in bounds.items() if _parts(name)
        }
        self._most_errors = bounds.get("error_rate")
        self._over = dict.fromkeys(bounds, 0)
        self._errors = 0
        self._counted: list[Request] = []

    def add(self, request: Request, pending: float) -> Stop | None:
        """One more request has ended; `pending`: when the oldest still under way was sent."""
        if request.warmup:
            return None
        self._counted.append(request)
        self._errors += not succeeded(request)
        for (name, metric, _), limit in self._percentiles.items():
            value = LATENCIES[metric](request) if succeeded(request) else None
            self._over[name] += value is not None and value > limit
        if len(self._counted) < self._least:
            return None
        return self._hopeless() or self._saturated(pending)

    def _hopeless(self) -> Stop | None:
        planned = self._planned - self._errors
        for (name, _, q), limit in self._percentiles.items():
            # The value at that rank (Hyndman and Fan's type 7) is then among those over it.
            allowed = planned - math.floor((planned - 1) * q / 100)
            if (over := self._over[name]) >= max(1, allowed):
                return Stop(f"{name} cannot be met any more: {over} requests took over {limit:g} s")
        allowed = self._most_errors
        if allowed is not None and self._errors > allowed * self._planned:
            return Stop(f"error_rate cannot be met any more: {self._errors} requests failed")
        return None

    def _saturated(self, pending: float) -> Stop | None:
        if len(self._counted) % _THIRD:
            return None
        # What was sent later than the oldest that is under way would show its fast ones only.
        settled = [r for r in self._counted if succeeded(r) and r.start < pending]
        return climbing(settled)


def climbing(requests: Sequence[Request]) -> Stop | None:
    """A stop when TTFT and waiting requests both rise from third to third of `requests`."""
    ranked = sorted(requests, key=lambda request: request.start)
    size = len(ranked) // 3
    if size < _THIRD:
        return None
    thirds = [ranked[:size], ranked[size : 2 * size], ranked[2 * size : 3 * size]]
    slow = [median(ttft(request) or 0.0 for request in third) for third in thirds]
    waiting = _waiting(ranked, thirds)
    slower = slow[0] < slow[1] < slow[2] and slow[2] > _TIMES_SLOWER * slow[0]
    more = waiting[0] < waiting[1] < waiting[2] and waiting[2] > _TIMES_MORE * waiting[0]
    if not (slower and more):
        return None
    text = f"over-saturated: TTFT went from {slow[0]:.3g} s to {slow[2]:.3g} s and goes on rising"
    return Stop(text, saturated=True)


def _waiting(ranked: Sequence[Request], thirds: Sequence[Sequence[Request]]) -> list[float]:
    """Mean number of requests without a first token whenever one of each third was sent."""
    starts = [request.start for request in ranked]
    firsts = sorted(request.first_token or request.end for request in ranked)
    return [
        fmean(bisect_right(starts, r.start) - bisect_right(firsts, r.start) for r in third)
        for third in thirds
    ]


def _parts(name: str) -> tuple[str, int] | tuple[()]:
    """Metric and percentile of a limit such as `ttft_p95`; nothing for another kind."""
    metric, _, statistic = name.partition("_")
    if metric not in LATENCIES or not statistic.startswith("p"):
        return ()
    return metric, int(statistic[1:])
