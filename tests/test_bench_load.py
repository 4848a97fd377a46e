"""The ladder of concurrencies."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from core.bench.load import LevelResult, next_concurrency


def climb(throughput: Callable[[int], float], feasible: Callable[[int], bool]) -> list[int]:
    """The levels a ladder measures, each call made with the history alone."""
    history: list[LevelResult] = []
    while (level := next_concurrency("auto", history)) is not None:
        history.append(LevelResult(level, throughput(level), feasible(level), failed=False))
    return [result.concurrency for result in history]


def test_auto_doubles_to_its_end() -> None:
    expected = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]
    assert climb(float, lambda _: True) == expected


def test_auto_stops_after_the_first_breach() -> None:
    assert climb(float, lambda level: level < 8) == [1, 2, 4, 8]
    assert climb(float, lambda _: False) == [1]


def test_auto_stops_when_the_gain_is_gone() -> None:
    assert climb(lambda level: min(level, 10.0), lambda _: True) == [1, 2, 4, 8, 16, 32]
    # 4 % more is not worth a level, 6 % are.
    assert climb({1: 100.0, 2: 104.0}.__getitem__, lambda _: True) == [1, 2]
    assert climb({1: 100.0, 2: 106.0, 4: 106.0}.__getitem__, lambda _: True) == [1, 2, 4]


def test_auto_stops_after_a_failure() -> None:
    assert next_concurrency("auto", [LevelResult(1, None, False, True)]) is None
    assert next_concurrency("auto", [LevelResult(1, None, True, False)]) is None


def test_a_list_is_measured_exactly_and_ascending() -> None:
    assert next_concurrency((32, 8, 64), []) == 8
    bad = LevelResult(8, None, False, True)
    assert next_concurrency((32, 8, 64), [bad]) == 32
    done = [LevelResult(level, 1.0, True, False) for level in (64, 8, 32)]
    assert next_concurrency((32, 8, 64), done) is None


@given(st.permutations([1, 2, 4, 8]), st.lists(st.floats(0, 1e6), min_size=4, max_size=4))
def test_the_order_of_the_history_does_not_matter(order: list[int], rates: list[float]) -> None:
    level = {c: LevelResult(c, rate, True, False) for c, rate in zip(order, rates, strict=True)}
    ascending = [level[c] for c in sorted(level)]
    assert next_concurrency("auto", [level[c] for c in order]) == next_concurrency(
        "auto", ascending
    )
