"""Which concurrency to measure next on a warm engine: a list, or the search for the best one.

A pure function of what was measured, so an interrupted start goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from core.bench.load_levels import Ended, Step
from core.bench.load_lowest import lowest_step
from core.bench.load_peak import peak_step
from core.bench.load_space import HIGHEST, Space
from core.score.level import Level

__all__ = ["HIGHEST", "MOST", "Ended", "Step", "next_step"]

MOST = 7
"""Measurements of one scenario, second looks included: half of a ladder of 14 loads, than which
the search has to be no worse."""


def next_step(
    asked: Literal["auto"] | tuple[int, ...],
    history: Sequence[Level],
    *,
    lowest: bool = False,
    floor: float | None = None,
    hint: int | None = None,
    early_stop: bool = False,
    loads: Sequence[int] | None = None,
    least: float = 0.0,
) -> Step | Ended:
    """The next measurement of one scenario, or why it is done.

    `history` holds one level for each load that was measured, in any order. `lowest`: the lowest
    load that is feasible is best (latency objectives). `floor`: the value to beat; the search
    ends when no load can. `hint`: where the boundary of an earlier configuration was.
    `early_stop` ends a list after two breaches in a row. `loads`: the only loads that can be
    measured, for tables; None: any from 1 to 1024. `least`: what one more measurement has to
    promise, relative to the best so far; a search for the lowest load takes no heed of it, and a
    list of neither `floor`, `hint` nor that.
    """
    levels = sorted(history, key=lambda level: level.concurrency)
    if asked != "auto":
        return _listed(asked, levels, early_stop=early_stop)
    left = MOST - sum(level.looks for level in levels)
    if left < 1:
        return Ended(f"{MOST} measurements are made")
    space = Space.of(levels, loads)
    if lowest:
        return lowest_step(space, left, floor=floor, hint=hint)
    return peak_step(space, left, floor=floor, hint=hint, least=least)


def _listed(asked: tuple[int, ...], levels: Sequence[Level], *, early_stop: bool) -> Step | Ended:
    """Exactly the list, ascending."""
    measured = {level.concurrency for level in levels}
    left = sorted(set(asked) - measured)
    if not left:
        return Ended("every load of the list is measured")
    last = levels[-2:]
    if early_stop and len(last) == 2 and all(level.breached for level in last):
        first, second = (level.concurrency for level in last)
        return Ended(f"two breaches in a row, at {first} and at {second}")
    return Step(left[0], f"{len(measured) + 1} of {len(measured) + len(left)} of the list")
