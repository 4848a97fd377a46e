"""How long the phases of a start took before: what the next one can be held against."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from statistics import median

import aiosqlite

from core.store.rows import fetch
from core.store.views import ExperimentView, StartView
from core.values import Phase

# The newest are the nearest to what comes: caches are warm by then. A bound keeps it cheap.
_NEWEST = 30
_TOOK = """SELECT p.phase, p.ended - p.started AS seconds FROM (
        SELECT s.task, s.number, s.attempt FROM starts s
        JOIN experiments e ON e.task = s.task AND e.number = s.number
        WHERE s.task = :task AND s.ready IS NOT NULL AND e.engine = (
            SELECT engine FROM experiments WHERE task = :task AND number = :number)
        ORDER BY s.number DESC, s.attempt DESC LIMIT :newest) n
    JOIN phases p ON p.task = n.task AND p.number = n.number AND p.attempt = n.attempt
    WHERE p.ended >= p.started AND p.phase NOT IN ('ready', 'benchmark')"""


async def expecting(db: aiosqlite.Connection, task: str, view: ExperimentView) -> ExperimentView:
    """The experiment with what each phase of its running start can be expected to take.

    Only starts of the same engine count that became ready: a phase that failed was not done.
    """
    if not view.starts or not _starting(view.starts[-1]):
        return view
    values = {"task": task, "number": view.number, "newest": _NEWEST}
    took: dict[Phase, list[float]] = {}
    for row in await fetch(db, _TOOK, values):
        took.setdefault(Phase(row["phase"]), []).append(row["seconds"])
    expected: Mapping[Phase, float] = {phase: median(each) for phase, each in took.items()}
    *earlier, running = view.starts
    running = dataclasses.replace(running, expected=expected)
    return dataclasses.replace(view, starts=(*earlier, running))


def _starting(start: StartView) -> bool:
    return start.state == "running" and start.ready is None
