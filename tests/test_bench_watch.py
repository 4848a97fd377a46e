"""When a measurement is ended early: a limit that is missed for sure, no steady state."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from core.bench.watch import Stop, Watch, climbing
from core.metrics import Request, percentile


def request(start: float, ttft: float, *, error: int | None = None) -> Request:
    first = None if error else start + ttft
    return Request(start, first, start + ttft + 0.1, 10, 5, error)


def fed(watch: Watch, requests: list[Request]) -> tuple[Stop | None, int]:
    """What ended it, and after how many requests."""
    for count, one in enumerate(requests, 1):
        if stop := watch.add(one, math.inf):
            return stop, count
    return None, len(requests)


@given(
    st.lists(st.floats(0.01, 1.0), min_size=20, max_size=300),
    st.sampled_from([50, 90, 95, 99]),
    st.floats(0.02, 0.9),
)
def test_it_ends_only_what_would_have_missed_its_limit(
    times: list[float], q: int, limit: float
) -> None:
    requests = [request(float(at), time) for at, time in enumerate(times)]
    watch = Watch({f"ttft_p{q}": limit}, len(times), 1)
    stop, count = fed(watch, requests)
    measured = sorted(r.first_token - r.start for r in requests if r.first_token)
    if stop and not stop.saturated:
        assert count >= 20
        assert percentile(measured, q) > limit
    if all(time > limit + 1e-6 for time in times):
        assert stop is not None


def test_errors_beyond_the_share_allowed_end_it() -> None:
    requests = [request(float(i), 0.1, error=503 if i % 2 else None) for i in range(100)]
    stop, count = fed(Watch({"error_rate": 0.1}, 100, 4), requests)
    assert stop == Stop("error_rate cannot be met any more: 11 requests failed")
    assert count == 22


def test_limits_that_no_single_request_decides_end_nothing() -> None:
    bounds = {"ttft_mean": 0.01, "throughput_min": 1e9, "attainment": 1.0, "error_rate": 0.01}
    requests = [request(i / 10, 0.5) for i in range(200)]
    assert fed(Watch(bounds, 200, 4), requests) == (None, 200)


def test_latency_and_waiting_requests_that_both_climb_are_no_steady_state() -> None:
    rising = [request(i / 10, 0.1 + i * 0.02) for i in range(60)]
    stop = climbing(rising)
    assert stop is not None
    assert stop.saturated
    assert "goes on rising" in stop.reason


@given(st.lists(st.floats(0.05, 0.08), min_size=60, max_size=60))
def test_a_steady_state_is_not_ended(times: list[float]) -> None:
    assert climbing([request(i / 10, time) for i, time in enumerate(times)]) is None


def test_a_latency_that_has_risen_and_stays_is_not_ended() -> None:
    times = [0.1] * 20 + [0.5] * 40
    assert climbing([request(i / 10, time) for i, time in enumerate(times)]) is None
