"""The list of tasks, and what is to be said of the one under the cursor."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from core.store.views import Overview, TaskView
from core.values import TaskState
from tui.line import Line, Span, Tone, fit, line, wrap
from tui.snapshot import Snapshot
from tui.views import words
from tui.views.gains import delta
from tui.views.layout import Column, Grid, Row
from tui.views.left import left
from tui.views.phases import parameters, phase_line
from tui.views.verdict import confirming, gain_decimals, verdict_line, worth

_REASON = 24  # cells that a column with reasons has to leave to the others, at the least


def nothing(view: Snapshot, key: str, cells: int) -> tuple[Line, ...]:
    """What stands where no task does: how to get one, or why none can be read."""
    if view.error:
        return _unread(view.error, cells)
    if not view.loaded:
        return (line(Span("reading …", Tone.DIM)),)
    return (
        (),
        line("No tasks yet."),
        (),
        line(Span(f"{key:<28}", Tone.KEY), "a new task: a form, or the YAML"),
        line(Span(f"{'autotuner-tui run TASK.yaml':<28}", Tone.KEY), "the same in a shell"),
        line(Span(f"{'autotuner-tui demo':<28}", Tone.KEY), "a simulated engine; needs no GPU"),
        (),
        line(Span("What they do appears here.", Tone.DIM)),
    )


def _unread(error: str, cells: int) -> tuple[Line, ...]:
    """Nothing was ever read: what is wrong, and that nothing is lost by it."""
    return (
        (),
        line(Span("✖ The journal cannot be read.", Tone.BAD)),
        *wrap(error, cells),
        (),
        *wrap("It is tried again all the time: this goes away by itself once it can be.", cells),
        *wrap("In a shell, autotuner-tui doctor looks at the machine.", cells, Tone.DIM),
    )


def about_width(cells: int) -> int:
    """How much room the reasons have in a table of this width; 0: none."""
    room = cells - 112
    return room if room >= _REASON else 0


def task_grid(
    tasks: tuple[TaskView, ...],
    now: float,
    marked: frozenset[str] = frozenset(),
    reasons: int = 0,
    confirming: Collection[str] = (),
) -> Grid:
    """One row a task, in the order given. `reasons`: cells for why one failed. `confirming`:
    those whose best is being confirmed.
    """
    units = {task.unit for task in tasks}
    same = next(iter(units)) if len(units) == 1 else ""
    columns = (
        Column(""),
        Column("Task", grow=True, least=12),
        Column("Engine", rank=3),
        Column("Model", rank=4),
        Column("State"),
        Column("Done", right=True),
        Column("Best", same, right=True),
        Column("Unit"),
        Column("Δ base", "%", right=True),
        Column(""),
        Column("Left", right=True, rank=2),
        Column("", rank=1),
    )
    best = _best(tasks)
    rows = []
    for index, task in enumerate(tasks):
        mark = line(Span("✔", Tone.KEY)) if task.id in marked else ()
        why = fit(line(_why(task)), reasons)
        state = words.task_state(task, confirming=task.id in confirming)
        cells = (mark, *_cells(task, state, best[index], same, now), why)
        rows.append(Row(task.id, cells))
    return Grid(columns, tuple(rows))


def _why(task: TaskView) -> Span:
    if task.failure is None:
        return Span("")
    return Span(f"{words.failure(task.failure)}: {task.failure.message}", Tone.DIM)


def _cells(task: TaskView, state: Span, best: Span, same: str, now: float) -> tuple[Line, ...]:
    gain = words.gain(delta(task), gain_decimals(task))
    return (
        line(task.name),
        line(task.engine),
        line(task.model),
        line(state),
        line(words.progress(task.done, task.planned)),
        line(best),
        line("" if same or task.best_score is None else task.unit),
        line(words.after_point(Span(gain) if gain else words.NONE, 1)),
        line(words.SIMULATED if task.simulated else ""),
        line(Span(said) if (said := left(task, now)) else words.NONE),
    )


def _best(tasks: tuple[TaskView, ...]) -> list[Span]:
    """Best scores: each unit with decimals of its own, all on one decimal point."""
    decimals = {
        unit: words.places([t.best_score for t in tasks if t.unit == unit], 4)
        for unit in {task.unit for task in tasks}
    }
    most = max(decimals.values(), default=0)
    spans = []
    for task in tasks:
        own = worth(task, task.best_score, decimals[task.unit])
        span = words.after_point(words.number(task.best_score, own), most)
        spans.append(replace(span, tone=Tone.BEST) if task.best_score else span)
    return spans


def about_task(
    task: TaskView | None, overview: Overview | None, now: float, cells: int, marked: int = 0
) -> list[Line]:
    """Up to three lines on one task: what it does now, or how it ended."""
    said = [] if task is None else _about(task, overview, now, cells)
    if marked:
        count = "1 task is marked" if marked == 1 else f"{marked} tasks are marked"
        return [*said[:2], *([()] * (2 - len(said))), line(Span(f" {count}", Tone.KEY))]
    return said


def _about(task: TaskView, overview: Overview | None, now: float, cells: int) -> list[Line]:
    if task.failure:
        return [(Span(" "), *part) for part in _failed(task, cells - 1)]
    busy = overview.busy if overview else None
    if busy is None:
        return [line(" ", *part) for part in _standing(task, cells - 1)]
    why = f" {task.note}" if confirming(overview) else f" why: {task.note}"
    return [
        line(Span(f" #{busy.number} ", Tone.RUN), *parameters(busy)),
        (Span(" "), *phase_line(busy, now, cells - 1)),
        line(Span(why, Tone.DIM) if task.note else ""),
    ]


def _standing(task: TaskView, cells: int) -> list[Line]:
    """The verdict where there is one and nothing is at work, else what the task does."""
    said = verdict_line(task) if task.verdict else ()
    judged = wrap("".join(span.text for span in said), cells, said[0].tone) if said else []
    if task.state is TaskState.COMPLETED and judged:
        return judged[:3]
    return [outcome(task), *judged][:3]


def _failed(task: TaskView, cells: int) -> list[Line]:
    assert task.failure is not None  # asked only about a failed task
    said = wrap(f"✖ {words.failure(task.failure)}: {task.failure.message}", cells, Tone.BAD)
    return [*said, *wrap(task.failure.advice, cells)][:3]


def outcome(task: TaskView) -> Line:
    """One line for a task with no experiment at work."""
    if task.failure:
        return line(Span(f"✖ {words.failure(task.failure)}: {task.failure.message}", Tone.BAD))
    if task.note and task.state in {TaskState.RUNNING, TaskState.QUEUED}:
        return line(Span(task.note, Tone.DIM))
    said = {
        TaskState.QUEUED: "waits for its turn",
        TaskState.RUNNING: "chooses what to try next",
        TaskState.PAUSED: "paused; p goes on",
        TaskState.COMPLETED: "all that was planned is done",
        TaskState.FAILED: "failed",
        TaskState.CANCELLED: "cancelled; what was measured is kept",
    }
    return line(Span(said[task.state], Tone.DIM))
