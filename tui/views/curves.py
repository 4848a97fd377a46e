"""Throughput and latency over concurrency, of a few experiments, with the limit of the SLO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.metrics import Distribution, Measurement
from core.store.views import ExperimentView, MeasurementView
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
        found[busy.number] = Curve("at work", busy, Tone.RUN, "▪")
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


@dataclass(frozen=True, slots=True)
class Level:
    """One load with the measurement that knows most of it. `chosen`: it gave the score."""

    load: int
    measured: MeasurementView
    chosen: bool = False

    @property
    def void(self) -> bool:
        """Whether nothing came of it that could be a point."""
        data = self.measured.data
        return data.throughput is None or data.requests <= data.errors

    def value(self, metric: Metric, which: str) -> float | None:
        """In the metric's unit; None where it has none."""
        value = None if self.void else _value(self.measured.data, metric, which)
        return None if value is None else value * metric.factor


def levels(view: ExperimentView, scenario: str | None = None) -> tuple[Level, ...]:
    """The loads of one scenario, ascending: the given one, else that which gave the score.

    A load that was measured several times is one level: a second look holds the requests of
    the first, and the pooled repeats those of every start that confirmed it.
    """
    scenario = scenario or main_scenario(view)
    pooled = view.confirmed.measurements if view.confirmed else ()
    found: dict[int, MeasurementView] = {}
    for one in (*view.measurements, *pooled):
        load, best = one.data.concurrency, found.get(one.data.concurrency)
        if one.data.scenario == scenario and (best is None or _known(one) >= _known(best)):
            found[load] = one
    chosen = chosen_measurement(view)
    at = chosen.data.concurrency if chosen and chosen.data.scenario == scenario else None
    return tuple(Level(load, one, load == at) for load, one in sorted(found.items()))


def _known(one: MeasurementView) -> tuple[bool, int]:
    """How much a measurement tells: whole ones before broken ones, then by their requests."""
    data = one.data
    return data.failure is None, data.requests - data.errors


def load_curve(
    view: ExperimentView, metric: Metric, which: str = "p95", scenario: str | None = None
) -> tuple[tuple[float, float], ...]:
    """(concurrency, value) by concurrency, one for each level that has one."""
    values = ((one.load, one.value(metric, which)) for one in levels(view, scenario))
    return tuple((load, value) for load, value in values if value is not None)


def level_series(
    shown: Sequence[Curve], metric: Metric, which: str, scenario: str | None
) -> tuple[Series, ...]:
    """A joined curve of each experiment, and over it the shapes of the levels that were chosen,
    miss a limit, or failed; those lie on the axis below, for they have no value.
    """
    found = [
        Series(_name(one), load_curve(one.view, metric, which, scenario), one.tone, one.mark)
        for one in shown
    ]
    every = [level for one in shown for level in levels(one.view, scenario)]
    missed = [one for one in every if not one.measured.feasible and not one.void]
    failed = tuple((float(one.load), 0.0) for one in every if one.void)
    name = "chosen load"
    for one in shown:
        chosen = [o for o in levels(one.view, scenario) if o.chosen and o.measured.feasible]
        points = _at(chosen, metric, which)
        found.append(Series(name, points, one.tone, "◉", joined=False))
        name = "" if points else name  # once in the legend
    found.append(Series("misses a limit", _at(missed, metric, which), Tone.BAD, "×", joined=False))
    found.append(Series("failed", failed, Tone.BAD, "!", joined=False))
    return tuple(found)


def _at(found: Sequence[Level], metric: Metric, which: str) -> tuple[tuple[float, float], ...]:
    values = ((float(one.load), one.value(metric, which)) for one in found)
    return tuple((load, value) for load, value in values if value is not None)


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
    shown: Sequence[Curve], metric: Metric, limits: Mapping[str, float], cells: int, rows: int,
    *, utf8: bool | None = None,
) -> list[Line]:  # fmt: skip
    """One metric over concurrency: a curve for each experiment, a line for the limit."""
    which = statistic(metric, limits)
    scenario = next((s for s in (main_scenario(one.view) for one in reversed(shown)) if s), None)
    series = level_series(shown, metric, which, scenario)
    loads = sorted({load for one in series for load, _ in one.points})
    if not loads:
        said = "Nothing was measured yet of the best, the baseline or the experiment at work."
        return [fit(line(Span(said, Tone.DIM)), cells)][: max(0, rows)]
    about = [fit(_about(shown, scenario), cells)] if rows >= 14 else []
    drawn = xy(
        series, cells, rows - len(about),
        x=Axis("concurrency, requests in flight", log=True, ticks=tuple(loads)),
        y=Axis(metric.said(which), low=0.0),
        limits=slo_lines(metric, which, limits), notes=_notes(shown, metric, which, scenario),
        utf8=utf8,
    )  # fmt: skip
    return [*drawn, *about]


def _name(one: Curve) -> str:
    return f"{one.name} #{one.view.number}".strip()


def slo_lines(metric: Metric, which: str, limits: Mapping[str, float]) -> tuple[Limit, ...]:
    """The limit on this metric, when there is one."""
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
        for level in levels(one.view, scenario):
            if level.chosen and (value := level.value(metric, which)) is not None:
                text = f"{words.number(value, words.places([value])).text} at {level.load}"
                notes.append(Note(level.load, value, text, one.tone))
    return tuple(notes)


def _about(shown: Sequence[Curve], scenario: str | None) -> Line:
    measured = [
        m.data for one in shown for m in one.view.measurements if m.data.scenario == scenario
    ]
    points = sum(len(levels(one.view, scenario)) for one in shown)
    said = f"{scenario} · {points} loads, {len(measured)} measurements"
    return line(Span(f"{said}; a load measured again is one point", Tone.DIM))
