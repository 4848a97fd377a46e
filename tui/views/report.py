"""Everything about one experiment, as lines for a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.export.picked import simulated
from core.store.views import ExperimentView, StartView, TaskView
from core.values import Failure, StartReason
from tui.line import Line, Span, Tone, apart, labelled, line, wrap
from tui.views import words
from tui.views.compare import overlaid, sides
from tui.views.curves import METRICS, levels, slo_lines, statistic
from tui.views.measured import confirmed_lines, measured_lines
from tui.views.phases import past_phases, phase_line
from tui.views.verdict import best_alike

_LABEL = 16
_LEVELS = 3  # loads from which a curve says more than the table
_PLOT, _SMALL = 12, 9  # its rows
_TALL = 30  # rows of a screen that has room for the larger one


@dataclass(frozen=True, slots=True)
class Command:
    """What starts the engine, or why nobody can say; `key` copies it. Both None: being made."""

    key: str
    text: str | None = None
    trouble: str | None = None


def report(
    task: TaskView, view: ExperimentView, now: float, cells: int, rows: int, command: Command,
    limits: Mapping[str, float] | None = None,
) -> list[Line]:  # fmt: skip
    """State, failure with the line that proves it and advice, flags, what the repeats came to,
    measurements with the curves over concurrency, starts, the command. `limits` are the SLO's.
    """
    lines = [_title(task, view, cells), ()]
    if view.failure:
        lines += [*_failure(view.failure, cells), *_also_ruled_out(view, cells), ()]
    lines += _flags(task, view, cells)
    if view.reason:
        lines += _entry("why", view.reason, cells)
    if view.confirmed:
        lines += [(), *confirmed_lines(task, view.confirmed, cells)]
    if view.measurements:
        lines += [(), *measured_lines(view, cells)]
        lines += _curves(task, view, cells, rows, limits or {})
    lines += _starts(view, now, cells)
    return [*lines, (), *_command(command, cells)]


def _starts(view: ExperimentView, now: float, cells: int) -> list[Line]:
    """Those that confirm apart from those of the search."""
    found: list[Line] = []
    confirms = [one for one in view.starts if one.reason is StartReason.CONFIRM]
    others = [one for one in view.starts if one.reason is not StartReason.CONFIRM]
    for title, starts in (("starts", others), ("starts to confirm", confirms)):
        if starts or title == "starts":
            found += [(), line(Span(title, Tone.STRONG))]
        for start in starts:
            found += _start(view, start, now, cells)
    return found if view.starts else [*found, line(Span("none yet", Tone.DIM))]


def _command(command: Command, cells: int) -> list[Line]:
    title = line(Span("command  ", Tone.STRONG), Span(command.key, Tone.KEY), " copies it")
    if command.trouble:
        return [title, *wrap(f"✖ {command.trouble}", cells, Tone.BAD)]
    return [title, *wrap(command.text or "…", cells)]


def _curves(
    task: TaskView, view: ExperimentView, cells: int, rows: int, limits: Mapping[str, float]
) -> list[Line]:
    """Throughput, and each latency that has a limit, over concurrency."""
    if len(levels(view)) < _LEVELS:
        return []
    found: list[Line] = []
    for place, metric in enumerate(METRICS):
        if place == 0 or any(slo_lines(metric, statistic(metric, limits), limits)):
            room = _PLOT if rows >= _TALL else _SMALL
            found += [(), *overlaid(sides(task, [view]), place, cells, room, limits)]
    return found


def _title(task: TaskView, view: ExperimentView, cells: int) -> Line:
    marks: list[Span | str] = [Span(f"{task.name} #{view.number}", Tone.STRONG)]
    if view.baseline:
        marks.append(Span("  baseline", Tone.BASE))
    if view.number in (alike := best_alike(task)):
        marks.append(Span("  ≈ best" if len(alike) > 1 else "  best", Tone.BEST))
    if view.score is not None:
        score = words.number(view.score, words.places([view.score], 4)).text
        marks.append(f"  {score} {task.unit}")
    if simulated(task, view):
        marks += ["  ", words.SIMULATED]
    state = words.experiment_state(view.state)
    return apart(line(*marks), (state,), cells)


def _entry(label: str, text: str, cells: int, tone: Tone = Tone.PLAIN) -> list[Line]:
    return labelled(Span(f"{label:<{_LABEL}}", Tone.DIM), text, cells, tone)


def _flags(task: TaskView, view: ExperimentView, cells: int) -> list[Line]:
    engine = _entry("engine", view.engine, cells) if len(task.engines) > 1 else []
    flags = "  ".join(f"{name}={words.value(v)}" for name, v in view.parameters.items())
    return [*engine, *_entry("flags", flags or "the engine's defaults", cells)]


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


def _also_ruled_out(view: ExperimentView, cells: int) -> list[Line]:
    if view.ruled_out == 0:
        return []
    count = view.ruled_out
    some = "more configurations than can be counted" if count is None else f"{count} configuration"
    some += "s" if count is not None and count != 1 else ""
    return _entry("also ruled out", f"{some}: they share its fate and are not started", cells)


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
