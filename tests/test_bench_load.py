"""The search for the best load of one configuration."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.load_curves import lines, report
from benchmarks.load_families import FAMILIES, LADDER, curve, task
from benchmarks.load_search import search
from benchmarks.load_tables import Columns, read
from core.bench.load import MOST, Ended, Step, next_step
from core.bench.load_space import Space, ahead, crossing
from core.score.level import Level

Truth = Callable[[int], Level]


def ok(load: int, value: float = 1.0, strain: float = 0.5, **other: Any) -> Level:
    return Level(load, value, value, {"ttft_p95": strain}, **other)


def line(slope: float, most: float = math.inf) -> Truth:
    """Throughput in proportion to the load up to `most`, strain in proportion to it."""
    return lambda load: ok(load, min(100.0 * load, most), slope * load)


def play(truth: Truth, **asked: Any) -> tuple[list[Step], Ended, list[Level]]:
    """Each call made with the history alone."""
    levels: dict[int, Level] = {}
    steps: list[Step] = []
    while isinstance(step := next_step("auto", list(levels.values()), **asked), Step):
        assert step.again == (step.concurrency in levels)
        found = truth(step.concurrency)
        looks = 2 if step.again else 1
        levels[step.concurrency] = Level(
            found.concurrency,
            found.value,
            found.throughput,
            found.strains,
            found.enough,
            found.failed,
            looks,
        )
        steps.append(step)
        assert len(steps) <= MOST
    return steps, step, list(levels.values())


def best(levels: list[Level]) -> Level:
    return max((one for one in levels if one.feasible), key=lambda one: one.value or 0.0)


# --- a list


def test_a_list_is_measured_exactly_and_ascending() -> None:
    bad = Level(8, None, None, {}, failed=True)
    assert next_step((32, 8, 64), []) == Step(8, "1 of 3 of the list")
    assert next_step((32, 8, 64), [bad], floor=1e9, hint=64) == Step(32, "2 of 3 of the list")
    done = [ok(load) for load in (64, 8, 32)]
    assert isinstance(next_step((32, 8, 64), done), Ended)


def test_a_list_goes_on_after_breaches_unless_it_is_told_to_stop() -> None:
    two = [ok(8), ok(16, strain=1.1), ok(32, strain=1.2)]
    assert isinstance(next_step((8, 16, 32, 64), two), Step)
    assert next_step((8, 16, 32, 64), two, early_stop=True) == Ended(
        "two breaches in a row, at 16 and at 32"
    )
    parted = [ok(8, strain=1.1), ok(16), ok(32, strain=1.2)]
    assert isinstance(next_step((8, 16, 32, 64), parted, early_stop=True), Step)


# --- the search


@pytest.mark.parametrize("boundary", [5, 9, 17, 40, 100, 333, 700])
def test_the_boundary_is_found_within_5_percent_and_looked_at_twice(boundary: int) -> None:
    steps, _, levels = play(line(1 / (boundary + 0.5)))
    found = best(levels)
    assert 0.95 * boundary <= found.concurrency <= boundary
    assert found.looks == 2
    assert any(step.again for step in steps)


@pytest.mark.parametrize("boundary", [1, 2, 3, 4])
def test_a_low_boundary_is_found_exactly(boundary: int) -> None:
    assert best(play(line(1 / (boundary + 0.1)))[2]).concurrency == boundary


def test_it_starts_where_the_limit_was_before() -> None:
    assert next_step("auto", [], hint=96) == Step(
        96, "where the limit was for an earlier configuration"
    )
    steps, _, levels = play(line(1 / 100), hint=96)
    assert best(levels).concurrency >= 95
    assert len(steps) <= 5


def test_a_step_up_is_as_long_as_the_limits_allow() -> None:
    near = next_step("auto", [ok(16, strain=0.9)])
    far = next_step("auto", [ok(16, strain=0.1)])
    assert isinstance(near, Step) and 16 < near.concurrency <= 24
    assert isinstance(far, Step) and far.concurrency == 128
    assert "ttft_p95 is at 10% of its limit" in far.reason


def test_without_limits_the_peak_is_found() -> None:
    def hill(load: int) -> Level:
        return Level(load, value := 1000 * math.exp(-(math.log(load / 150) ** 2)), value, {})

    steps, _, levels = play(hill)
    assert (best(levels).value or 0.0) >= 950
    assert not any(step.again for step in steps)


def test_a_plateau_ends_the_climb() -> None:
    _, ended, levels = play(line(0.0001, most=3000))
    assert best(levels).value == 3000
    assert len(levels) <= 6
    assert "promises more" in ended.reason


def test_a_spike_is_looked_past() -> None:
    def spiked(load: int) -> Level:
        return ok(load, 100.0 * load, 3.0 if load == 16 else load / 200)

    assert best(play(spiked, loads=LADDER)[2]).concurrency >= 190


def test_slow_low_loads_do_not_hide_those_in_the_middle() -> None:
    def cold(load: int) -> Level:
        return ok(load, 10.0 * load, 1.5 if load < 5 else 0.5 if load < 14 else 3.0)

    assert best(play(cold)[2]).concurrency >= 12


def test_a_load_that_crashed_is_not_asked_for_again_nor_any_above_it() -> None:
    def crashing(load: int) -> Level:
        if load > 60:
            return Level(load, None, None, {}, failed=True)
        return ok(load, 100.0 * load, load / 300)

    steps, _, levels = play(crashing)
    crashed = [step.concurrency for step in steps if step.concurrency > 60]
    assert crashed == sorted(crashed, reverse=True)
    assert not any(step.again for step in steps if step.concurrency > 60)
    assert best(levels).concurrency >= 55


def test_nothing_feasible_is_said() -> None:
    steps, ended, _ = play(lambda load: ok(load, 100.0 * load, 2.0 + load))
    assert ended == Ended("no load meets the limits")
    assert 1 in [step.concurrency for step in steps]
    assert len(steps) < MOST


def test_where_another_configuration_promises_more_the_search_is_coarser() -> None:
    near = [ok(32, 3200, 0.92), ok(36, 3500, 1.03)]
    assert isinstance(next_step("auto", near, least=0.02), Step)
    assert next_step("auto", near, least=0.25) == Ended("the limit lies between 32 and 36")
    # What would be the new best by luck is looked at again all the same.
    lucky = [ok(32, 3200, 0.98), ok(36, 3500, 1.2)]
    again = next_step("auto", lucky, floor=2500.0, least=0.25)
    assert isinstance(again, Step) and (again.concurrency, again.again) == (32, True)
    assert isinstance(next_step("auto", lucky, floor=3300.0, least=0.25), Ended)
    over = [ok(16, 1600, 1.05)]
    assert isinstance(next_step("auto", over, floor=1500.0), Step)
    assert next_step("auto", over, floor=1500.0, least=0.25) == Ended(
        "no load can beat the best so far (1500) by 25%, as another configuration may"
    )


def test_a_boundary_that_does_not_hold_at_the_second_look_is_stepped_back_from() -> None:
    levels = [ok(16, 1600, 0.6), ok(30, 3000, 1.02, looks=2), ok(33, 3300, 1.08)]
    step = next_step("auto", levels)
    assert isinstance(step, Step) and 16 < step.concurrency < 30
    used_up = [ok(16, 1600, 0.6, looks=MOST - 3), *levels[1:]]
    assert isinstance(next_step("auto", used_up), Ended)
    assert best(used_up).concurrency == 16


def test_throughput_below_its_minimum_asks_for_more_load() -> None:
    levels = [ok(16, 1600, 0.2, enough=False), ok(64, 6400, 0.5)]
    assert next_step("auto", levels[:1]) == next_step("auto", [ok(16, 1600, 0.2)])
    assert best(levels).concurrency == 64


def test_per_gpu_values_and_goodput_are_bounded_in_their_own_unit() -> None:
    per_gpu = [Level(16, 100.0, 400.0, {"ttft": 0.5}), Level(32, 190.0, 760.0, {"ttft": 1.5})]
    assert isinstance(next_step("auto", per_gpu, floor=300.0), Ended)
    # The goodput of a breach is no bound: fewer requests may all be in time.
    goodput = [Level(32, 50.0, 1000.0, {"ttft": 1.5})]
    assert isinstance(next_step("auto", goodput, floor=300.0), Step)


# --- against the best so far


def test_it_ends_when_no_load_can_beat_the_best_so_far() -> None:
    slow = [ok(64, 800.0, 1.3)]
    assert next_step("auto", slow, floor=1000.0) == Ended("no load can beat the best so far (1000)")
    assert isinstance(next_step("auto", slow, floor=700.0), Step)
    inside = [ok(64, 600.0, 0.8), ok(96, 800.0, 1.3)]
    assert isinstance(next_step("auto", inside, floor=1000.0), Ended)
    assert isinstance(next_step("auto", inside, floor=700.0), Step)


def test_a_single_load_far_over_a_limit_or_under_it_bounds_nothing() -> None:
    assert isinstance(next_step("auto", [ok(256, 800.0, 9.0)], floor=1000.0), Step)
    assert isinstance(next_step("auto", [ok(16, 800.0, 0.5)], floor=1000.0), Step)
    failed = Level(64, None, None, {}, failed=True)
    assert isinstance(next_step("auto", [failed], floor=1000.0), Step)


@pytest.mark.parametrize("seed", range(4))
def test_knowing_the_best_saves_measurements_and_still_finds_it(seed: int) -> None:
    made = task(seed, 15)
    top, told, alone, chosen = 0.0, 0, 0, None
    for one in made:
        alone += search(one, "loose", 0.0, seed).measurements
        outcome = search(one, "loose", 0.0, seed, floor=top or None, hint=chosen)
        told += outcome.measurements
        if outcome.value and outcome.value > top:
            top, chosen = outcome.value, outcome.chosen
    assert top >= 0.95 * max(one.best(one.limits["loose"]) or 0.0 for one in made)
    assert told < 0.7 * alone


# --- the lowest load (latencies)


def latency(load: int, minimum: float = 0.0) -> Level:
    value = 1.0 + 0.02 * load
    throughput = load * 100 / value
    return Level(load, -value, throughput, {"ttft": load / 100}, enough=throughput >= minimum)


def test_the_lowest_load_is_best_for_a_latency() -> None:
    steps, ended, _ = play(latency, lowest=True)
    assert [step.concurrency for step in steps] == [1]
    assert ended == Ended("1 is the lowest load that is feasible")


@pytest.mark.parametrize("minimum", [150.0, 700.0, 1900.0, 2800.0])
@pytest.mark.parametrize("hint", [None, 3, 40])
def test_the_lowest_load_with_enough_throughput_is_found(minimum: float, hint: int | None) -> None:
    _, _, levels = play(lambda load: latency(load, minimum), lowest=True, hint=hint)
    lowest = next(load for load in range(1, 101) if latency(load, minimum).feasible)
    assert -(best(levels).value or 0.0) <= 1.05 * -(latency(lowest).value or 0.0)


def test_too_much_throughput_asked_for_ends() -> None:
    steps, ended, _ = play(lambda load: latency(load, 1e9), lowest=True)
    assert ended == Ended("no load that meets the limits gives enough throughput")
    assert len(steps) < MOST


def test_a_latency_that_cannot_beat_the_best_so_far_ends_at_once() -> None:
    assert isinstance(next_step("auto", [latency(1)], lowest=True, floor=-0.9), Ended)
    short = [latency(8, minimum=2000.0)]
    assert isinstance(next_step("auto", short, lowest=True, floor=-1.0), Ended)
    assert isinstance(next_step("auto", short, lowest=True, floor=-2.0), Step)


# --- what always holds


_STRAINS = st.dictionaries(
    st.sampled_from(["ttft", "tpot", "error_rate"]),
    st.one_of(st.just(0.0), st.just(math.inf), st.floats(0.001, 1e4)),
    max_size=3,
)
_VALUES = st.one_of(st.none(), st.just(0.0), st.floats(1e-6, 1e9))


@st.composite
def histories(draw: st.DrawFn) -> list[Level]:
    loads = draw(st.lists(st.integers(1, 1024), unique=True, max_size=MOST))
    return [
        Level(
            load,
            draw(_VALUES),
            draw(_VALUES),
            draw(_STRAINS),
            draw(st.booleans()),
            draw(st.booleans()),
        )
        for load in loads
    ]


@given(
    histories(),
    st.booleans(),
    st.one_of(st.none(), st.floats(-1e6, 1e6)),
    st.one_of(st.none(), st.integers(1, 2000)),
    st.sampled_from([None, LADDER]),
    st.randoms(use_true_random=False),
)
@settings(max_examples=300)
def test_any_history_leads_to_a_load_that_may_be_measured(
    history: list[Level],
    lowest: bool,
    floor: float | None,
    hint: int | None,
    loads: tuple[int, ...] | None,
    order: Any,
) -> None:
    asked: dict[str, Any] = {"lowest": lowest, "floor": floor, "hint": hint, "loads": loads}
    step = next_step("auto", history, **asked)
    if isinstance(step, Step):
        assert len(history) < MOST
        assert step.again == (step.concurrency in {one.concurrency for one in history})
        assert step.again or step.concurrency in (loads or range(1, 1025))
    shuffled = list(history)
    order.shuffle(shuffled)
    assert next_step("auto", shuffled, **asked) == step


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_searched_as_well_as_by_a_ladder(family: str) -> None:
    """On curves with a known truth; what cannot be told from seven measurements is a few of a
    hundred (see benchmarks/load_curves.py)."""
    found = [
        search(curve(family, i, 2), limit, 0.0, 2)
        for i in range(20)
        for limit in ("loose", "tight")
    ]
    assert all(one.measurements <= MOST and not one.wrong for one in found)
    assert sum(one.ratio >= 0.95 for one in found) >= 0.9 * len(found)


def test_with_noise_it_stays_close() -> None:
    found = [
        search(curve(family, i, 3), "loose", 0.03, 3) for family in FAMILIES for i in range(10)
    ]
    assert sum(one.ratio >= 0.95 for one in found) >= 0.92 * len(found)


# --- how the curves run on


def test_a_line_and_a_power_law_are_crossed_where_they_cross() -> None:
    def affine(load: int) -> Level:
        return ok(load, strain=0.5 + load / 100)

    assert crossing(affine(10), affine(200)) == pytest.approx(50)
    assert ahead(affine(10), affine(20)) == pytest.approx(50)
    queue = crossing(ok(10, strain=0.1), ok(100, strain=10.0))
    assert queue == pytest.approx(10 * 10**0.5)
    assert ahead(None, ok(10, strain=0.0)) == math.inf


def test_two_levels_near_each_other_show_no_slope() -> None:
    space = Space.of([ok(10), ok(98), ok(100)], None)
    before = space.before(space.levels[2], lambda one: True)
    assert before is not None and before.concurrency == 10


# --- the yardstick


def test_a_table_is_read_and_told_between_its_loads(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(
        "flag,batch,status,ttft_ms,tpot_ms,tps,err\n"
        "a,1,ok,100,10,90,\na,4,ok,400,10,360,\na,16,oom,,,,boom\nb,1,ok,100,20,50,\n"
    )
    first, second = read(path, {"loose": {"ttft": 250.0, "tpot": 30.0}}, Columns())
    assert first.ladder == (1, 4, 16) and second.ladder == (1,)
    between = first.at(2)
    assert between is not None
    assert (between.ttft, between.tpot, between.throughput) == pytest.approx((200, 10, 180))
    assert first.at(5) is None and first.at(16) is None
    assert first.best(first.limits["loose"]) == 90
    found = search(first, "loose", 0.0, 1)
    assert found.chosen == 2 and found.ratio == pytest.approx(2.0)


def test_the_report_can_be_written_and_printed() -> None:
    document = report(1, 1, 0.03)
    assert json.loads(json.dumps(document)) == document
    assert {row["family"] for row in document["families"]} == {*FAMILIES, "all"}
    assert all(row["most"] <= MOST for row in document["families"])
    assert any(line.startswith("queue") for line in lines(document))
