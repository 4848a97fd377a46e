"""Which concurrency to measure next on a warm engine: a list, or a doubling ladder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

LEAST_GAIN = 1.05
"""A level must deliver this times the best earlier throughput for the next to be worth it."""

HIGHEST = 1024


@dataclass(frozen=True, slots=True)
class LevelResult:
    """What one concurrency gave. `throughput` in tokens/s, None when nothing succeeded.

    `feasible` is about the limits that more load can only strain further: latencies, error
    rate, attainment. A throughput still under its minimum is no reason to stop climbing.
    """

    concurrency: int
    throughput: float | None
    feasible: bool
    failed: bool


def next_concurrency(
    asked: Literal["auto"] | tuple[int, ...], history: Sequence[LevelResult]
) -> int | None:
    """The next concurrency of one scenario, None when it is done.

    A list is measured exactly, ascending. `auto` doubles from 1 until the first breach or
    failure, a gain under 5 % over the best earlier level, or 1024. A pure function of what was
    measured, so an interrupted start goes on where it stopped.
    """
    levels = sorted(history, key=lambda level: level.concurrency)
    if asked != "auto":
        measured = {level.concurrency for level in levels}
        return min((c for c in asked if c not in measured), default=None)
    if not levels:
        return 1
    following = levels[-1].concurrency * 2
    return following if following <= HIGHEST and _worth_more(levels) else None


def _worth_more(levels: Sequence[LevelResult]) -> bool:
    """Whether the highest level leaves hope that the next one gives more."""
    if any(level.failed or not level.feasible for level in levels):
        return False
    *earlier, last = levels
    if last.throughput is None:
        return False
    best = max((level.throughput or 0.0 for level in earlier), default=0.0)
    return last.throughput >= LEAST_GAIN * best
