"""Everything about one experiment, as lines for a page."""

from __future__ import annotations

from dataclasses import dataclass

from core.store.views import ExperimentView, MeasurementView, StartView, TaskView
from core.values import Failure
from tui.line import Line, Span, Tone, apart, labelled, line, wrap
from tui.views import words
from tui.views.compare import overlaid, sides
from tui.views.curves import main_scenario
from tui.views.layout import Column, Grid, Row, as_lines
from tui.views.phases import past_phases, phase_line

_LABEL = 16
_LEVELS = 3  # loads from which a curve says more than the table
_PLOT = 10  # its rows
_TALL = 30  # rows of a screen that has room for it


@dataclass(frozen=True, slots=True)
class Command:
    """What starts the engine, or why nobody can say; `key` copies it. Both None: being made."""

    key: str
    text: str | None = None
    trouble: str | None = None


def report(
    task: TaskView, view: ExperimentView, now: float, cells: int, rows: int, command: Command
) -> list[Line]:
    """State, failure with the line that proves it and advice, flags, measurements, starts, the
    command. On a screen of 30 `rows` and more also the curve over concurrency.
    """
    lines = [_title(task, view, cells), ()]
    if view.failure:
        lines += [*_failure(view.failure, cells), ()]
    lines += _flags(view, cells)
    if view.reason:
        lines += _entry("why", view.reason, cells)
    if view.measurements:
        lines += [(), line(Span("measurements", Tone.STRONG))]
        lines += as_lines(_measured(view), cells)
        lines += _curve(task, view, cells) if rows >= _TALL else []
    lines += [(), line(Span("starts", Tone.STRONG))]
    for start in view.starts:
        lines += _start(view, start, now, cells)
    if not view.starts:
        lines.append(line(Span("none yet", Tone.DIM)))
    return [*lines, (), *_command(command, cells)]


def _command(command: Command, cells: int) -> list[Line]:
    title = line(Span("command  ", Tone.STRONG), Span(command.key, Tone.KEY), " copies it")
    if command.trouble:
        return [title, *wrap(f"✖ {command.trouble}", cells, Tone.BAD)]
    return [title, *wrap(command.text or "…", cells)]


def _curve(task: TaskView, view: ExperimentView, cells: int) -> list[Line]:
    scenario = main_scenario(view)
    loads = {m.data.concurrency for m in view.measurements if m.data.scenario == scenario}
    if len(loads) < _LEVELS:
        return []
    return [(), *overlaid(sides(task, [view]), 0, cells, _PLOT)]


def _title(task: TaskView, view: ExperimentView, cells: int) -> Line:
    marks: list[Span | str] = [Span(f"{task.name} #{view.number}", Tone.STRONG)]
    if view.baseline:
        marks.append(Span("  baseline", Tone.BASE))
    if view.number == task.best:
        marks.append(Span("  best", Tone.BEST))
    if view.score is not None:
        score = words.number(view.score, words.places([view.score], 4)).text
        marks.append(f"  {score} {task.unit}")
    if task.simulated:
        marks += ["  ", words.SIMULATED]
    state = words.experiment_state(view.state)
    return apart(line(*marks), (state,), cells)


def _entry(label: str, text: str, cells: int, tone: Tone = Tone.PLAIN) -> list[Line]:
    return labelled(Span(f"{label:<{_LABEL}}", Tone.DIM), text, cells, tone)


def _flags(view: ExperimentView, cells: int) -> list[Line]:
    flags = "  ".join(f"{name}={words.value(v)}" for name, v in view.parameters.items())
    return _entry("flags", flags or "the engine's defaults", cells)


def _failure(failure: Failure, cells: int) -> list[Line]:
    lines = _entry("what happened", f"✖ {words.failure(failure)}", cells, Tone.BAD)
    lines += _entry("", failure.message, cells)
    if failure.text:
        place = failure.log or "log"
        place += f":{failure.line}" if failure.line else ""
        lines += _entry("the line", f"{place}  {failure.text}", cells)
    if failure.advice:
        lines += _entry("what to do", failure.advice, cells, Tone.STRONG)
    return lines


def _start(view: ExperimentView, start: StartView, now: float, cells: int) -> list[Line]:
    spent = words.duration((start.ended or now) - start.started)
    parts = [f"{start.attempt} {start.reason.value}, {start.state}, {spent}"]
    if start.ready:
        parts.append(f"ready after {words.duration(start.ready - start.started)}")
    if start.failure and start.failure is not view.failure:
        parts.append(words.failure(start.failure))
    lines = [line(", ".join(parts))]
    if start.phases:
        last = start is view.starts[-1] and start.ended is None
        road = phase_line(view, now, cells - 2) if last else past_phases(start, now, cells - 2)
        lines.append(line("  ", *road))
    return lines


def _measured(view: ExperimentView) -> Grid:
    columns = (
        Column("scenario", grow=True, least=8),
        Column("load", right=True),
        Column("output", "tok/s", right=True),
        Column("TTFT", "p95 ms", right=True),
        Column("TPOT", "p95 ms", right=True),
        Column("E2E", "p95 s", right=True, rank=2),
        Column("requests", right=True, rank=1),
        Column("errors", right=True, rank=3),
        Column("start", right=True, rank=4),
        Column("", grow=False),
    )
    data = [measured.data for measured in view.measurements]
    numbers = [
        words.numbers([m.throughput for m in data], 4),
        words.numbers([m.ttft.p95 and m.ttft.p95 * 1000 for m in data]),
        words.numbers([m.tpot.p95 and m.tpot.p95 * 1000 for m in data]),
        words.numbers([m.e2e.p95 for m in data]),
    ]
    rows = []
    for index, measured in enumerate(view.measurements):
        m = measured.data
        cells = (
            line(m.scenario),
            line(str(m.concurrency)),
            *((column[index],) for column in numbers),
            line(str(m.requests)),
            line(str(m.errors)),
            line(str(measured.start)),
            _mark(measured, chosen=index == view.chosen),
        )
        rows.append(Row(str(index), cells))
    return Grid(columns, tuple(rows))


def _mark(measured: MeasurementView, *, chosen: bool) -> Line:
    if measured.data.failure:
        return (Span(f"✖ {words.failure(measured.data.failure)}", Tone.BAD),)
    mark = Span("✔", Tone.GOOD) if measured.feasible else Span("✖", Tone.BAD)
    said = next((b.replace("_", " ") for b in measured.breaches), "")
    return line(
        mark, Span(" gave the score", Tone.BEST) if chosen else "", f" {said}" if said else ""
    )
