"""What comes closest when nothing met the limits, and by how much each is missed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core import score
from core.export.picked import shown
from core.score import Gap
from core.store.views import ExperimentView, TaskDetail
from core.task import Task

_MOST = 5


@dataclass(frozen=True, slots=True)
class Closest:
    """An experiment that misses a limit. `violation` is the excess of the worst one, relative
    to it; `gaps` has every limit, those that are met too. `breaches` says it in words.
    """

    number: int
    violation: float
    gaps: Mapping[str, Gap] = field(default_factory=dict)
    breaches: tuple[str, ...] = ()


def closest(detail: TaskDetail, asked: Task | None) -> tuple[Closest, ...]:
    """The nearest first, at most five; nothing when there is a best, or the limits are not known.

    Held against the limits is what the figures of the experiment are taken from: its pooled
    repeats, else the search's measurement of its worst scenario at the best load.
    """
    if detail.task.best is not None or asked is None:
        return ()
    found = [one for e in detail.experiments if (one := _closest(e, asked)) is not None]
    return tuple(sorted(found, key=lambda one: (one.violation, one.number))[:_MOST])


def _closest(experiment: ExperimentView, asked: Task) -> Closest | None:
    view = shown(experiment)
    if view is None or view.feasible:
        return None
    judged = score.judge(view.data, asked.slo, asked.objective, 1)
    gaps = score.gaps(view.data, asked.slo)
    return Closest(experiment.number, judged.violation, gaps, view.breaches)
