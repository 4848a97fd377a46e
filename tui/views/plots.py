"""The four plots of a task: which there are, what each is drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.store.views import ExperimentView, Overview, Point
from tui.line import Line, Span, Tone, apart, line
from tui.views import words
from tui.views.curves import METRICS, curves, load_plot
from tui.views.gains import lower_is_better
from tui.views.pareto import LATENCIES, pareto_plot
from tui.views.sensitivity import sensitivity
from tui.views.timeline import best_plot, objective

PLOTS = ("best so far over time", "load", "Pareto front", "sensitivity")


@dataclass(frozen=True, slots=True)
class Data:
    """What was read of a task at a revision. `limits` are those of its SLO, by name."""

    task: str
    revision: int
    points: tuple[Point, ...]
    best: ExperimentView | None
    baseline: ExperimentView | None
    limits: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Shown:
    """What a drawing depends on: it is drawn anew when this differs."""

    task: str
    revision: int
    plot: int
    metric: int
    cells: int
    rows: int
    now: float
    busy: tuple[int, int] | None

    @classmethod
    def of(
        cls,
        data: Data,
        overview: Overview,
        plot: int,
        metric: int,
        size: tuple[int, int],
        now: float,
    ) -> Shown:
        busy = overview.busy if plot == 1 else None
        measured = None if busy is None else (busy.number, len(busy.measurements))
        moment = _moment(overview, now, size[0]) if plot == 0 else 0.0
        return cls(data.task, data.revision, plot, metric, *size, moment, measured)


def _moment(overview: Overview, now: float, cells: int) -> float:
    """The time in steps of about a cell: a plot whose end moves is not drawn each second."""
    task = overview.task
    if task.ended is not None:
        return task.ended
    start = task.started or task.submitted
    now = max(now, start)  # the clock may have been set back
    step = max(5.0, (now - start) / max(20, cells))
    power = 1.0
    while power * 2 <= step:
        power *= 2
    return start + (now - start) // power * power


def metrics(plot: int) -> tuple[str, ...]:
    """What `m` steps through."""
    if plot == 1:
        return tuple(one.title for one in METRICS)
    return tuple(one.title for one in LATENCIES) if plot == 2 else ()


def head_line(overview: Overview, plot: int, metric: int, cells: int) -> Line:
    """Which plot, of what; simulated numbers say so."""
    task = overview.task
    names = metrics(plot)
    what = f" {PLOTS[plot]}" + (f": {names[metric]}" if names else "")
    left = line(
        Span(f" {plot + 1}/{len(PLOTS)}", Tone.KEY),
        Span(what, Tone.STRONG),
        Span(f"   {task.name}", Tone.PLAIN),
        Span(f"   {objective(task.objective)}, {task.unit}", Tone.DIM),
    )
    right = line(words.SIMULATED, " ") if task.simulated else ()
    return apart(left, right, cells)


def drawn(data: Data, overview: Overview, shown: Shown) -> list[Line]:
    """The plot; sensitivity takes as many lines as it needs, the others fit."""
    cells, rows = shown.cells, shown.rows
    task = overview.task
    if shown.plot == 0:
        return best_plot(overview, data.points, shown.now, cells, rows)
    if shown.plot == 1:
        found = curves(data.best, data.baseline, overview.busy)
        return load_plot(found, METRICS[shown.metric], data.limits, cells, rows)
    if shown.plot == 2:
        latency = LATENCIES[shown.metric]
        return pareto_plot(
            data.points, task.best, latency, data.limits, overview.flags, cells, rows
        )
    return sensitivity(data.points, task.unit, lower_is_better(task), cells)
