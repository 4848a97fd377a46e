"""Metrics from request timelines, against hand-computed numbers."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from statistics import quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.metrics import (
    LOW_N,
    Measurement,
    Request,
    attainment,
    delivered,
    distribution,
    e2e,
    measured_requests,
    percentile,
    read_timeline,
    steady_window,
    summarize,
    tpot,
    ttft,
)
from core.values import Purpose


def request(start: float, first: float, end: float, tokens: int = 10, **kw: object) -> Request:
    return replace(Request(start, first, end, 5, tokens), **kw)  # type: ignore[arg-type]


def lockstep(rounds: int, users: int = 2) -> list[Request]:
    """Users that run in step: 1 s to the first token, 1 s for the other nine."""
    return [
        request(2.0 * n, 2.0 * n + 1, 2.0 * n + 2, warmup=n == 0)
        for n in range(rounds)
        for _ in range(users)
    ]


def summary(requests: list[Request], users: int = 2, **kw: object) -> Measurement:
    arguments = {
        "scenario": "D(5,10)",
        "concurrency": users,
        "purpose": Purpose.SEARCH,
        "limits": {},
    }
    return summarize(requests, **(arguments | kw))  # type: ignore[arg-type]


def test_latencies_of_one_request() -> None:
    one = request(10.0, 10.5, 12.5, tokens=5)
    assert ttft(one) == 0.5
    assert tpot(one) == 2.0 / 4
    assert e2e(one) == 2.5
    assert tpot(replace(one, output_tokens=1)) is None
    assert ttft(replace(one, first_token=None, error=429)) is None


def test_percentile_interpolates_like_type_7() -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0], 50) == 2.5
    assert percentile([1.0, 2.0, 3.0, 4.0, 5.0], 90) == pytest.approx(4.6)
    assert percentile([7.0], 99) == 7.0
    values = [float(n * n) for n in range(1, 31)]
    expected = quantiles(values, n=100, method="inclusive")
    for q in (50, 90, 95, 99):
        assert percentile(values, q) == pytest.approx(expected[q - 1])
    with pytest.raises(ValueError, match="at least one"):
        percentile([], 50)


def test_distribution_of_nothing_is_none() -> None:
    assert distribution([]).p99 is None
    assert distribution([3.0, 1.0]).mean == 2.0


def test_requests_are_raised_to_four_per_user() -> None:
    assert measured_requests(200, 8) == 200
    assert measured_requests(200, 64) == 256


def test_users_in_step_give_their_exact_rate() -> None:
    # The start burst ends at 2; the last requests are issued at 8: three whole rounds of
    # 2 users x 10 tokens in 6 s. Nothing of the drain after 8 may change that.
    result = summary(lockstep(5))
    assert steady_window(lockstep(5), 2) == (2.0, 8.0)
    assert result.duration == 6.0
    assert result.throughput == pytest.approx(10.0)
    assert result.total_throughput == pytest.approx(15.0)
    assert (result.started, result.ended) == (0.0, 10.0)


def test_users_out_of_step_give_their_exact_rate() -> None:
    # One user half a round behind the other; the window is 3..11, two users x 10 tokens / 2 s.
    late = [
        replace(r, start=r.start + 1, first_token=(r.first_token or 0) + 1, end=r.end + 1)
        for r in lockstep(6, users=1)
    ]
    result = summary(lockstep(6, users=1) + late)
    assert result.duration == 8.0
    assert result.throughput == pytest.approx(10.0)


def test_the_part_of_a_request_inside_the_window_counts() -> None:
    one = request(0.0, 1.0, 5.0, tokens=9)
    assert delivered(one, 0.5, 3.0) == (5.0, 1 + 8 * 0.5)
    assert delivered(one, 1.0, 5.0) == (0.0, 8.0)  # (begin, end]: the first token is outside
    assert delivered(one, 5.0, 9.0) == (0.0, 0.0)
    assert delivered(request(0.0, 1.0, 1.0, tokens=3), 0.0, 1.0) == (5.0, 3.0)
    assert delivered(replace(one, error=500, first_token=None), 0.0, 9.0) == (0.0, 0.0)


def test_a_short_run_is_taken_whole() -> None:
    # The last request is issued when the burst ends: no steady window at all.
    result = summary(lockstep(2))
    assert result.duration == 4.0
    assert result.throughput == pytest.approx(4 * 10 / 4.0)


def test_the_start_burst_is_in_no_percentile() -> None:
    burst = [request(0.0, 50.0, 51.0, warmup=True) for _ in range(2)]
    later = [request(51.0 + n, 51.25 + n, 52.0 + n) for n in range(8)]
    result = summary(burst + later)
    assert result.requests == 8
    assert result.ttft.p99 == pytest.approx(0.25)
    assert result.output_tokens == 80


def test_embeddings_have_input_throughput_only() -> None:
    result = summary([replace(r, output_tokens=0, first_token=r.end) for r in lockstep(5)])
    assert result.throughput == 0.0
    assert result.total_throughput == pytest.approx(5.0)  # 2 users x 5 tokens in 2 s
    assert result.tpot.p50 is None


def test_errors_are_counted_and_are_misses() -> None:
    bad = [request(20.0 + n, 0, 20.5 + n, 0, error=429, first_token=None) for n in range(2)]
    good = [r for r in lockstep(5) if not r.warmup]
    result = summary(good + bad, limits={"e2e": 2.5})
    assert (result.requests, result.errors, result.error_rate) == (10, 2, 0.2)
    assert result.attainment == 0.8


def test_attainment_needs_every_limit() -> None:
    requests = [request(0.0, 0.1, 1.0), request(0.0, 0.9, 1.0), request(0.0, 0.1, 9.0)]
    assert attainment(requests, {"ttft": 0.5}) == pytest.approx(2 / 3)
    assert attainment(requests, {"ttft": 0.5, "e2e": 2.0}) == pytest.approx(1 / 3)
    assert attainment([request(0.0, 0.1, 1.0, tokens=1)], {"tpot": 0.001}) == 1.0
    assert attainment([], {}) is None
    with pytest.raises(KeyError):
        attainment(requests, {"ttft_p95": 0.5})


def test_nothing_that_succeeded_has_no_throughput() -> None:
    failed = [replace(r, error=503, first_token=None, output_tokens=0) for r in lockstep(5)]
    result = summary(failed)
    assert (result.throughput, result.total_throughput, result.error_rate) == (None, None, 1.0)
    assert summary([]).throughput is None
    assert summary([]).attainment is None


def test_a_client_is_the_bound_when_its_delay_shows_in_ttft() -> None:
    slow = lockstep(5)  # TTFT 1 s: up to 100 ms of delay do not matter
    assert not summary(slow, client_lag=0.09).client_bound
    assert summary(slow, client_lag=0.11).client_bound
    fast = [replace(r, first_token=r.start + 0.01) for r in slow]
    assert not summary(fast, client_lag=0.004).client_bound
    assert summary(fast, client_lag=0.006).client_bound
    assert not summary(fast).client_bound


def test_low_n_is_about_successful_requests() -> None:
    many = [request(n / 10, n / 10 + 0.5, n / 10 + 1) for n in range(LOW_N)]
    assert not summary(many).low_n
    assert summary([*many[1:], replace(many[0], error=500, first_token=None)]).low_n


def test_a_torn_timeline_keeps_its_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    whole = [asdict(request(2.0, 2.5, 3.0)), asdict(request(1.0, 1.5, 2.0, warmup=True))]
    text = "\n".join(json.dumps(line) for line in whole)
    path.write_text(f'{text}\n{{"start": NaN, "end": 1}}\n[1]\n{json.dumps(whole[0])[:-7]}')
    assert read_timeline(path) == (request(1.0, 1.5, 2.0, warmup=True), request(2.0, 2.5, 3.0))
    assert read_timeline(tmp_path / "none.jsonl") == ()


@given(st.binary(max_size=400))
def test_reading_never_fails_on_content(tmp_path_factory: pytest.TempPathFactory, data: bytes):
    path = tmp_path_factory.mktemp("timeline") / "requests.jsonl"
    path.write_bytes(data)
    assert isinstance(read_timeline(path), tuple)


times = st.floats(-1e10, 1e10)
requests = st.builds(
    Request,
    start=times,
    first_token=st.none() | times,
    end=times,
    input_tokens=st.integers(0, 10**7),
    output_tokens=st.integers(0, 10**7),
    error=st.none() | st.integers(-1, 599),
    warmup=st.booleans(),
)


@given(st.lists(requests, max_size=12), st.integers(1, 8), st.floats(0, 10))
def test_no_timeline_breaks_the_summary(found: list[Request], users: int, limit: float) -> None:
    result = summary(found, users, limits={"ttft": limit, "tpot": limit, "e2e": limit})
    for rate in (result.throughput, result.total_throughput):
        assert rate is None or (math.isfinite(rate) and rate >= 0)
    assert 0 <= result.error_rate <= 1
    assert result.attainment is None or 0 <= result.attainment <= 1 - result.error_rate + 1e-9
    for pooled in (result.ttft, result.tpot, result.e2e):
        known = [p for p in (pooled.p50, pooled.p90, pooled.p95, pooled.p99) if p is not None]
        assert known == sorted(known)
        assert len(known) in (0, 4)
