"""Experiments side by side: flags and figures in which they differ, and their curves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from core.metrics import Measurement
from core.store.views import ExperimentView, TaskView
from core.values import ExperimentState
from tui.line import Line, Span, Tone, fit, line
from tui.views import words
from tui.views.axes import Axis
from tui.views.curves import (
    METRICS,
    Curve,
    chosen_measurement,
    level_series,
    main_scenario,
    slo_lines,
    statistic,
)
from tui.views.gains import lower_is_better
from tui.views.layout import Column, Grid, Row, as_lines, plan
from tui.views.plot import xy
from tui.views.trust import any_low, legend, low
from tui.views.verdict import best_alike

MOST = 6
"""Experiments that are laid side by side."""
_MARKS = "○●▴▪▾◌"
_TONES = (Tone.RUN, Tone.WARN, Tone.KEY, Tone.STRONG, Tone.PLAIN, Tone.DIM)
_WIDE = 100  # cells from which flags have room for their whole names


@dataclass(frozen=True, slots=True)
class Side:
    """One of the compared: `mark` and `tone` are those of its curve, too."""

    view: ExperimentView
    mark: str
    tone: Tone
    role: str = ""

    @property
    def title(self) -> str:
        return f"{self.mark} #{self.view.number}"


@dataclass(frozen=True, slots=True)
class _Figure:
    """A row of numbers. `better`: 1 when more is better, -1 when less is, 0 when neither.
    `statistic`: a percentile, which may rest on too few requests.
    """

    name: str
    pick: Callable[[ExperimentView], float | None]
    better: int = -1
    digits: int = 3
    detail: bool = False
    statistic: str = ""

    def said(self, values: Sequence[float | None]) -> list[Span]:
        return words.numbers(values, self.digits) if self.better else [_whole(v) for v in values]


def sides(task: TaskView, views: Sequence[ExperimentView]) -> tuple[Side, ...]:
    """Each with a mark of its own; best and baseline in the tones they have everywhere."""
    free = iter(_TONES)
    found = []
    for view, mark in zip(views[:MOST], _MARKS, strict=False):
        if view.number == task.best:
            said = "best, the baseline" if view.baseline else "best"
            found.append(Side(view, mark, Tone.BEST, said))
        elif view.baseline:
            found.append(Side(view, mark, Tone.BASE, "baseline"))
        else:
            found.append(Side(view, mark, next(free)))
    return tuple(found)


def comparison(
    task: TaskView, compared: Sequence[Side], cells: int, *, everything: bool = False
) -> list[Line]:
    """A table with one column for each and, beside every figure, how far it is from the first.

    The better one of a row carries a ✔. What is the same in all is left out, unless
    `everything` is wanted.
    """
    flags = _flags(compared, everything, whole_names=cells >= _WIDE)
    grid = _grid(compared, [_states(compared), *flags, *_figures(task, compared, everything)])
    return [
        fit(one, cells)
        for one in (
            *_left_out(compared, grid, cells), *as_lines(grid, cells), *_failures(compared),
            *_few(compared, everything),
        )
    ]  # fmt: skip


def _few(compared: Sequence[Side], everything: bool) -> list[Line]:
    """What the mark of a percentile means, when one is there."""
    chosen = [chosen_measurement(side.view) for side in compared]
    shown = ("p95", *(("p50", "p90", "p99") if everything else ()))
    return [legend(shown)] if any_low((one.data for one in chosen if one), shown) else []


def _left_out(compared: Sequence[Side], grid: Grid, cells: int) -> list[Line]:
    shown = {column.title for _, column, _ in plan(grid, cells).columns}
    missing = [side.title for side in compared if side.title not in shown]
    text = f"{', '.join(missing)}: a wider terminal shows them too"
    return [line(Span(text, Tone.WARN))] if missing else []


def _failures(compared: Sequence[Side]) -> list[Line]:
    return [
        line(Span(f"{side.title} ✖ {words.failure(side.view.failure)}", Tone.BAD))
        for side in compared
        if side.view.failure
    ]


def overlaid(
    compared: Sequence[Side], metric: int, cells: int, rows: int,
    limits: Mapping[str, float] | None = None,
) -> list[Line]:  # fmt: skip
    """The curves of one metric (its place in METRICS) over concurrency, with its limit."""
    wanted, limits = METRICS[metric % len(METRICS)], limits or {}
    which = statistic(wanted, limits)
    scenario = next((s for s in (main_scenario(side.view) for side in compared) if s), None)
    shown = [Curve("", side.view, side.tone, side.mark) for side in compared]
    series = level_series(shown, wanted, which, scenario)
    loads = sorted({load for one in series for load, _ in one.points})
    if not loads:
        return [fit(line(Span("Nothing was measured of these.", Tone.DIM)), cells)]
    across = Axis("concurrency", log=True, ticks=tuple(loads))
    drawn = slo_lines(wanted, which, limits)
    return xy(series, cells, rows, x=across, y=Axis(wanted.said(which), low=0.0), limits=drawn)


def _grid(compared: Sequence[Side], rows: Sequence[Row]) -> Grid:
    """Gains leave first when the room is short, then experiments from the right."""
    columns = [Column("", least=10)]
    for place, side in enumerate(compared):
        columns.append(Column(side.title, side.role, right=True, rank=max(0, place - 1)))
        columns.append(Column("", "Δ %" if place else "", right=True, rank=10 + place))
    return Grid(tuple(columns), tuple(rows))


def _row(name: str, cells: Sequence[Line], gains: Sequence[Line] = ()) -> Row:
    paired: list[Line] = [line(Span(name, Tone.DIM))]
    for place, cell in enumerate(cells):
        paired += [cell, gains[place] if gains else ()]
    return Row(name, tuple(paired))


def _states(compared: Sequence[Side]) -> Row:
    return _row("SLO", [(_state(side.view), Span("  ")) for side in compared])


def _state(view: ExperimentView) -> Span:
    if view.state is ExperimentState.SUCCEEDED:
        return Span("✔ met", Tone.GOOD)
    if view.state is ExperimentState.INFEASIBLE:
        return Span("✖ missed", Tone.BAD)
    return words.experiment_state(view.state)


def _flags(compared: Sequence[Side], everything: bool, *, whole_names: bool) -> list[Row]:
    names = dict.fromkeys(name for side in compared for name in side.view.parameters)
    engines = [side.view.engine for side in compared]
    differ = len(set(engines)) > 1
    rows = [_row("engine", [line(f"{name}  ") for name in engines])] if differ else []
    for name in names:
        spans = [_flag(side.view, name) for side in compared]
        if everything or len({span.text for span in spans}) > 1:
            said = name if whole_names else words.short(name)
            rows.append(_row(said, [(span, Span("  ")) for span in spans]))
    return rows or [_row("flags", [line(Span("the same  ", Tone.DIM)) for _ in compared])]


def _flag(view: ExperimentView, name: str) -> Span:
    value = view.parameters.get(name)
    return words.NONE if value is None else Span(words.value(value))


def _figures(task: TaskView, compared: Sequence[Side], everything: bool) -> list[Row]:
    score = _Figure(
        f"score {task.unit}", lambda view: view.score, -1 if lower_is_better(task) else 1, 4
    )
    alike = best_alike(task)
    rows = []
    for one in (score, *_FIGURES):
        if one.detail and not everything:
            continue
        values = [one.pick(side.view) for side in compared]
        spans = one.said(values)
        known = {s.text for s, value in zip(spans, values, strict=True) if value is not None}
        if known and (everything or len(known) > 1):
            same = alike if one.better == 1 or one is score else ()
            rows.append(_figure_row(one, compared, values, spans, same))
    return rows


def _figure_row(
    figure: _Figure,
    compared: Sequence[Side],
    values: Sequence[float | None],
    spans: Sequence[Span],
    alike: Collection[int],
) -> Row:
    """`alike` are the experiments whose figure cannot be told apart, whatever its digits say."""
    numbers = [side.view.number for side in compared]
    winner = None if len(set(numbers) & set(alike)) > 1 else _winner(figure, values, spans)
    cells = [
        (span, _low(figure, side), Span("✔", Tone.GOOD) if place == winner else Span(" "))
        for place, (span, side) in enumerate(zip(spans, compared, strict=True))
    ]
    gains: list[Line] = [()]
    for number, value in zip(numbers[1:], values[1:], strict=True):
        same = number in alike and numbers[0] in alike and value is not None
        said = line(Span("≈", Tone.BEST)) if same else _gain(figure, values[0], value)
        gains.append(said)
    return _row(figure.name, cells, gains)


def _low(figure: _Figure, side: Side) -> Span:
    chosen = chosen_measurement(side.view)
    return low(chosen.data, figure.statistic) if chosen and figure.statistic else Span(" ")


def _winner(figure: _Figure, values: Sequence[float | None], spans: Sequence[Span]) -> int | None:
    """The place of the better one; None where it looks like a tie."""
    known = [(value, place) for place, value in enumerate(values) if value is not None]
    if not figure.better or len(known) < 2:
        return None
    _, place = max(known, key=lambda found: found[0] * figure.better)
    same = sum(span.text == spans[place].text for span in spans)
    return place if same == 1 else None


def _gain(figure: _Figure, first: float | None, value: float | None) -> Line:
    """How much more or less than the first, in per cent."""
    if not figure.better or not first or value is None:
        return ()
    return line(Span(words.gain(value / first - 1), Tone.DIM))


def _whole(value: float | None) -> Span:
    return words.NONE if value is None else Span(words.count(round(value)))


def _of_chosen(
    pick: Callable[[Measurement], float | None],
) -> Callable[[ExperimentView], float | None]:
    def picked(view: ExperimentView) -> float | None:
        found = chosen_measurement(view)
        return pick(found.data) if found else None

    return picked


def _time(metric: str, statistic: str, factor: float) -> Callable[[ExperimentView], float | None]:
    def pick(data: Measurement) -> float | None:
        value: float | None = getattr(getattr(data, metric), statistic)
        return None if value is None else value * factor

    return _of_chosen(pick)


def _times() -> list[_Figure]:
    found = []
    for metric, unit, factor in (("ttft", "ms", 1000.0), ("tpot", "ms", 1000.0), ("e2e", "s", 1.0)):
        for one in ("p95", "mean", "p50", "p90", "p99"):
            name, pick = f"{metric.upper()} {one} {unit}", _time(metric, one, factor)
            found.append(_Figure(name, pick, detail=one != "p95", statistic=one))
    return found


def _ready(view: ExperimentView) -> float | None:
    """How long the last start took until it was ready."""
    start = view.starts[-1] if view.starts else None
    return max(0.0, start.ready - start.started) if start and start.ready else None


_FIGURES = (
    _Figure("output tok/s", _of_chosen(lambda m: m.throughput), 1, 4),
    *_times(),
    _Figure("load", _of_chosen(lambda m: float(m.concurrency)), 0),
    _Figure("errors %", _of_chosen(lambda m: m.error_rate * 100)),
    _Figure("in + out tok/s", _of_chosen(lambda m: m.total_throughput), 1, 4, detail=True),
    _Figure("ready after s", _ready),
)
