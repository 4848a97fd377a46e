"""Results as rows: CSV for a spreadsheet, aligned text for a terminal or a log."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Sequence

from core.metrics import Measurement
from core.store.views import ExperimentView, MeasurementView, TaskDetail, TaskView
from core.values import Scalar

_CSV_EXPERIMENT = (
    "experiment", "state", "baseline", "best", "simulated", "score", "unit", "failure",
)  # fmt: skip
_CSV_MEASURED = (
    "purpose", "scenario", "concurrency", "throughput", "total_throughput", "requests", "errors",
    "error_rate", "duration",
)  # fmt: skip
_LATENCIES = tuple(itertools.product(("ttft", "tpot", "e2e"), ("mean", "p50", "p90", "p95", "p99")))
_CSV_LATENCIES = tuple(f"{metric}_{stat}" for metric, stat in _LATENCIES)


def varying(experiments: Sequence[ExperimentView]) -> tuple[str, ...]:
    """Flags that are not the same in every experiment."""
    names = {name: None for e in experiments for name in e.parameters}
    return tuple(
        name for name in names if len({repr(e.parameters.get(name)) for e in experiments}) > 1
    )


def chosen(experiment: ExperimentView) -> Measurement | None:
    """The measurement that gave the score."""
    if experiment.chosen is None:
        return None
    return experiment.measurements[experiment.chosen].data


def csv_text(detail: TaskDetail) -> str:
    """One row per measurement; an experiment that has none still has a row."""
    flags = list({name: None for e in detail.experiments for name in e.parameters})
    head = [*_CSV_EXPERIMENT, *flags, *_CSV_MEASURED, *_CSV_LATENCIES, "feasible", "breaches"]
    out = io.StringIO()
    writer = csv.DictWriter(out, head, lineterminator="\n")
    writer.writeheader()
    for experiment in detail.experiments:
        front = _csv_front(detail.task, experiment)
        writer.writerows([front | _csv_back(m) for m in experiment.measurements] or [front])
    return out.getvalue()


def _csv_front(task: TaskView, experiment: ExperimentView) -> dict[str, object]:
    failure = experiment.failure
    return {
        "experiment": experiment.number,
        "state": experiment.state,
        "baseline": experiment.baseline,
        "best": experiment.number == task.best,
        "simulated": task.simulated,
        "score": experiment.score,
        "unit": task.unit,
        "failure": failure.kind if failure else None,
        **experiment.parameters,
    }


def _csv_back(view: MeasurementView) -> dict[str, object]:
    latencies = {
        name: getattr(getattr(view.data, metric), stat)
        for name, (metric, stat) in zip(_CSV_LATENCIES, _LATENCIES, strict=True)
    }
    measured = {name: getattr(view.data, name) for name in _CSV_MEASURED}
    judged = {"feasible": view.feasible, "breaches": "; ".join(view.breaches)}
    return measured | latencies | judged


def text_table(detail: TaskDetail) -> str:
    """The results as aligned columns, units in the header."""
    task, experiments = detail.task, detail.experiments
    names = varying(experiments)
    rows = [["#", *names, f"score {task.unit}", "tok/s", "ttft p95 ms", "tpot p95 ms", "load", ""]]
    rows += [_cells(task, experiment, names) for experiment in experiments]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=False))
        + ("  " + row[-1] if row[-1] else "")
        for row in rows
    ]
    return "\n".join(lines)


def _cells(task: TaskView, experiment: ExperimentView, names: Sequence[str]) -> list[str]:
    data = chosen(experiment)
    return [
        str(experiment.number),
        *(flag_text(experiment.parameters.get(name)) for name in names),
        score_text(experiment.score, task.unit),
        f"{data.throughput:.1f}" if data and data.throughput is not None else "–",
        _milliseconds(data.ttft.p95 if data else None),
        _milliseconds(data.tpot.p95 if data else None),
        str(data.concurrency) if data else "–",
        _remark(task, experiment),
    ]


def flag_text(value: Scalar | None) -> str:
    """A flag's value in a cell; – when the flag is not passed."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def score_text(score: float | None, unit: str) -> str:
    if score is None:
        return "–"
    return f"{score:.4f}" if unit == "s" else f"{score:.1f}"


def _milliseconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds * 1000:.1f}"


def _remark(task: TaskView, experiment: ExperimentView) -> str:
    words = []
    if experiment.number == task.best:
        words.append("best")
    if experiment.baseline:
        words.append("baseline")
    if experiment.failure:
        words.append(f"✖ {experiment.failure.kind}: {experiment.failure.message}")
    elif experiment.feasible is False:
        view = experiment.measurements[experiment.chosen] if experiment.chosen is not None else None
        words.append("✖ SLO " + "; ".join(view.breaches if view else ()))
    elif not experiment.state.final:
        words.append(experiment.state)
    return " · ".join(words)
