"""What a measurement is. Times in seconds, throughputs in tokens/s."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.values import Failure, Purpose


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the client saw it. `start`, `first_token`, `end` are epoch seconds.

    `first_token` is None for an error. `error` is the HTTP status or genai-bench's code,
    None when it succeeded. `warmup` requests belong to the start burst: they are in the
    timeline, and never in a percentile. `asked`: the output tokens it asked for, None when the
    engine decided.
    """

    start: float
    first_token: float | None
    end: float
    input_tokens: int
    output_tokens: int
    error: int | None = None
    message: str | None = None
    warmup: bool = False
    asked: int | None = None


@dataclass(frozen=True, slots=True)
class Distribution:
    """Mean and percentiles of pooled requests, in seconds; None when nothing counted."""

    mean: float | None = None
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """One (scenario, concurrency) on one start.

    `duration` is the steady window; `throughput` (output tokens/s) and `total_throughput`
    (input + output) are tokens inside it over its length. `requests`, `errors` and the token
    sums count the requests that are not warm-up. `attainment` is the share of those that
    met every per-request limit. `client_lag` is the client's own 95th-percentile scheduling
    delay. `low_n`: too few requests for the 99th percentile; `low_statistics` names each
    statistic that rests on too few. `failure` says why a measurement is partial or void.

    `turn` counts the looks at one load on one start; from the second on it holds the requests
    of all looks, pooled. `stopped`: why it was ended before its requests were sent, in words;
    `saturated`: because latency and waiting requests both climbed, so that there is no steady
    state. `cache_reset`: whether the engine emptied its prefix cache before (None: not asked
    to). `short` counts successful answers with fewer tokens than were asked for.
    """

    scenario: str
    concurrency: int
    purpose: Purpose
    requests: int
    errors: int
    error_rate: float
    input_tokens: int
    output_tokens: int
    duration: float
    throughput: float | None
    total_throughput: float | None
    ttft: Distribution = field(default_factory=Distribution)
    tpot: Distribution = field(default_factory=Distribution)
    e2e: Distribution = field(default_factory=Distribution)
    attainment: float | None = None
    client_lag: float | None = None
    client_bound: bool = False
    low_n: bool = False
    started: float = 0.0
    ended: float = 0.0
    failure: Failure | None = None
    turn: int = 1
    stopped: str | None = None
    saturated: bool = False
    cache_reset: bool | None = None
    short: int = 0

    @property
    def low_statistics(self) -> tuple[str, ...]:
        """The percentiles that too few successful requests stand behind, such as `p99`."""
        good = self.requests - self.errors
        return tuple(name for name, least in FEWEST.items() if good < least)


FEWEST = {"p50": 4, "p90": 20, "p95": 40, "p99": 200}
"""Successful requests below which fewer than two values lie beyond a percentile."""

LOW_N = FEWEST["p99"]

SHORTEST_WINDOW = 0.2
"""Seconds: in a shorter steady window single requests decide the throughput."""


def measured_requests(requests: int, concurrency: int) -> int:
    """How many requests to measure: at least four per concurrent user.

    Fewer would leave less than three full rounds between the start burst and the drain.
    """
    return max(requests, 4 * concurrency)


def succeeded(request: Request) -> bool:
    return request.error is None and request.first_token is not None


def ttft(request: Request) -> float | None:
    """Time to first token: first token - start."""
    if request.first_token is None:
        return None
    return max(0.0, request.first_token - request.start)


def tpot(request: Request) -> float | None:
    """Time per output token: (end - first token) / (output tokens - 1), from two tokens on."""
    if request.first_token is None or request.output_tokens < 2:
        return None
    return max(0.0, request.end - request.first_token) / (request.output_tokens - 1)


def e2e(request: Request) -> float | None:
    """End-to-end latency: end - start."""
    return max(0.0, request.end - request.start)


LATENCIES: Mapping[str, Callable[[Request], float | None]] = {
    "ttft": ttft,
    "tpot": tpot,
    "e2e": e2e,
}
"""The latencies a per-request limit may name."""


def percentile(values: Sequence[float], q: float) -> float:
    """The q-th percentile (0..100) of ascending `values`, by linear interpolation.

    Hyndman and Fan's type 7, numpy's default: position (n - 1) * q / 100 between the order
    statistics. Raises ValueError when `values` is empty.
    """
    if not values:
        raise ValueError("a percentile needs at least one value")
    position = (len(values) - 1) * q / 100
    low = math.floor(position)
    lower, upper = values[low], values[min(low + 1, len(values) - 1)]
    # min(): rounding must not lift an interpolated value above its upper neighbour.
    return min(upper, lower + (upper - lower) * (position - low))


def distribution(values: Sequence[float]) -> Distribution:
    """Mean and percentiles of pooled values; all None when there are none."""
    if not values:
        return Distribution()
    ranked = sorted(values)
    p50, p90, p95, p99 = (percentile(ranked, q) for q in (50, 90, 95, 99))
    return Distribution(math.fsum(ranked) / len(ranked), p50, p90, p95, p99)


def read_timeline(path: Path) -> tuple[Request, ...]:
    """The requests of a `requests.jsonl`, by start time.

    A missing file is an empty timeline. A line that is not a whole request (torn by a kill,
    or a time that is not finite) is left out. Raises OSError when the file cannot be read.
    """
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return ()
    found = [request for line in lines if (request := _request(line)) is not None]
    return tuple(sorted(found, key=lambda request: request.start))


def _request(line: bytes) -> Request | None:
    try:
        raw = json.loads(line)
        first, error, message = raw["first_token"], raw["error"], raw["message"]
        return Request(
            start=_finite(raw["start"]),
            first_token=None if first is None else _finite(first),
            end=_finite(raw["end"]),
            input_tokens=max(0, int(_finite(raw["input_tokens"]))),
            output_tokens=max(0, int(_finite(raw["output_tokens"]))),
            error=None if error is None else int(_finite(error)),
            message=None if message is None else str(message),
            warmup=bool(raw["warmup"]),
            asked=None if raw["asked"] is None else int(_finite(raw["asked"])),
        )
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def _finite(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("not a number")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


def steady_window(requests: Sequence[Request], concurrency: int) -> tuple[float, float]:
    """Begin and end of the time in which `concurrency` requests were always in flight.

    It begins when the last request of the start burst has ended and ends when the last
    request was issued. At both ends a user has just handed in one request and sent the next,
    so users that run in step (fixed lengths) contribute whole rounds: beginning at the first
    tokens instead would count a round's tokens without its prefill, up to a third too many
    with four rounds. When that window is shorter than 0.2 s or fewer than `concurrency`
    requests succeeded inside it, it is first start to last end: ramp-up and drain included,
    and therefore a little low. `requests` must not be empty.
    """
    if window := _steady(requests, concurrency):
        return window
    return min(request.start for request in requests), max(request.end for request in requests)


def _steady(requests: Sequence[Request], concurrency: int) -> tuple[float, float] | None:
    first = min(request.start for request in requests)
    begin = max((request.end for request in requests if request.warmup), default=first)
    end = max(request.start for request in requests)
    inside = sum(succeeded(request) and begin < request.end <= end for request in requests)
    if end - begin >= SHORTEST_WINDOW and inside >= concurrency:
        return begin, end
    return None


def delivered(request: Request, begin: float, end: float) -> tuple[float, float]:
    """Input and output tokens of a request that fall into (begin, end].

    The prompt and the first output token count when the first token arrives, the other
    output tokens evenly from then to the end.
    """
    if not succeeded(request) or request.first_token is None:
        return 0.0, 0.0
    first, last = request.first_token, max(request.first_token, request.end)
    at_first = 1.0 if begin < first <= end else 0.0
    rest = max(0, request.output_tokens - 1)
    if last > first:
        share = max(0.0, min(last, end) - max(first, begin)) / (last - first)
    else:
        share = at_first
    return request.input_tokens * at_first, min(1, request.output_tokens) * at_first + rest * share


def attainment(requests: Sequence[Request], limits: Mapping[str, float]) -> float | None:
    """Share of requests that met every limit (`ttft`, `tpot`, `e2e`: seconds).

    Errors are misses. A latency that a request does not have (TPOT of one token) is met.
    None when there are no requests; KeyError for a limit of another name.
    """
    if not requests:
        return None
    measures = [(LATENCIES[name], limit) for name, limit in limits.items()]

    def met(request: Request) -> bool:
        times = ((measure(request), limit) for measure, limit in measures)
        return succeeded(request) and all(time is None or time <= most for time, most in times)

    return sum(map(met, requests)) / len(requests)


def summarize(
    *looks: Sequence[Request],
    scenario: str,
    concurrency: int,
    purpose: Purpose,
    limits: Mapping[str, float],
    client_lag: float | None = None,
    failure: Failure | None = None,
    turn: int = 1,
    stopped: str | None = None,
    saturated: bool = False,
) -> Measurement:
    """One measurement from its timelines, whole or partial; several looks are pooled.

    Latencies, counts and token sums leave the start bursts out; throughput is that of the
    steady windows, and None when nothing succeeded. `limits` are those of `attainment`.
    """
    requests = [request for look in looks for request in look]
    counted = [request for request in requests if not request.warmup]
    good = [request for request in counted if succeeded(request)]
    errors = len(counted) - len(good)
    duration, output, total = _throughput(looks, concurrency)
    times = {name: _pooled(good, measure) for name, measure in LATENCIES.items()}
    return Measurement(
        scenario=scenario,
        concurrency=concurrency,
        purpose=purpose,
        requests=len(counted),
        errors=errors,
        error_rate=errors / len(counted) if counted else 0.0,
        input_tokens=sum(request.input_tokens for request in counted),
        output_tokens=sum(request.output_tokens for request in counted),
        duration=duration,
        throughput=output,
        total_throughput=total,
        ttft=times["ttft"],
        tpot=times["tpot"],
        e2e=times["e2e"],
        attainment=attainment(counted, limits),
        client_lag=client_lag,
        client_bound=_client_bound(client_lag, times["ttft"]),
        low_n=len(good) < LOW_N,
        started=min((request.start for request in requests), default=0.0),
        ended=max((request.end for request in requests), default=0.0),
        failure=failure,
        turn=turn,
        stopped=stopped or _unsteady(looks, concurrency),
        saturated=saturated,
        short=sum(r.asked is not None and r.output_tokens < r.asked for r in good),
    )


def _throughput(
    looks: Sequence[Sequence[Request]], concurrency: int
) -> tuple[float, float | None, float | None]:
    """Length of the windows together, output and total tokens/s inside them."""
    length, read, written = 0.0, 0.0, 0.0
    for requests in looks:
        if requests:
            begin, end = steady_window(requests, concurrency)
            length += max(0.0, end - begin)
            parts = [delivered(request, begin, end) for request in requests]
            read += math.fsum(part[0] for part in parts)
            written += math.fsum(part[1] for part in parts)
    # Below a microsecond the clock decides, not the engine.
    if length < 1e-6 or not any(succeeded(request) for look in looks for request in look):
        return length, None, None
    return length, written / length, (read + written) / length


def _unsteady(looks: Sequence[Sequence[Request]], concurrency: int) -> str | None:
    """Said of a measurement that had to be ended before there was a steady window."""
    for requests in looks:
        if any(map(succeeded, requests)) and not _steady(requests, concurrency):
            return "no steady window: its figures hold ramp-up and drain too"
    return None


def _pooled(
    requests: Sequence[Request], measure: Callable[[Request], float | None]
) -> Distribution:
    return distribution([time for r in requests if (time := measure(r)) is not None])


def _client_bound(lag: float | None, first_token: Distribution) -> bool:
    """Whether the client's own delay is part of what was measured.

    A late event loop stamps a first token late by up to its delay, and holds back the next
    request. Up to 5 ms (timers and the kernel's scheduler) or a tenth of the median TTFT that
    does not change a judgement.
    """
    if lag is None:
        return False
    return lag > max(0.005, 0.1 * (first_token.p50 or 0.0))
