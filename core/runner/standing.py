"""What a task has come to: what ends it early, which experiment is best."""

from __future__ import annotations

from collections.abc import Sequence

from core import score
from core.store.views import ExperimentView, VerdictView
from core.task import Objective
from core.values import Failure, FailureKind

BY_HAND = "asked for by hand"
"""Why an experiment is tried that a person wrote and no strategy chose."""

_SAME_IN_A_ROW = 3

# What no other configuration can cure.
_INFRASTRUCTURE = frozenset({
    FailureKind.MODEL_MISSING, FailureKind.MODEL_GATED, FailureKind.TOKENIZER,
    FailureKind.OFFLINE, FailureKind.NETWORK, FailureKind.PROXY, FailureKind.PERMISSION,
    FailureKind.DISK, FailureKind.IMAGE, FailureKind.DOCKER, FailureKind.CONFIG,
    FailureKind.PORT,
})  # fmt: skip
# The baseline's flags are in every configuration: an unknown one among them ends them all.
_EVERYWHERE = _INFRASTRUCTURE | {FailureKind.BAD_FLAG}
_OF_AN_ENGINE = frozenset({FailureKind.BAD_FLAG, FailureKind.IMAGE})
# What a person cures outside of the task: it waits for that, and then goes on.
_CURED_OUTSIDE = frozenset({
    FailureKind.NETWORK, FailureKind.PROXY, FailureKind.PERMISSION, FailureKind.DISK,
    FailureKind.DOCKER, FailureKind.PORT,
})  # fmt: skip


def waits(failure: Failure) -> bool:
    """Whether a task that this failure stops is paused by it, and not ended."""
    return failure.transient or failure.kind in _CURED_OUTSIDE


def broken(experiments: Sequence[ExperimentView], *, several: bool = False) -> Failure | None:
    """The failure that stops a task: of its baseline, or the same three times in a row.

    Of `several` engines, others may run where the first one's image or flags are wrong.
    """
    ended = [e for e in experiments if e.state.final]
    failure = _of_baseline(ended)
    if failure and not (several and failure.kind in _OF_AN_ENGINE):
        return failure
    last = [e.failure for e in ended[-_SAME_IN_A_ROW:]]
    kinds = {failure.kind if failure else None for failure in last}
    alike = len(last) == _SAME_IN_A_ROW and len(kinds) == 1
    newest = last[-1] if last else None
    return newest if newest and of_the_machine(newest) and alike else None


def of_the_machine(failure: Failure) -> bool:
    """Whether its configuration had no part in it."""
    return failure.transient or failure.kind in _INFRASTRUCTURE


def _of_baseline(ended: Sequence[ExperimentView]) -> Failure | None:
    """What failed the baseline and will fail all that a strategy has to offer."""
    own = [e for e in ended if e.reason != BY_HAND]
    failure = own[0].failure if len(own) == 1 else None
    if failure is None or not (failure.transient or failure.kind in _EVERYWHERE):
        return None
    # One of a person's own that ran proves that a network is there, but cures no flag.
    cured = of_the_machine(failure) and any(e.state.measured for e in ended)
    return None if cured else failure


def verdict(
    experiments: Sequence[ExperimentView], objective: Objective
) -> tuple[int | None, VerdictView | None]:
    """The best feasible experiment, and what can be said of it before it is repeated."""
    measured = [e for e in experiments if e.score is not None]
    feasible = [e for e in measured if e.feasible]
    if not feasible:
        return None, VerdictView("none_feasible") if measured else None
    best = max(feasible, key=lambda e: score.rank(score.Outcome(e.score, True), objective))
    baseline = next((e for e in feasible if e.baseline), None)
    if baseline is None or baseline.score is None or best.score is None:
        return best.number, VerdictView("unconfirmed")
    if best is baseline:
        tried = any(e.state.final for e in experiments if not e.baseline)
        note = "nothing tried so far beats the baseline" if tried else "nothing else was tried"
        return best.number, VerdictView("unconfirmed", delta=0.0, note=note)
    delta = score.gain(objective, best.score, baseline.score)
    return best.number, VerdictView("unconfirmed", delta=delta)
