"""Feasibility first: a hit beats every miss, a miss beats every failure."""

import itertools
from dataclasses import replace

import pytest

from core import score
from core.metrics import Distribution, Measurement
from core.task import Objective, Slo
from core.values import Failure, FailureKind, Purpose

SLO = Slo({"ttft_p95": 0.5, "tpot_p95": 0.03})
GOOD = Measurement(
    scenario="D(100,50)", concurrency=8, purpose=Purpose.SEARCH, requests=200, errors=0,
    error_rate=0.0, input_tokens=20_000, output_tokens=10_000, duration=10.0,
    throughput=1000.0, total_throughput=3000.0,
    ttft=Distribution(0.2, 0.2, 0.3, 0.4, 0.45), tpot=Distribution(0.02, 0.02, 0.02, 0.025, 0.03),
    e2e=Distribution(1.2, 1.2, 1.3, 1.4, 1.5), attainment=0.9,
)  # fmt: skip
LATE = replace(GOOD, ttft=replace(GOOD.ttft, p95=0.7), throughput=5000.0)
VOID = replace(GOOD, errors=200, error_rate=1.0, throughput=None)


def judge(data: Measurement, objective: Objective = Objective.THROUGHPUT, gpus: int = 1):
    return score.judge(data, SLO, objective, gpus)


def test_a_breach_names_the_limit_and_both_numbers():
    judged = judge(LATE)
    assert not judged.feasible
    assert judged.breaches == ("ttft_p95 0.7 s > 0.5 s",)
    assert judged.violation == pytest.approx(0.4)


def test_a_limit_met_exactly_is_met():
    assert judge(replace(GOOD, ttft=replace(GOOD.ttft, p95=0.5))).feasible


@pytest.mark.parametrize(
    ("objective", "gpus", "value"),
    [
        (Objective.THROUGHPUT, 4, 1000.0),
        (Objective.THROUGHPUT_PER_GPU, 4, 250.0),
        (Objective.THROUGHPUT_PER_GPU, 0, 1000.0),
        (Objective.GOODPUT, 1, 900.0),
        (Objective.LATENCY, 1, 1.4),
        (Objective.TTFT, 1, 0.4),
        (Objective.TPOT, 1, 0.025),
    ],
)
def test_objectives(objective: Objective, gpus: int, value: float):
    assert judge(GOOD, objective, gpus).value == pytest.approx(value)


def test_embeddings_are_scored_by_what_they_process():
    assert judge(replace(GOOD, output_tokens=0, throughput=0.0)).value == 3000.0


def test_floors_are_limits_from_below():
    slo = Slo({"throughput_min": 2000.0, "attainment": 0.95})
    judged = score.judge(GOOD, slo, Objective.THROUGHPUT, 1)
    assert {breach.split()[0] for breach in judged.breaches} == {"throughput_min", "attainment"}
    assert all("<" in breach for breach in judged.breaches)


def test_the_best_feasible_load_gives_the_score_not_the_fastest():
    slower = replace(GOOD, concurrency=4, throughput=600.0)
    judged = [judge(data) for data in (slower, GOOD, LATE)]
    result = score.outcome(judged, Objective.THROUGHPUT, ["D(100,50)"])
    assert (result.score, result.feasible, result.chosen) == (1000.0, True, 1)


def test_of_misses_the_nearest_counts():
    nearer = replace(LATE, ttft=replace(LATE.ttft, p95=0.55), throughput=10.0)
    result = score.outcome([judge(LATE), judge(nearer)], Objective.THROUGHPUT, ["D(100,50)"])
    assert (result.feasible, result.chosen) == (False, 1)


def test_several_scenarios_are_as_good_as_the_worst():
    other = replace(GOOD, scenario="D(1,1)", throughput=300.0)
    result = score.outcome(
        [judge(GOOD), judge(other)], Objective.THROUGHPUT, ["D(100,50)", "D(1,1)"]
    )
    assert result.score == 300.0
    missing = score.outcome([judge(GOOD)], Objective.THROUGHPUT, ["D(100,50)", "D(1,1)"])
    assert missing.score is None
    assert missing.failure is not None


def test_a_void_measurement_has_no_score_and_says_why():
    failure = Failure(FailureKind.BENCH_ERRORS, "all 200 requests failed: 503")
    judged = judge(replace(VOID, failure=failure))
    result = score.outcome([judged], Objective.THROUGHPUT, ["D(100,50)"])
    assert result.score is None
    assert result.failure == failure


@pytest.mark.parametrize("objective", list(Objective))
def test_the_order_of_outcomes(objective: Objective):
    best, worse = (0.1, 0.2) if score.lower_is_better(objective) else (0.2, 0.1)
    ordered = [
        score.Outcome(None, False),
        score.Outcome(best, False, violation=0.5),
        score.Outcome(worse, False, violation=0.002),
        score.Outcome(worse, True),
        score.Outcome(best, True),
    ]
    for low, high in itertools.pairwise(ordered):
        assert score.rank(low, objective) < score.rank(high, objective)


def test_gain_is_positive_when_better():
    assert score.gain(Objective.THROUGHPUT, 138.0, 100.0) == pytest.approx(0.38)
    assert score.gain(Objective.TTFT, 0.62, 1.0) == pytest.approx(0.38)
