"""Confirmation: what repeats may claim, in which order they are made, how often they are wrong."""

import itertools
import math
import random
import statistics
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchmarks import confirm_rates
from core.score import Arm, Decision, Searched, contenders, decide, levels, next_repeat
from core.score.compare import fit
from core.values import Objective

FAST, SLOW = Objective.THROUGHPUT, Objective.TTFT
NOISE = (1.01, 0.99, 1.02, 0.98, 1.0, 1.015, 0.985)


def arm(number: int, level: float, repeats: int = 3, **more) -> Arm:
    """Interleaved with the others of its task, with a noise of its own."""
    values = tuple(level * NOISE[(i + 2 * number) % len(NOISE)] for i in range(repeats))
    return Arm(number, values, tuple(100.0 * i + 10 * number for i in range(repeats)), **more)


def say(*arms: Arm, baseline: int | None = 0, objective: Objective = FAST, most: int = 7):
    return decide(arms, baseline, objective, most)


# The statistics


def test_two_arms_without_drift_are_compared_as_by_students_t():
    one, other = [3.0, 3.2, 2.9, 3.3], [2.5, 2.6, 2.4, 2.7]
    found = fit({1: [(5.0, y) for y in one], 2: [(5.0, y) for y in other]})
    t = found.difference(1, 2) / found.error(1, 2)
    expected = stats.ttest_ind(one, other)
    assert t == pytest.approx(expected.statistic)
    assert found.df == expected.df == 6


def test_a_drift_is_fitted_as_by_least_squares():
    source = random.Random(3)
    arms = {
        n: [(1.7e9 + 60 * (3 * i + n), source.gauss(n, 0.3) + 0.1 * i) for i in range(3 + n)]
        for n in range(3)
    }
    found = fit(arms)
    points = [(n, t - 1.7e9, y) for n, own in arms.items() for t, y in own]
    design = np.array([[n == 0, n == 1, n == 2, t] for n, t, _ in points], dtype=float)
    solved, rest, _, _ = np.linalg.lstsq(design, np.array([y for *_, y in points]))
    sigma = math.sqrt(rest[0] / (len(points) - 4))
    contrast = np.array([-1.0, 0, 1, 0])
    error = sigma * math.sqrt(contrast @ np.linalg.inv(design.T @ design) @ contrast)
    assert found.difference(2, 0) == pytest.approx(solved[2] - solved[0])
    assert found.error(2, 0) == pytest.approx(error)


def test_one_look_at_one_contender_is_the_t_test():
    assert levels.critical(0.025, 3, 3, 1, 4) == pytest.approx(stats.t.isf(0.025, 4), rel=1e-3)


@pytest.mark.parametrize(("arms", "value"), [(2, 1.916), (3, 2.062), (5, 2.234)])
def test_several_contenders_cost_what_dunnett_says(arms: int, value: float):
    many = 10**6
    assert levels.critical(0.05, 3, 3, arms, many) == pytest.approx(value, abs=2e-3)


def test_looks_together_use_up_the_chance_of_error_and_no_more():
    bounds = [levels.critical(0.025, look, 7, 1, 10**6) for look in range(3, 8)]
    assert bounds == sorted(bounds, reverse=True)
    drawn = np.random.default_rng(1).standard_normal((400_000, 7)).cumsum(axis=1)
    scaled = drawn[:, 2:] / np.sqrt(np.arange(3, 8))
    assert (scaled > bounds).any(axis=1).mean() == pytest.approx(0.025, abs=0.001)


# Verdicts


def test_a_clear_winner_after_three_repeats():
    said = say(arm(0, 100.0), arm(1, 138.0), arm(2, 137.0))
    assert (said.kind, said.best, said.tied, said.repeats) == ("winner", 1, (2,), 3)
    assert said.settled
    assert said.delta == pytest.approx(0.38, abs=0.03)
    assert said.interval is not None
    assert 0 < said.interval[0] < 0.38 < said.interval[1]


def test_of_winners_alike_the_one_with_fewer_gpus():
    said = say(arm(0, 100.0), arm(1, 138.0, gpus=4), arm(2, 137.0, gpus=2))
    assert (said.kind, said.best, said.tied) == ("winner", 2, (1,))


def test_a_tie_picks_the_cheaper():
    arms = [arm(0, 100.0, 7, gpus=2, latency=1.0), arm(1, 100.3, 7, gpus=2, latency=0.9)]
    assert (say(*arms).kind, say(*arms).best, say(*arms).tied) == ("tie", 1, (0,))
    fewer = replace(arms[0], gpus=1)
    said = say(fewer, arms[1])
    assert (said.best, said.tied, said.delta, said.settled) == (0, (1,), 0.0, True)
    assert say(replace(arms[0], latency=None), replace(arms[1], latency=None)).best == 0


def test_the_baseline_that_beats_every_contender():
    said = say(arm(0, 130.0, 4), arm(1, 100.0, 4), arm(2, 101.0, 4))
    assert (said.kind, said.best, said.delta, said.settled) == ("not_better", 0, 0.0, True)
    assert said.interval is not None
    assert said.interval[1] < 0
    assert said.note == "the interval is that of #2"


def test_too_small_to_count_is_a_tie_however_sure():
    exact = [Arm(n, (value,) * 3, (n, n + 10.0, n + 20.0)) for n, value in ((0, 1.0), (1, 1.004))]
    said = say(*exact)
    assert (said.kind, said.settled) == ("tie", True)
    assert said.interval == pytest.approx((0.0, 0.0), abs=0.005)


def test_fewer_than_three_repeats_are_unconfirmed():
    said = say(arm(0, 100.0, 2), arm(1, 150.0, 2))
    assert (said.kind, said.best, said.repeats, said.settled) == ("unconfirmed", 1, 2, False)
    assert said.note == "2 of 3 repeats"
    assert said.delta == pytest.approx(0.5, abs=0.05)
    assert say(arm(0, 100.0, 2), arm(1, 150.0, 2), most=2).settled
    assert say(arm(0, 100.0, 0), arm(1, 150.0, 0), most=0).settled


def test_only_the_baseline_needs_no_repeats():
    assert say(Arm(0)) == Decision("not_better", 0, 0.0, settled=True)
    missed = say(arm(0, 100.0, 2), replace(arm(1, 120.0, 2), feasible=False))
    assert (missed.kind, missed.best) == ("not_better", 0)


def test_a_contender_that_cannot_be_started_proves_nothing():
    said = say(arm(0, 100.0, 2), replace(arm(1, 150.0, 1), lost=True))
    assert (said.kind, said.best, said.settled) == ("unconfirmed", 0, True)
    assert said.note == "#1 could not be started again"


def test_without_a_baseline_to_start_there_is_no_verdict_or_the_one_so_far():
    few = say(replace(arm(0, 100.0, 2), lost=True), arm(1, 150.0, 3))
    assert (few.kind, few.best, few.settled) == ("unconfirmed", 1, True)
    assert "the baseline could not be started again" in few.note
    enough = say(replace(arm(0, 100.0, 3), lost=True), arm(1, 150.0, 4))
    assert (enough.kind, enough.best, enough.settled) == ("winner", 1, True)


def test_where_the_baseline_misses_the_limits_the_best_of_the_others_wins():
    others = [arm(1, 150.0), arm(2, 100.0)]
    missing = replace(arm(0, 500.0), feasible=False)
    for arms, baseline in (([missing, *others], 0), (others, None)):
        said = say(*arms, baseline=baseline)
        assert (said.kind, said.best, said.tied, said.delta) == ("winner", 1, (), None)
    alike = say(arm(1, 100.0, gpus=2), arm(2, 100.0, gpus=1), baseline=None)
    assert (alike.kind, alike.best, alike.tied) == ("tie", 2, (1,))
    assert say(arm(1, 100.0), baseline=None).kind == "winner"
    none = say(missing, baseline=None)
    assert (none.kind, none.settled) == ("unconfirmed", True)


def test_one_that_begins_anew_leaves_what_the_others_showed():
    said = say(arm(0, 100.0, 4), arm(1, 150.0, 4), arm(2, 140.0, 1))
    assert (said.kind, said.best, said.settled) == ("winner", 1, False)
    arms = [arm(0, 100.0, 4), arm(1, 150.0, 4), arm(2, 140.0, 1)]
    assert next_repeat(arms, 0, FAST, 7) == 2


def test_values_and_times_belong_together():
    with pytest.raises(ValueError, match="2 values at 1 times"):
        Arm(1, (1.0, 2.0), (0.0,))
    with pytest.raises(ValueError, match="nothing"):
        say()


def test_latencies_are_better_when_lower():
    up = [arm(0, 100.0, 4), arm(1, 112.0, 4)]
    down = [replace(a, values=tuple(1 / v for v in a.values)) for a in up]
    fast, slow = say(*up), say(*down, objective=SLOW)
    assert (fast.kind, slow.kind) == ("winner", "winner")
    assert fast.delta is not None
    assert slow.delta == pytest.approx(1 - 1 / (1 + fast.delta))
    # As `gain` has it: 0.38 is 38 % lower.
    means = [statistics.geometric_mean(a.values) for a in down]
    assert slow.delta == pytest.approx(1 - means[1] / means[0], abs=0.01)


# Which are started, and when


def test_contenders_are_those_near_the_best():
    found = [Searched(n, score) for n, score in enumerate((100.0, 99.0, 97.0, 90.0, 0.0), 1)]
    assert contenders(found, FAST) == (1, 2, 3)
    assert contenders(found, FAST, 2) == (1, 2)
    assert contenders(found, SLOW) == (4, 3)
    assert contenders([], FAST) == ()
    assert contenders([Searched(1, 5.0, 2), Searched(2, 5.0, 1)], FAST) == (2, 1)


def order(truths: dict[int, float], most: int = 7, sigma: float = 0.02, seed: int = 1):
    source = random.Random(seed)
    arms = {n: Arm(n) for n in truths}
    turns: list[int] = []
    while (number := next_repeat(list(arms.values()), 0, FAST, most)) is not None:
        own = arms[number]
        value = truths[number] * math.exp(source.gauss(0, sigma))
        arms[number] = replace(own, values=(*own.values, value), at=(*own.at, float(len(turns))))
        turns.append(number)
    return turns, say(*arms.values(), most=most)


def test_two_arms_alternate_until_the_limit():
    turns, said = order({0: 1.0, 1: 1.0})
    assert turns == [1, 0] * 7
    assert (said.kind, said.repeats, said.settled) == ("tie", 7, True)


def test_a_large_difference_needs_three_rounds():
    turns, said = order({0: 1.0, 1: 1.5}, sigma=0.01)
    assert turns == [1, 0] * 3
    assert said.kind == "winner"


def test_who_is_behind_is_started_no_more_and_the_rounds_stay_interleaved():
    turns, _ = order({0: 1.0, 1: 1.0, 2: 0.8, 3: 1.01, 4: 0.7})
    assert turns[:5] == [1, 2, 3, 4, 0]
    assert turns.count(4) == 1
    assert turns.count(2) == 2
    rounds = [list(own) for last, own in itertools.groupby(turns, lambda n: n == 0) if not last]
    assert all(len(set(own)) == len(own) for own in rounds)
    assert turns.count(0) == len(rounds) == 7


def test_one_that_turns_out_infeasible_makes_room_for_one_that_was_dropped():
    arms = [Arm(n, (100.0 + n,), (float(n),)) for n in range(5)]
    assert next_repeat(arms, 0, FAST, 7) == 2  # 1 was behind
    without = [replace(a, feasible=a.number != 4) for a in arms]
    assert next_repeat(without, 0, FAST, 7) == 1


# Whatever the values

VALUES = st.one_of(
    st.floats(0.9, 1.1), st.sampled_from([0.0, 1.0, 1.0, 1e-300, 1e300, -1.0, math.nan, math.inf])
)


@st.composite
def tasks(draw):
    arms = []
    for number in range(draw(st.integers(1, 5))):
        values = tuple(draw(st.lists(VALUES, max_size=8)))
        at = draw(
            st.lists(st.sampled_from([0.0, 1.7e9, 1.7e9 + 60]) | st.floats(0, 2e9),
                     min_size=len(values), max_size=len(values))
        )  # fmt: skip
        arms.append(Arm(
            number, values, tuple(at), draw(st.booleans()) or draw(st.booleans()),
            draw(st.integers(1, 2)), draw(st.none() | st.floats(0, 9)),
            draw(st.none() | VALUES), draw(st.integers(0, 5)) == 0,
        ))  # fmt: skip
    return arms


@settings(max_examples=300, deadline=None)
@given(tasks(), st.sampled_from([0, None, 9]), st.sampled_from([FAST, SLOW]), st.integers(0, 9))
def test_every_verdict_agrees_with_its_interval(arms, baseline, objective, most):
    said = decide(arms, baseline, objective, most)
    number = next_repeat(arms, baseline, objective, most)
    by_number = {a.number: a for a in arms}
    assert said.best in by_number
    assert said.best not in said.tied
    assert said.settled == (number is None)
    if number is not None:
        assert by_number[number].feasible
        assert not by_number[number].lost
        assert len(by_number[number].values) < max(most, 1)
    if said.kind in ("winner", "tie"):
        assert by_number[said.best].feasible
        assert said.repeats >= levels.LEAST_REPEATS
    if said.interval is not None:
        assert said.delta is not None
        low, high = said.interval
        assert low <= high
        assert all(map(math.isfinite, (low, high, said.delta)))
        if said.kind == "winner":
            assert 0 < low <= said.delta <= high
            assert said.delta > 0.0049
        if said.kind == "tie":
            assert low <= 0 <= high or (low > -0.0051 and high < 0.0051)
        if said.kind == "not_better":
            assert high < 0


# How often it is wrong


@pytest.mark.parametrize("model", ["measurement", "start", "drift", "walk"])
def test_configurations_that_are_alike_end_in_a_tie(model: str):
    case = confirm_rates.report(0.03, model, 7, 100)["rows"][0]["alike"]
    assert case["tie"] >= 0.93  # about 0.97 in the long run
    assert case["not_better"] <= 0.02


def test_a_difference_of_five_percent_is_found():
    document = confirm_rates.report(0.03, "measurement", 7, 100)
    case = document["rows"][0]["different"][1]
    assert case["right"] >= 0.84
    assert case["wrong"] <= 0.03
    assert case["repeats"] < 6.5
    table = confirm_rates.lines(document)
    assert [line.split()[:2] for line in table[2:5]] == [
        ["measurement", "A/A"], ["measurement", "+3%"], ["measurement", "+5%"],
    ]  # fmt: skip


def test_without_noise_nothing_is_wrong_and_three_repeats_are_enough():
    row = confirm_rates.report(0.0, "start", 1, 5)["rows"][0]
    assert row["alike"]["tie"] == 1
    assert [case["right"] for case in row["different"]] == [1, 1]
    assert row["different"][0]["by_repeats"] == {3: 5}


def test_an_unknown_noise_model_is_refused():
    with pytest.raises(ValueError, match="no noise model pink"):
        confirm_rates.report(0.03, "pink", 1, 1)
