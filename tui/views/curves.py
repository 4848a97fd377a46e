"""Throughput and latency over concurrency, of a few experiments, with the limit of the SLO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from core.metrics import Distribution, Measurement
from core.store.views import ExperimentView, MeasurementView
from core.values import Purpose
from tui.line import Line, Span, Tone, fit, line
from tui.views import words
from tui.views.plot import Axis, Limit, Note, Series, xy

STATISTICS = ("p95", "p99", "p90", "p50", "mean")
"""In the order in which one is chosen: that of the SLO, else the 95th percentile."""


@dataclass(frozen=True, slots=True)
class Metric:
    """`factor` turns seconds (or tokens/s) into `unit`; `field` is that of a measurement."""

    field: str
    title: str
    unit: str
    factor: float = 1.0

    def said(self, statistic: str) -> str:
        """The axis: `TTFT p95, ms`."""
        return f"{self.title}{'' if self.field == 'throughput' else f' {statistic}'}, {self.unit}"


METRICS = (
    Metric("throughput", "output throughput", "tok/s"),
    Metric("ttft", "TTFT", "ms", 1000.0),
    Metric("tpot", "TPOT", "ms", 1000.0),
    Metric("e2e", "E2E", "s"),
)


@dataclass(frozen=True, slots=True)
class Curve:
    """An experiment in the plot: what it is to the reader, and how it is drawn."""

    name: str
    view: ExperimentView
    tone: Tone
    mark: str


def curves(
    best: ExperimentView | None, base: ExperimentView | None, busy: ExperimentView | None
) -> tuple[Curve, ...]:
    """Each experiment once, under the name that says most; the best is drawn last."""
    found: dict[int, Curve] = {}
    if busy is not None:
        found[busy.number] = Curve("at work", busy, Tone.RUN, "×")
    if base is not None:
        found[base.number] = Curve("baseline", base, Tone.BASE, "○")
    if best is not None:
        name = "best, the baseline" if base and best.number == base.number else "best"
        found[best.number] = Curve(name, best, Tone.BEST, "●")
    return tuple(found.values())


def statistic(metric: Metric, limits: Mapping[str, float]) -> str:
    """The one that the SLO limits, so that its line can be drawn; else p95."""
    named = (one for one in STATISTICS if f"{metric.field}_{one}" in limits)
    return next(named, STATISTICS[0])


def load_curve(
    view: ExperimentView, metric: Metric, which: str = "p95", scenario: str | None = None
) -> tuple[tuple[float, float], ...]:
    """(concurrency, value) by concurrency; where it was measured more than once, the median.

    Only one scenario: the given one, else that of the measurement that gave the score.
    """
    scenario = scenario or main_scenario(view)
    found: dict[int, list[float]] = {}
    for one in view.measurements:
        if one.data.scenario == scenario and (v := _value(one.data, metric, which)) is not None:
            found.setdefault(one.data.concurrency, []).append(v * metric.factor)
    return tuple((load, median(values)) for load, values in sorted(found.items()))


def main_scenario(view: ExperimentView) -> str | None:
    """That of the measurement that gave the score, else of the last one."""
    chosen = chosen_measurement(view) or next(reversed(view.measurements), None)
    return chosen.data.scenario if chosen else None


def chosen_measurement(view: ExperimentView) -> MeasurementView | None:
    """The one that gave the score."""
    if view.chosen is None or not 0 <= view.chosen < len(view.measurements):
        return None
    return view.measurements[view.chosen]


def _value(data: Measurement, metric: Metric, which: str) -> float | None:
    if metric.field == "throughput":
        return data.throughput
    times: Distribution = getattr(data, metric.field)
    value: float | None = getattr(times, which)
    return value


def load_plot(
    shown: Sequence[Curve], metric: Metric, limits: Mapping[str, float], cells: int, rows: int
) -> list[Line]:
    """One metric over concurrency: a curve for each experiment, a line for the limit."""
    which = statistic(metric, limits)
    scenario = next((s for s in (main_scenario(one.view) for one in reversed(shown)) if s), None)
    series = [
        Series(_name(one), load_curve(one.view, metric, which, scenario), one.tone, one.mark)
        for one in shown
    ]
    if not any(one.points for one in series):
        said = "Nothing was measured yet of the best, the baseline or the experiment at work."
        return [fit(line(Span(said, Tone.DIM)), cells)][: max(0, rows)]
    loads = sorted({load for one in series for load, _ in one.points})
    about = [fit(_about(shown, scenario), cells)] if rows >= 14 else []
    drawn = xy(
        series, cells, rows - len(about),
        x=Axis("concurrency, requests in flight", log=True, ticks=tuple(loads)),
        y=Axis(metric.said(which), low=0.0),
        limits=_limits(metric, which, limits), notes=_notes(shown, metric, which, scenario),
    )  # fmt: skip
    return [*drawn, *about]


def _name(one: Curve) -> str:
    return f"{one.name} #{one.view.number}"


def _limits(metric: Metric, which: str, limits: Mapping[str, float]) -> tuple[Limit, ...]:
    name = "throughput_min" if metric.field == "throughput" else f"{metric.field}_{which}"
    if (limit := limits.get(name)) is None:
        return ()
    value = limit * metric.factor
    said = words.number(value, words.places([value], 2)).text
    return (Limit(value, f"SLO {said} {metric.unit}"),)


def _notes(
    shown: Sequence[Curve], metric: Metric, which: str, scenario: str | None
) -> tuple[Note, ...]:
    """The value at the load that gave the score."""
    notes = []
    for one in shown:
        chosen = chosen_measurement(one.view)
        if chosen is None or chosen.data.scenario != scenario:
            continue
        points = dict(load_curve(one.view, metric, which, scenario))
        if (value := points.get(chosen.data.concurrency)) is not None:
            text = words.number(value, words.places([value])).text
            notes.append(Note(chosen.data.concurrency, value, text, one.tone))
    return tuple(notes)


def _about(shown: Sequence[Curve], scenario: str | None) -> Line:
    measured = sum(
        m.data.scenario == scenario and m.data.purpose is not Purpose.PROBE
        for one in shown
        for m in one.view.measurements
    )
    said = f"{scenario} · {measured} measurements · numbers: at the load that gave the score"
    return line(Span(said, Tone.DIM))
