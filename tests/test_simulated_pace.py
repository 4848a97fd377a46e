"""What makes the simulated engine slower or faster than its model, in pure numbers."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean, stdev
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engines.simserver.engine import Setup
from core.engines.simserver.flags import Options
from core.engines.simserver.pace import SPELL_SECONDS, Pace
from core.engines.simserver.strain import outcome
from core.engines.simserver.timeline import Timeline
from core.engines.simserver.truth import Prediction, predict

STILL = Options(noise=0.0)


def told(options: Options, concurrency: int) -> Prediction:
    setup = Setup.of(options)
    return predict(setup.scheduler(), setup.speed, concurrency, 60, 40)


def test_without_flags_a_step_takes_what_the_model_says() -> None:
    pace = Pace(STILL)
    assert {pace.factor(seconds) for seconds in range(0, 600, 7)} == {1.0}


@pytest.mark.parametrize(
    ("drift", "seconds", "factor"),
    [(0.5, 60, 1.5), (0.5, 120, 2.0), (-0.25, 60, 0.75), (-1, 90, 0.1)],
)
def test_drift_is_told_per_minute_of_serving(drift: float, seconds: float, factor: float) -> None:
    state = Pace(replace(STILL, drift=drift)).state(seconds)
    assert state.drift == pytest.approx(factor)
    assert state.mean == pytest.approx(factor)


def test_slow_spells_come_at_their_mean_distance_and_last_a_second() -> None:
    pace = Pace(replace(STILL, burst_every=9.0, burst_factor=3.0))
    tick, seconds = 0.05, 20_000
    slow = [pace.state(number * tick).burst > 1 for number in range(int(seconds / tick))]

    begun = sum(now and not before for before, now in zip([False, *slow], slow, strict=False))
    assert begun == pytest.approx(seconds / 10, rel=0.07)
    assert sum(slow) * tick == pytest.approx(begun * SPELL_SECONDS, rel=0.07)


def test_the_mean_factor_is_what_a_long_measurement_sees() -> None:
    pace, now, steps = Pace(replace(STILL, burst_every=3.0, burst_factor=2.5, drift=0.0)), 0.0, 0
    while now < 20_000:
        now += 0.02 * pace.factor(now)
        steps += 1
    assert now / (steps * 0.02) == pytest.approx(pace.state(now).mean, rel=0.01)


def test_spells_and_steps_are_the_same_for_the_same_seed() -> None:
    def factors(seed: int) -> list[float]:
        pace = Pace(Options(seed=seed, noise=0.1, burst_every=2.0))
        return [pace.factor(number / 4) for number in range(200)]

    assert factors(1) == factors(1)
    assert factors(1) != factors(2)


def test_every_start_has_a_speed_of_its_own_unless_a_seed_draws_it() -> None:
    noisy = replace(STILL, start_noise=0.05)
    assert Pace(noisy).state(0).start != Pace(noisy).state(0).start
    assert Pace(replace(noisy, start_seed=4)).state(0) == Pace(replace(noisy, start_seed=4)).state(
        0
    )

    drawn = [Pace(noisy).state(0).start for _ in range(3000)]
    assert fmean(drawn) == pytest.approx(1.0, abs=0.005)
    assert stdev(drawn) == pytest.approx(0.05, rel=0.1)


@given(
    noise=st.floats(0, 9),
    start=st.floats(0, 1),
    drift=st.floats(-1, 9),
    every=st.floats(0, 3600),
    seconds=st.lists(st.floats(0, 1e5), max_size=9).map(sorted),
)
def test_no_step_goes_back_in_time(
    noise: float, start: float, drift: float, every: float, seconds: list[float]
) -> None:
    pace = Pace(Options(noise=noise, start_noise=start, drift=drift, burst_every=max(1e-2, every)))
    assert all(pace.factor(second) > 0 for second in seconds)


def test_the_cliff_is_part_of_what_is_predicted() -> None:
    steep = replace(STILL, max_num_seqs=32, cliff=8, cliff_factor=3.0)
    even = replace(steep, cliff=0)

    assert told(steep, 8) == told(even, 8)
    assert told(steep, 16).tpot == pytest.approx(3 * told(even, 16).tpot, rel=0.02)
    assert told(steep, 16).throughput < told(steep, 8).throughput


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        ({}, "serve"),
        ({"die_above": 15}, "crash"),
        ({"die_above": 16}, "serve"),
        ({"hang_above": 15}, "hang"),
        ({"max_queued_requests": 7}, "reject"),
        ({"max_queued_requests": 8}, "serve"),
    ],
)
def test_what_becomes_of_24_users_of_16_places_is_told(flags: dict[str, Any], word: str) -> None:
    options = replace(STILL, max_num_seqs=16, **flags)
    assert outcome(options, 24, told(options, 24).running) == word


def test_the_timeline_forgets_the_oldest() -> None:
    timeline = Timeline()
    for number in range(100_002):
        timeline.arrived().prompt = number
    lines = timeline.requests().splitlines()
    assert len(lines) == 100_000
    assert b'"prompt": 2,' in lines[0]
