"""The parts of a report, in their order."""

from __future__ import annotations

from collections.abc import Iterator

from core.export.closest import Closest, closest
from core.export.evidence import Evidence
from core.export.figures import clock, count, duration, plain
from core.export.markdown import escaped, line, table
from core.export.picked import feasible, repeats, score_of, simulated
from core.export.reasons import failure_text
from core.export.report.compared import commands, compared
from core.export.report.configurations import bad_loads, configurations
from core.export.report.loads import loads
from core.export.report.reproduce import reproduce
from core.export.report.trust import trust
from core.export.table import score_text
from core.export.verdict import beyond, measured, verdict_text
from core.store.views import ExperimentView, TaskDetail


def report(found: Evidence) -> str:
    """A whole document. Texts of engines and logs never become markup in it."""
    parts = [*_head(found), *_verdict(found), *compared(found), *commands(found), *_limits(found)]
    parts += [*loads(found), *configurations(found), *bad_loads(found), *trust(found)]
    return "\n\n".join([*parts, *reproduce(found)]) + "\n"


def _head(found: Evidence) -> Iterator[str]:
    task = found.detail.task
    yield f"# {escaped(task.name)}: tuning report{' (simulated)' if task.simulated else ''}"
    took = f" in {duration(task.ended - task.started)}" if task.started and task.ended else ""
    when = f", {clock(task.started)}" if task.started else ""
    rows = [
        ("model", task.model),
        ("engine", task.engine),
        ("state", f"{task.state}{took}{when}"),
        ("objective", f"{task.objective} ({task.unit})"),
        ("experiments", _counted(found.detail)),
    ]
    yield table(("task", task.name), rows, "ll")
    if made_up := _simulated(found.detail):
        yield f"**{made_up}**: no real engine served these requests."


def _simulated(detail: TaskDetail) -> str:
    """What of the figures is; nothing when none are."""
    marks = {e.number: simulated(detail.task, e) for e in detail.experiments}
    if detail.task.simulated and all(marks.values()):
        return "Every figure here is simulated"
    numbers = ", ".join(f"#{number}" for number, mark in marks.items() if mark)
    return f"The figures of {numbers} are simulated" if numbers else ""


def _counted(detail: TaskDetail) -> str:
    """`9: 6 within the limits, 2 beyond, 1 failed`."""
    met = sum(feasible(e) is True for e in detail.experiments)
    miss = sum(feasible(e) is False for e in detail.experiments)
    failed = sum(e.failure is not None for e in detail.experiments)
    parts = [(met, "within the limits"), (miss, "beyond"), (failed, "failed")]
    said = ", ".join(f"{number} {words}" for number, words in parts if number)
    return f"{len(detail.experiments)}: {said}" if said else str(len(detail.experiments))


def _verdict(found: Evidence) -> Iterator[str]:
    task, nearest = found.detail.task, closest(found.detail, found.asked)
    yield "## Verdict"
    said = verdict_text(task, next(iter(nearest), None))
    said = f"{said[:1].upper()}{said[1:]}."
    parts = [said, *_standing(found.best, task.unit, best=True)]
    if found.baseline is not None and found.baseline is not found.best:
        parts += _standing(found.baseline, task.unit, best=False)
    if task.failure is not None:
        parts.append(f"The task ended with {failure_text(task.failure)}.")
    yield line(" ".join(parts), 2000)
    if nearest:
        yield "No configuration met the limits. The closest ones, and how far each limit is:"
        yield _gaps(nearest)


def _standing(experiment: ExperimentView | None, unit: str, *, best: bool) -> Iterator[str]:
    """Where a figure comes from: the mean of repeats with each of them, or one measurement."""
    if experiment is None or (score := score_of(experiment)) is None:
        return
    name = f"The best, #{experiment.number}," if best else "The baseline"
    if times := repeats(experiment):
        values = experiment.confirmed.values if experiment.confirmed else ()
        each = ", ".join(score_text(value, unit) for value in values)
        yield (
            f"{name} has {score_text(score, unit)} {unit}, the mean of "
            f"{count(times, 'repeat')} ({each})."
        )
    else:
        yield f"{name} has {score_text(score, unit)} {unit} in the search, not repeated."


def _gaps(nearest: tuple[Closest, ...]) -> str:
    names = tuple(dict.fromkeys(name for one in nearest for name in one.gaps))
    limits = {name: gap.limit for one in nearest for name, gap in one.gaps.items()}
    head = ["#", "worst", *(f"{name}, limit {measured(name, limits[name])}" for name in names)]
    rows = []
    for one in nearest:
        gaps = [one.gaps.get(name) for name in names]
        cells = [
            f"{measured(name, gap.value)} ({beyond(name, gap)})" if gap else "–"
            for name, gap in zip(names, gaps, strict=True)
        ]
        rows.append([f"#{one.number}", f"{plain(one.violation, 0, 100)} % beyond", *cells])
    return table(head, rows, "r" * len(head))


def _limits(found: Evidence) -> Iterator[str]:
    yield "## Objective and limits"
    task = found.detail.task
    better = "less is better (95th percentile)" if task.unit == "s" else "more is better"
    yield line(f"Objective: {task.objective} in {task.unit}; {better}.")
    if found.asked is None:
        yield "The limits are not known any more: the task's file is gone."
        return
    floors = ("throughput_min", "attainment")
    rows = [
        (name, f"{'at least' if name in floors else 'at most'} {measured(name, limit)}")
        for name, limit in found.slo.limits.items()
    ]
    yield table(("limit", "value"), rows, "ll")
    work = found.asked.workload
    if work.weights:
        shares = zip(work.scenarios, work.weights, strict=True)
        said = ", ".join(f"{name} weighs {weight:g}" for name, weight in shares)
        yield line(f"The score is the weighted mean of the scenarios: {said}.")
    elif len(work.scenarios) > 1:
        yield "The score is that of the worst scenario, each at its best load."
