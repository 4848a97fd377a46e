"""Repeats as the journal and the timelines tell them: values, pooled limits, lower loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.runner.confirming import Confirmed, together
from core.runner.setup import Setup
from core.store.views import ExperimentView
from core.values import Failure, FailureKind, Purpose, StartReason
from tests.tuned import TASK, Bench, setup

CONFIRM = StartReason.CONFIRM


def confirmed(wanted: Setup, experiment: ExperimentView) -> Confirmed:
    """On its own."""
    (found,) = together(wanted, [experiment])
    return found


def rate(concurrency: int, ttft: float) -> float:
    """Tokens/s of users in step: 11 tokens each in TTFT + 10 x 10 ms."""
    return concurrency * 11 / (ttft + 0.1)


def searched(root: Path) -> Bench:
    """8 meets the limit of 500 ms, 16 does so narrowly, 32 does not."""
    bench = Bench(setup(root)).start()
    for concurrency, ttft in ((8, 0.2), (32, 0.9), (16, 0.48)):
        bench.measured(concurrency, ttft)
    return bench


def again(bench: Bench, concurrency: int, *ttfts: float) -> Bench:
    """One repeat, with a look for each latency."""
    bench.start(CONFIRM)
    for turn, ttft in enumerate(ttfts, 1):
        bench.measured(concurrency, ttft, turn=turn, purpose=Purpose.CONFIRM)
    return bench


def test_before_any_repeat_the_load_is_that_of_the_search(tmp_path: Path) -> None:
    bench = searched(tmp_path)
    found = confirmed(bench.setup, bench.scored())
    assert (dict(found.loads), found.view) == ({"D(40,11)": 16}, None)
    assert found.arm.searched == pytest.approx(rate(16, 0.48), rel=0.01)
    assert (found.arm.values, found.arm.feasible, found.arm.lost) == ((), True, False)


def test_a_repeat_counts_both_its_looks_and_all_repeats_are_pooled(tmp_path: Path) -> None:
    bench = again(again(searched(tmp_path), 16, 0.4, 0.44), 16, 0.3, 0.3)
    found = confirmed(bench.setup, bench.scored())
    assert found.view is not None
    assert found.arm.values == found.view.values
    assert found.view.values[0] == pytest.approx(rate(16, 0.42), rel=0.01)
    assert found.view.values[1] == pytest.approx(rate(16, 0.3), rel=0.01)
    (together,) = found.view.measurements
    assert together.data.requests == 4 * 7 * 16
    assert together.data.ttft.p99 == pytest.approx(0.44)
    assert together.data.ttft.mean == pytest.approx(0.36)
    assert found.arm.at == tuple(sorted(found.arm.at))


def test_a_repeat_that_was_cut_short_counts_what_it_measured(tmp_path: Path) -> None:
    bench = again(searched(tmp_path), 16, 0.4)
    bench.start(CONFIRM, "interrupted")
    found = confirmed(bench.setup, bench.scored())
    assert list(found.arm.values) == [pytest.approx(rate(16, 0.4), rel=0.01)]


def test_repeats_that_together_miss_a_limit_lower_the_load(tmp_path: Path) -> None:
    bench = again(searched(tmp_path), 16, 0.52, 0.52)
    once = confirmed(bench.setup, bench.scored())
    assert (dict(once.loads), once.arm.feasible) == ({"D(40,11)": 16}, True)
    twice = confirmed(bench.setup, again(bench, 16, 0.51, 0.52).view)
    # 520 ms of 500 at 16: a load of 14 is predicted to keep the limit.
    assert (dict(twice.loads), twice.arm.values) == ({"D(40,11)": 14}, ())
    assert twice.arm.searched is None
    lower = confirmed(bench.setup, again(bench, 14, 0.2, 0.2).view)
    assert list(lower.arm.values) == [pytest.approx(rate(14, 0.2), rel=0.01)]
    assert lower.arm.feasible


def test_after_two_lower_loads_it_is_infeasible(tmp_path: Path) -> None:
    bench = Bench(setup(tmp_path)).start().measured(16, 0.49)
    for load in (16, 16, 13, 13, 11, 11):
        again(bench, load, 0.57, 0.57)
    found = confirmed(bench.setup, bench.scored())
    assert (found.arm.feasible, dict(found.loads)) == (False, {"D(40,11)": 11})
    assert found.view is not None
    assert found.view.measurements[0].breaches == ("ttft_p95 0.57 s > 0.5 s",)


def test_without_a_lower_load_it_is_infeasible(tmp_path: Path) -> None:
    bench = Bench(setup(tmp_path)).start().measured(1, 0.49)
    again(again(bench, 1, 0.6, 0.6), 1, 0.6, 0.6)
    found = confirmed(bench.setup, bench.scored())
    assert (found.arm.feasible, dict(found.loads)) == (False, {"D(40,11)": 1})


def other(bench: Bench, number: int, load: int) -> Bench:
    """Another experiment of the same task whose search chose a load."""
    return Bench(bench.setup, number, 8 + number).start().measured(load, 0.3)


def test_loads_that_are_nearly_the_same_are_made_one(tmp_path: Path) -> None:
    one = Bench(setup(tmp_path)).start().measured(36, 0.3)
    benches = [one, other(one, 2, 40), other(one, 3, 35), other(one, 4, 60)]
    found = together(one.setup, [bench.scored() for bench in benches])
    assert [list(arm.loads.values()) for arm in found] == [[35], [40], [35], [60]]
    assert [arm.arm.searched is None for arm in found] == [True, False, False, False]


def test_who_narrowly_misses_a_limit_takes_all_at_its_load_along(tmp_path: Path) -> None:
    one = Bench(setup(tmp_path)).start().measured(36, 0.3)
    two, far = other(one, 2, 36), other(one, 3, 60)
    again(again(one, 36, 0.52, 0.52), 36, 0.52, 0.52)
    again(again(two, 36, 0.48, 0.48), 36, 0.48, 0.48)
    found = together(one.setup, [bench.scored() for bench in (one, two, far)])
    assert [list(arm.loads.values()) for arm in found] == [[33], [33], [60]]
    assert [arm.arm.values for arm in found] == [(), (), ()]


def test_who_misses_it_by_far_goes_alone(tmp_path: Path) -> None:
    one = Bench(setup(tmp_path)).start().measured(36, 0.3)
    two = other(one, 2, 36)
    again(again(one, 36, 0.7, 0.7), 36, 0.7, 0.7)
    again(two, 36, 0.48, 0.48)
    found = together(one.setup, [bench.scored() for bench in (one, two)])
    assert [list(arm.loads.values()) for arm in found] == [[24], [36]]


def test_a_list_of_loads_is_kept_to(tmp_path: Path) -> None:
    text = TASK.replace("requests: 40", "requests: 40, concurrency: [4, 16, 32]")
    bench = Bench(setup(tmp_path, text)).start().measured(16, 0.3)
    again(again(bench, 16, 0.52, 0.52), 16, 0.52, 0.52)
    assert dict(confirmed(bench.setup, bench.scored()).loads) == {"D(40,11)": 4}


def test_what_keeps_failing_or_was_skipped_is_not_started_again(tmp_path: Path) -> None:
    bench = searched(tmp_path).start(CONFIRM, "failed")
    assert not confirmed(bench.setup, bench.scored()).arm.lost
    assert confirmed(bench.setup, bench.start(CONFIRM, "failed").view).arm.lost
    skipped = searched(tmp_path / "skipped").start(CONFIRM, "cancelled")
    assert confirmed(skipped.setup, skipped.scored()).arm.lost
    void = searched(tmp_path / "void")
    for _ in range(2):
        void.start(CONFIRM).measured(
            16, 0.4, purpose=Purpose.CONFIRM, failure=Failure(FailureKind.BENCH_ERRORS, "503s")
        )
    found = confirmed(void.setup, void.scored())
    assert (found.arm.lost, found.arm.values) == (True, ())


def test_every_scenario_has_its_own_load_and_the_worst_counts(tmp_path: Path) -> None:
    text = TASK.replace('["D(40,11)"]', '["D(40,11)", "D(80,11)"]')
    bench = Bench(setup(tmp_path, text)).start()
    bench.measured(8, 0.2).measured(4, 0.3, scenario="D(80,11)")
    bench.start(CONFIRM).measured(8, 0.2, purpose=Purpose.CONFIRM)
    assert confirmed(bench.setup, bench.scored()).arm.values == ()
    bench.measured(4, 0.3, purpose=Purpose.CONFIRM, scenario="D(80,11)")
    found = confirmed(bench.setup, bench.scored())
    assert dict(found.loads) == {"D(40,11)": 8, "D(80,11)": 4}
    assert list(found.arm.values) == [pytest.approx(rate(4, 0.3), rel=0.01)]
    assert found.view is not None
    assert [v.data.scenario for v in found.view.measurements] == ["D(40,11)", "D(80,11)"]
