"""What the plots of a task show: time, load, the Pareto front, sensitivity."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.store.views import ConfirmedView, MeasurementView, Point
from core.values import ExperimentState, Purpose
from tests import tui_trust
from tests.tui_sample import (
    DETAIL,
    EXPERIMENTS,
    NOW,
    OOM,
    measured,
    overview_of,
    point,
)
from tui.glyphs import shown
from tui.line import Line, width
from tui.views.curves import METRICS, curves, levels, load_curve, load_plot, statistic
from tui.views.pareto import LATENCIES, front, pareto_plot
from tui.views.progress import best_chart
from tui.views.sensitivity import Tried, influences, sensitivity
from tui.views.timeline import best_plot


def plain(lines: list[Line]) -> list[str]:
    return ["".join(span.text for span in one) for one in lines]


def check(lines: list[Line], cells: int, rows: int) -> None:
    assert len(lines) <= max(0, rows)
    for one in lines:
        assert width(one) <= max(0, cells)
        assert all(span.text.isprintable() for span in one)


ANY = st.floats() | st.sampled_from([5e-324, 1e308, math.inf])


def test_the_small_chart_marks_baseline_and_best():
    steps = ((NOW - 8000, 857.6), (NOW - 5000, 1051.7), (NOW - 3000, 1184.2))
    overview = replace(overview_of(DETAIL), steps=steps)
    drawn = plain(best_chart(overview, NOW, 60, 3, utf8=True))
    assert drawn[0].startswith("best 1 184 ┤")
    assert drawn[0].endswith("#5")
    assert drawn[1].startswith("tok/s/GPU")
    assert "858 ┤" in drawn[2]
    assert "← baseline" in drawn[2]
    assert plain(best_chart(overview, NOW, 20, 3)) == ["best 1 184 tok/s/GPU"[:20]]
    nothing = best_chart(replace(overview, steps=()), NOW, 60, 3)
    assert plain(nothing) == ["no result that meets the SLO yet"]


def test_every_experiment_is_in_the_plot_of_time():
    points = tuple(point(one) for one in EXPERIMENTS)
    points = tuple(
        replace(p, ended=NOW - 8000 + 600 * p.number if p.state.final else None) for p in points
    )
    steps = tuple((p.ended or 0, p.score or 0) for p in points if p.number in (0, 1, 2, 3, 5))
    drawn = plain(best_plot(replace(overview_of(DETAIL), steps=steps), points, NOW, 100, 30))
    body = "\n".join(drawn[1:])
    assert drawn[0].startswith("tok/s/GPU")
    assert (body.count("●"), body.count("○"), body.count("✖"), body.count("▪")) == (5, 1, 1, 1)
    assert "#5  1 184" in body
    assert "baseline" in body
    assert "elapsed, min" in drawn[-1]


def test_a_load_is_one_point_however_often_it_was_measured():
    other = replace(measured(128, 9.0, 9.0).data, scenario="D(1,1)")
    second = replace(measured(64, 120.0, 0.5).data, requests=512, turn=2)
    broken = replace(measured(32, 999.0, 9.0).data, failure=OOM, requests=9999)
    view = replace(
        EXPERIMENTS[5],
        measurements=(
            measured(64, 100.0, 0.4), measured(32, 80.0, 0.3),
            replace(measured(1, 1.0, 1.0), data=broken),
            replace(measured(1, 1.0, 1.0), data=second),
            replace(measured(1, 1.0, 1.0), data=other),
        ),
        chosen=0,
    )  # fmt: skip
    assert load_curve(view, METRICS[0]) == ((32, 80.0), (64, 120.0))
    assert load_curve(view, METRICS[1]) == ((32, 300.0), (64, 500.0))
    assert load_curve(view, METRICS[0], scenario="D(1,1)") == ((128, 9.0),)
    pooled = replace(measured(64, 118.0, 0.5).data, requests=1500, purpose=Purpose.CONFIRM)
    again = ConfirmedView(118.0, True, (118.0,), (replace(measured(1, 1.0, 1.0), data=pooled),))
    assert load_curve(replace(view, confirmed=again), METRICS[0]) == ((32, 80.0), (64, 118.0))


def test_levels_that_miss_or_fail_have_shapes_of_their_own():
    found = curves(tui_trust.searched(), None, None)
    for utf8, chosen in ((True, "◉"), (False, "@")):
        drawn = load_plot(found, METRICS[1], {"ttft_p95": 0.5}, 100, 24, utf8=utf8)
        seen = [shown(one, utf8=utf8) for one in plain(drawn)]
        legend, body = seen[0], "\n".join(seen[1:-4])
        assert "misses a limit" in legend
        assert (body.count("×" if utf8 else "x"), body.count("!")) == (2, 2)
        assert body.count(chosen) == 1
        assert "408 at 96" in body
        assert "SLO 500 ms" in body
        check(drawn, 100, 24)


LEVEL = st.builds(
    lambda load, speed, ttft, good, failure, turn: MeasurementView(
        1, good, () if good else ("ttft_p95 1 s > 0.5 s",),
        replace(measured(load, 1.0, ttft).data, throughput=speed, failure=failure, turn=turn),
    ),
    st.integers(1, 999), st.none() | ANY, ANY, st.booleans(), st.none() | st.just(OOM),
    st.integers(1, 3),
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(LEVEL, max_size=12), st.integers(0, 160), st.integers(0, 40), st.booleans())
def test_a_curve_of_any_levels_fits(found, cells, rows, utf8):
    view = replace(EXPERIMENTS[5], measurements=tuple(found), chosen=0 if found else None)
    assert [one.load for one in levels(view)] == sorted({m.data.concurrency for m in found})
    for metric in METRICS:
        limits = {"ttft_p95": 0.5, "tpot_p95": 0.03}
        drawn = load_plot(
            curves(view, EXPERIMENTS[0], None), metric, limits, cells, rows, utf8=utf8
        )
        check(drawn, cells, rows)


def test_the_statistic_is_that_of_the_limit():
    assert statistic(METRICS[1], {"ttft_p99": 1.0}) == "p99"
    assert statistic(METRICS[1], {"ttft_p95": 1.0, "ttft_p99": 2.0}) == "p95"
    assert statistic(METRICS[1], {"tpot_mean": 1.0}) == "p95"


def test_load_shows_each_experiment_once_and_the_limit():
    found = curves(EXPERIMENTS[5], EXPERIMENTS[0], EXPERIMENTS[8])
    assert [one.name for one in found] == ["at work", "baseline", "best"]
    assert [one.name for one in curves(EXPERIMENTS[0], EXPERIMENTS[0], None)] == [
        "best, the baseline"
    ]
    drawn = "\n".join(plain(load_plot(found, METRICS[1], {"ttft_p95": 0.5}, 80, 20)))
    assert "TTFT p95, ms" in drawn
    assert "SLO 500 ms" in drawn
    assert "412" in drawn  # of the best, at the load that gave its score
    assert "○ baseline #0" in drawn
    assert "at work" not in drawn  # nothing was measured of it
    assert "SLO" not in "\n".join(plain(load_plot(found, METRICS[0], {"ttft_p95": 0.5}, 80, 20)))
    nothing = load_plot(curves(None, None, EXPERIMENTS[8]), METRICS[0], {}, 80, 20)
    assert "Nothing was measured yet" in plain(nothing)[0]


MAYBE = st.none() | st.floats(0, 10) | st.sampled_from([math.nan, math.inf, 0.2])
SPOTS = st.lists(st.tuples(MAYBE, MAYBE, st.sampled_from([True, False, None])), max_size=30)


def spots(values) -> tuple[Point, ...]:
    state = ExperimentState.SUCCEEDED
    return tuple(
        Point(
            n, state, n == 0, {"a": n % 3}, per_gpu, feasible, NOW, per_gpu=per_gpu, ttft_p95=late
        )
        for n, (late, per_gpu, feasible) in enumerate(values)
    )


@settings(deadline=None)
@given(SPOTS)
def test_the_front_is_what_nothing_dominates(values):
    points = spots(values)
    found = front(points, LATENCIES[0])
    known = {
        p.number: (-p.ttft_p95, p.per_gpu) for p in points
        if p.ttft_p95 is not None and p.per_gpu is not None
        and math.isfinite(p.ttft_p95) and math.isfinite(p.per_gpu)
    }  # fmt: skip
    meets = {n: both for n, both in known.items() if points[n].feasible} or known
    expected = {
        n for n, (late, fast) in meets.items()
        if not any(a >= late and b >= fast and (a, b) != (late, fast) for a, b in meets.values())
    }  # fmt: skip
    assert {spot.point.number for spot in found.best} == expected
    assert len(found.best) + len(found.dominated) + len(found.missed) == len(known)


@settings(max_examples=100, deadline=None)
@given(SPOTS, st.integers(-1, 200), st.integers(-1, 50))
def test_a_front_of_anything_fits(values, cells, rows):
    drawn = pareto_plot(spots(values), 1, LATENCIES[0], {"ttft_p95": 0.5}, ("a",), cells, rows)
    check(drawn, cells, rows)


@pytest.mark.parametrize("cells", [80, 120])
def test_the_front_names_its_configurations(cells):
    points = tuple(point(one) for one in EXPERIMENTS)
    drawn = "\n".join(
        plain(
            pareto_plot(
                points, 5, LATENCIES[0], {"ttft_p95": 0.5}, overview_of(DETAIL).flags, cells, 30
            )
        )
    )
    assert "best #5  1 184 at 412" in drawn
    assert "baseline #0  858 at 471" in drawn
    assert "SLO 500 ms" in drawn
    assert "seqs=256" in drawn
    assert "seqs=128" in drawn
    assert "kv=fp8" not in drawn  # the same on the whole front
    assert "TTFT p95, ms" in drawn


def test_nothing_that_meets_the_slo_is_said():
    points = tuple(replace(p, feasible=False) for p in map(point, EXPERIMENTS))
    found = front(points, LATENCIES[0])
    assert not found.strict
    drawn = pareto_plot(points, None, LATENCIES[0], {}, (), 80, 20)
    assert "none meets the SLO" in plain(drawn)[0]


def tried(number: int, flags, score, state=ExperimentState.SUCCEEDED, feasible=True) -> Point:
    return Point(number, state, False, flags, score, feasible, NOW)


def test_the_flag_that_matters_comes_first():
    points = [
        tried(n, {"a": n % 2, "b": n % 4 // 2, "same": 1}, 100.0 + 50 * (n % 2) + 5 * (n % 4 // 2))
        for n in range(16)
    ]
    points.append(tried(16, {"a": 2, "b": 0}, None, ExperimentState.FAILED, None))
    points.append(tried(17, {"a": 0, "b": 0}, 999.0, ExperimentState.INFEASIBLE, False))
    points.append(Point(18, ExperimentState.SUCCEEDED, True, {"a": 9}, 1.0, True, NOW))
    found = influences(Tried.of(points, False))
    assert [one.flag for one in found] == ["a", "b", "same"]
    a = found[0]
    assert [(e.value, e.tried, e.scored, e.missed, e.failed) for e in a.effects] == [
        ("0", 9, 8, 1, 0), ("1", 8, 8, 0, 0), ("2", 1, 0, 0, 1),
    ]  # fmt: skip
    assert (a.effects[0].best, a.effects[0].middle) == (105.0, 102.5)
    assert a.share == pytest.approx(50 / 55)
    assert found[1].share == pytest.approx(5 / 55)
    assert not a.few
    assert found[2].share is None


def test_lower_is_better_for_latencies():
    points = [tried(n, {"a": n % 2}, 1.0 + n) for n in range(4)]
    [one] = influences(Tried.of(points, True))
    assert [effect.best for effect in one.effects] == [1.0, 2.0]
    assert one.few
    drawn = plain(sensitivity(points, "s", True, 100))
    bars = {one.split()[0]: one.count("█") for one in drawn if "█" in one}
    assert bars["0"] > bars["1"]
    assert any("may be chance" in one for one in drawn)


def test_many_numbers_are_put_together_in_ranges():
    points = [tried(n, {"a": n / 100}, float(n)) for n in range(60)]
    [one] = influences(Tried.of(points, False))
    assert [effect.tried for effect in one.effects] == [10] * 6
    assert one.effects[0].value == "0 … 0.09"
    assert one.share == pytest.approx(50 / 59)


VALUE = st.sampled_from([1, 2, True, "fp8", "a b", 0.5, -3]) | st.floats(allow_nan=False)
POINTS = st.lists(
    st.builds(
        tried, st.integers(0, 9), st.dictionaries(st.sampled_from("ab"), VALUE, max_size=2),
        st.none() | ANY, st.sampled_from(ExperimentState), st.sampled_from([True, False, None]),
    ),
    max_size=30,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(POINTS, st.booleans(), st.integers(50, 200))
def test_sensitivity_of_anything_fits(points, lower, cells):
    drawn = sensitivity(points, "tok/s", lower, cells)
    check(drawn, cells, len(drawn))


def test_ten_thousand_points_do_not_take_long():
    state = ExperimentState.SUCCEEDED
    points = tuple(
        Point(n, state, n == 0, {"a": n % 7, "b": n / 9, "c": str(n % 3)}, 800.0 + n * 37 % 311,
              n % 3 > 0, NOW - 9000 + n / 2, per_gpu=800.0 + n * 37 % 311,
              ttft_p95=0.1 + n * 53 % 977 / 1000)
        for n in range(10_000)
    )  # fmt: skip
    overview = replace(overview_of(DETAIL), steps=((NOW - 9000, 800.0), (NOW - 10, 1110.0)))
    took = []
    for draw in (
        lambda: best_plot(overview, points, NOW, 118, 36),
        lambda: pareto_plot(points, 5, LATENCIES[0], {"ttft_p95": 0.5}, ("a",), 118, 36),
        lambda: sensitivity(points, "tok/s", False, 118),
    ):
        began = time.process_time()
        assert draw()
        took.append(time.process_time() - began)
    assert max(took) < 1.0, took  # 0.05 s where it was measured; a slow machine has room
