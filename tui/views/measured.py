"""What was measured on one experiment, as a table with the reason for each bad level, and what
its repeats came to."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from core.metrics import Measurement
from core.store.views import ConfirmedView, ExperimentView, MeasurementView, TaskView
from core.values import Purpose
from tui.line import Line, Span, Tone, apart, line, wrap
from tui.views import words
from tui.views.layout import Column, Grid, Row, as_lines
from tui.views.trust import any_low, legend, look, low, marks, reasons, superseded

_STATISTICS = ("mean", "p50", "p90", "p95", "p99")
_PERCENTILES = _STATISTICS[1:]
_INDENT = 8  # cells before a reason, so that it stands below its row


def measured_lines(view: ExperimentView, cells: int) -> list[Line]:
    """By purpose and load, whatever the order they were made in; below a row why it is bad."""
    order = sorted(range(len(view.measurements)), key=lambda index: _place(view, index))
    scenarios = {one.data.scenario for one in view.measurements}
    only = next(iter(scenarios)) if len(scenarios) == 1 else ""
    left = line(Span("measurements", Tone.STRONG), Span(f"  {only}" if only else "", Tone.DIM))
    few = any_low(one.data for one in view.measurements)
    lines = [apart(left, legend() if few else (), cells)]
    header, rows = _table(view, order, not only, few, cells)
    lines += header
    for index, row in zip(order, rows, strict=True):
        lines.append(row)
        lines += [
            (Span(" " * _INDENT), *part)
            for reason in _reasons(view, index)
            for part in wrap(reason, cells - _INDENT, Tone.DIM)
        ]
    return lines


def _place(view: ExperimentView, index: int) -> tuple[bool, str, int, int, int]:
    one = view.measurements[index]
    data = one.data
    confirms = data.purpose is Purpose.CONFIRM
    return confirms, data.scenario, data.concurrency, one.start, data.turn


def _reasons(view: ExperimentView, index: int) -> list[str]:
    one = view.measurements[index]
    if superseded(one, view.measurements):
        return []  # what counts is said of the later look
    found = reasons(one)
    if one.data.turn > 1:
        found.append(f"holds the requests of {one.data.turn} looks, pooled")
    # One limit that is missed stands in the row already, and how much.
    return [] if len(found) == 1 and len(one.breaches) == 1 and _plain(one) else found


def _plain(one: MeasurementView) -> bool:
    return one.data.failure is None and not marks(one.data) and one.data.turn == 1


def _table(
    view: ExperimentView, order: Sequence[int], scenarios: bool, few: bool, cells: int
) -> tuple[list[Line], list[Line]]:
    columns = (
        Column("scenario" if scenarios else ""),
        Column("load", right=True),
        Column("output", "tok/s", right=True),
        Column("TTFT", "p95 ms", right=True),
        Column("TPOT", "p95 ms", right=True),
        Column("E2E", "p95 s", right=True, rank=4),
        Column("SLO met", "%", right=True, rank=2),
        Column("requests", right=True, rank=3),
        Column("errors", right=True, rank=5),
        Column("for", rank=1),
        Column("start", right=True, rank=6),
        Column("", grow=True, least=18),
    )
    picked = [view.measurements[index] for index in order]
    figures = _figures(picked, few)
    rows = []
    for place, (index, one) in enumerate(zip(order, picked, strict=True)):
        data = one.data
        row = (
            line(data.scenario if scenarios else ""),
            line(str(data.concurrency)),
            *(column[place] for column in figures),
            line(words.count(data.requests)),
            line(words.count(data.errors)),
            line(look(data)),
            line(str(one.start)),
            _mark(one, chosen=index == view.chosen, old=superseded(one, view.measurements)),
        )
        rows.append(Row(str(index), row))
    grid = Grid(columns, tuple(rows))
    lines = as_lines(grid, cells)
    return lines[: grid.head], lines[grid.head :]


def _figures(picked: Sequence[MeasurementView], few: bool) -> list[list[Line]]:
    data = [one.data for one in picked]
    output: list[Line] = [(span,) for span in words.numbers([m.throughput for m in data], 4)]
    times = (
        words.numbers([m.ttft.p95 and m.ttft.p95 * 1000 for m in data]),
        words.numbers([m.tpot.p95 and m.tpot.p95 * 1000 for m in data]),
        words.numbers([m.e2e.p95 for m in data]),
    )
    return [
        output,
        *(_doubted(column, data, few) for column in times),
        [_met(m.attainment) for m in data],
    ]


def _met(attainment: float | None) -> Line:
    """Nothing where no limit is one that a single request can meet: no column is then shown."""
    return () if attainment is None else (words.after_point(Span(words.share(attainment)), 1),)


def _doubted(column: Sequence[Span], data: Sequence[Measurement], few: bool) -> list[Line]:
    """With marks where there are few requests, in a table that has such a row."""
    marked = zip(column, data, strict=True)
    return [(span, low(m, "p95")) if few else (span,) for span, m in marked]


def _mark(one: MeasurementView, *, chosen: bool, old: bool) -> Line:
    """Met or missed first; then what it was chosen for, or what is wrong with it."""
    if one.data.failure:
        return (Span(f"✖ {words.failure(one.data.failure)}", Tone.BAD),)
    parts = [Span("✔", Tone.GOOD) if one.feasible else Span("✖", Tone.BAD)]
    if old:
        return line(*parts, Span(" looked at again", Tone.DIM))
    if chosen:
        parts.append(Span(" gave the score", Tone.BEST))
    if doubts := marks(one.data):
        parts.append(Span(f" {doubts[0]}", Tone.WARN))  # with the others, and limits, below
    elif one.breaches:
        parts.append(Span(f" {words.breach(one.breaches[0])}", Tone.BAD))
    return line(*parts)


def confirmed_lines(task: TaskView, confirmed: ConfirmedView, cells: int) -> list[Line]:
    """Each repeat, their mean and spread; the percentiles of all their requests together."""
    repeats = len(confirmed.values)
    said = "1 repeat" if repeats == 1 else f"{repeats} repeats"
    state = Span("✔ meets the SLO", Tone.GOOD)
    if not confirmed.feasible:
        state = Span("✖ misses the SLO", Tone.BAD)
    title = line(Span("confirmed", Tone.STRONG), Span(f"  {said}", Tone.DIM))
    lines = [apart(title, (state,), cells), *_values(task, confirmed, cells)]
    for pooled in confirmed.measurements:
        lines += [(), *_pooled(pooled, cells)]
    return lines


def _values(task: TaskView, confirmed: ConfirmedView, cells: int) -> list[Line]:
    decimals = words.places(confirmed.values, 4)
    each = [words.number(value, decimals).text for value in confirmed.values]
    lines = [line(Span("each   ", Tone.DIM), row) for row in _rows(each, cells - 7)]
    mean = confirmed.score
    if mean is None:
        return lines
    parts = [Span("mean   ", Tone.DIM), Span(words.number(mean, decimals).text, Tone.BEST)]
    parts.append(Span(f" {task.unit}"))
    if len(confirmed.values) > 1 and mean:
        spread = (max(confirmed.values) - min(confirmed.values)) / abs(mean)
        said = line(Span("spread ", Tone.DIM), f"{spread * 100:.1f} % from lowest to highest")
        return [*lines, tuple(parts), said]
    return [*lines, tuple(parts)]


def _rows(texts: Sequence[str], cells: int) -> list[str]:
    """Beside each other, as many as fit; numbers have blanks that must not be broken at."""
    rows: list[str] = []
    for text in texts:
        if rows and cell_len(rows[-1]) + cell_len(text) + 3 <= cells:
            rows[-1] += f" · {text}"
        else:
            rows.append(text)
    return rows


def _pooled(pooled: MeasurementView, cells: int) -> list[Line]:
    """Latencies of every repeat's requests; a mark where they are too few for a percentile."""
    data = pooled.data
    columns = [Column("pooled"), *(Column(name, right=True) for name in _STATISTICS)]
    rows = []
    for name, unit, factor in (("ttft", "ms", 1000.0), ("tpot", "ms", 1000.0), ("e2e", "s", 1.0)):
        spread = getattr(data, name)
        values = [getattr(spread, one) for one in _STATISTICS]
        if all(value is None for value in values):
            continue
        spans = words.numbers([None if value is None else value * factor for value in values])
        marked = [(s, low(data, one)) for s, one in zip(spans, _STATISTICS, strict=True)]
        rows.append(Row(name, (line(f"{name.upper()} {unit}"), *marked)))
    facts = [data.scenario, f"load {data.concurrency}", f"{words.count(data.requests)} requests"]
    facts += [f"{words.count(data.errors)} errors"] if data.errors else []
    if data.throughput is not None:
        output = words.number(data.throughput, words.places([data.throughput], 4)).text
        facts.append(f"output {output} tok/s")
    if data.attainment is not None:
        facts.append(f"SLO met {words.share(data.attainment)} %")
    found = [*as_lines(Grid(tuple(columns), tuple(rows)), cells)] if rows else []
    found += wrap(" · ".join(facts), cells, Tone.DIM)
    found += [line(Span("✖ ", Tone.BAD), *part) for r in reasons(pooled) for part in wrap(r, cells)]
    return [*found, *([legend(_PERCENTILES)] if any_low([data], _PERCENTILES) else [])]
