"""Results as aligned text for a terminal or a log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.export.figures import NONE, low, met, plain
from core.export.picked import feasible, repeats, score_of, shown
from core.metrics import FEWEST, Distribution, Measurement
from core.store.views import ExperimentView, TaskDetail, TaskView
from core.task import Task
from core.values import Scalar

_LOW = "*"


def varying(experiments: Sequence[ExperimentView]) -> tuple[str, ...]:
    """Flags that are not the same in every experiment."""
    names = {name: None for e in experiments for name in e.parameters}
    return tuple(
        name for name in names if len({repr(e.parameters.get(name)) for e in experiments}) > 1
    )


def several(experiments: Sequence[ExperimentView]) -> bool:
    """Whether more than one engine was tried: then it is told which."""
    return len({e.engine for e in experiments}) > 1


def text_table(detail: TaskDetail, asked: Task | None) -> str:
    """The results as aligned columns, units in the header.

    `asked` tells whether there are limits for single requests; None when it is not known any
    more. Of a confirmed configuration the figures are those of its pooled repeats.
    """
    columns = tuple(_columns(detail, asked))
    widths = [max(map(len, column)) for column in columns]
    remarks = ["", *(_remark(detail.task, experiment) for experiment in detail.experiments)]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        + (f"  {remark}" if remark else "")
        for row, remark in zip(zip(*columns, strict=True), remarks, strict=True)
    ]
    if any(_LOW in cell for column in columns for cell in column[1:]):
        lines.append(f"{_LOW} low n: fewer than {FEWEST['p95']} requests stand behind this p95")
    return "\n".join(lines)


def _columns(detail: TaskDetail, asked: Task | None) -> Iterator[list[str]]:
    """Each column with its header."""
    task, experiments = detail.task, detail.experiments
    figures = [view.data if (view := shown(e)) else None for e in experiments]
    yield ["#", *(str(e.number) for e in experiments)]
    if several(experiments):
        yield ["engine", *(e.engine for e in experiments)]
    for name in varying(experiments):
        yield [name, *(flag_text(e.parameters.get(name)) for e in experiments)]
    yield [f"score {task.unit}", *(score_text(score_of(e), task.unit) for e in experiments)]
    if any(e.confirmed for e in experiments):
        yield ["repeats", *(str(repeats(e) or NONE) for e in experiments)]
    yield ["tok/s", *(plain(data.throughput if data else None) for data in figures)]
    yield _latencies("ttft p95 ms", figures, [data.ttft if data else None for data in figures])
    yield _latencies("tpot p95 ms", figures, [data.tpot if data else None for data in figures])
    if asked is not None and asked.slo.per_request:
        yield ["SLO met", *(met(data.attainment if data else None) for data in figures)]
    yield ["load", *(str(data.concurrency) if data else NONE for data in figures)]


def _latencies(
    head: str, figures: Sequence[Measurement | None], of: Sequence[Distribution | None]
) -> list[str]:
    """Milliseconds, with a mark where too few requests stand behind them."""
    marks = [bool(data and times and times.p95 is not None and low(data, "p95"))
             for data, times in zip(figures, of, strict=True)]  # fmt: skip
    room = " " if any(marks) else ""  # so that the column stays on its decimal point
    cells = [
        plain(times.p95 if times else None, 1, 1000) + (_LOW if marked else room)
        for times, marked in zip(of, marks, strict=True)
    ]
    return [head, *cells]


def flag_text(value: Scalar | None) -> str:
    """A flag's value in a cell; – when the flag is not passed."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def score_text(score: float | None, unit: str) -> str:
    return plain(score, 4 if unit == "s" else 1)


def _remark(task: TaskView, experiment: ExperimentView) -> str:
    words = []
    if experiment.number == task.best:
        words.append("best")
    elif task.verdict and experiment.number in task.verdict.tied:
        words.append("tied with the best")
    if experiment.baseline:
        words.append("baseline")
    if experiment.failure:
        words.append(f"✖ {experiment.failure.kind}: {experiment.failure.message}")
    elif feasible(experiment) is False:
        view = shown(experiment)
        words.append("✖ SLO " + "; ".join(view.breaches if view else ()))
    elif not experiment.state.final:
        words.append(experiment.state)
    return " · ".join(words)
