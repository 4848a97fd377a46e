"""What keys mean for a row of results, and why some do nothing."""

from __future__ import annotations

from collections.abc import Sequence

from core.store.views import Overview
from core.values import ExperimentState, Failure
from tui.views import words
from tui.views.results import Field


def first_order(found: Sequence[Field], name: str) -> bool:
    """Whether the largest comes first when a table is sorted by this for the first time."""
    return next((one.falling for one in found if one.name == name), False)


def compared(marks: Sequence[int], at: int | None, best: int | None) -> tuple[int, ...]:
    """What to lay side by side: two and more marked ones, the baseline first; else the one at
    the cursor with the baseline, and the baseline with the best.
    """
    if len(marks) > 1:
        return tuple(sorted(marks, key=lambda number: number != 0))
    other = best if at == 0 else 0
    if at is None or other is None or at == other:
        return ()
    return tuple(sorted((at, other), key=lambda number: number != 0))


def known_flags(overview: Overview) -> tuple[str, ...]:
    """Flags that a filter may name."""
    views = [view for view in (overview.best, overview.busy) if view]
    more = (name for view in views for name in view.parameters)
    return tuple(dict.fromkeys((*overview.flags, *more)))


def not_to_retry(number: int, state: ExperimentState) -> str:
    """Why an experiment is not tried again; empty when it can be."""
    if state is ExperimentState.FAILED:
        return ""
    said = words.experiment_state(state).text[2:]
    return f"#{number} did not fail ({said}): only failed ones are tried again"


def log_of(failure: Failure | None) -> tuple[int | None, str]:
    """The line that proves it, counted from 1, and in which log: engine or benchmark."""
    if failure is None:
        return None, "engine"
    return failure.line, "benchmark" if (failure.log or "").startswith("benchmark") else "engine"
