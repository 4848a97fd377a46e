"""Results as CSV: one row per measurement. Seconds and tokens/s."""

from __future__ import annotations

import csv
import io
import itertools

from core.export.picked import repeats, simulated
from core.store.views import ExperimentView, MeasurementView, TaskDetail, TaskView

_EXPERIMENT = (
    "experiment", "engine", "state", "baseline", "best", "simulated", "score", "unit", "failure",
    "confirmed_score", "confirmed_feasible", "repeats", "verdict", "verdict_delta", "verdict_low",
    "verdict_high", "verdict_repeats",
)  # fmt: skip
_MEASURED = (
    "purpose", "scenario", "concurrency", "turn", "throughput", "total_throughput", "requests",
    "errors", "error_rate", "attainment", "duration", "stopped", "saturated", "cache_reset",
    "short", "client_bound", "client_lag",
)  # fmt: skip
_LATENCIES = tuple(itertools.product(("ttft", "tpot", "e2e"), ("mean", "p50", "p90", "p95", "p99")))
_NAMES = tuple(f"{metric}_{stat}" for metric, stat in _LATENCIES)
_JUDGED = ("low_statistics", "feasible", "breaches", "measurement_failure")


def csv_text(detail: TaskDetail) -> str:
    """One row per measurement; an experiment that has none still has a row.

    `verdict_delta`, `verdict_low` and `verdict_high` are the gain of the best over the baseline
    and the ends of its interval (0.38 = 38 % better), the same in every row of a task.
    """
    flags = list({name: None for e in detail.experiments for name in e.parameters})
    head = [*_EXPERIMENT, *flags, *_MEASURED, *_NAMES, *_JUDGED]
    out = io.StringIO()
    writer = csv.DictWriter(out, head, lineterminator="\n")
    writer.writeheader()
    for experiment in detail.experiments:
        front = _front(detail.task, experiment)
        writer.writerows([front | _back(m) for m in experiment.measurements] or [front])
    return out.getvalue()


def _front(task: TaskView, experiment: ExperimentView) -> dict[str, object]:
    failure, confirmed = experiment.failure, experiment.confirmed
    return {
        "experiment": experiment.number,
        "engine": experiment.engine,
        "state": experiment.state,
        "baseline": experiment.baseline,
        "best": experiment.number == task.best,
        "simulated": simulated(task, experiment),
        "score": experiment.score,
        "unit": task.unit,
        "failure": failure.kind if failure else None,
        "confirmed_score": confirmed.score if confirmed else None,
        "confirmed_feasible": confirmed.feasible if confirmed else None,
        "repeats": repeats(experiment),
        **_verdict(task),
        **experiment.parameters,
    }


def _verdict(task: TaskView) -> dict[str, object]:
    view = task.verdict
    if view is None:
        return {}
    low, high = view.interval or (None, None)
    return {
        "verdict": view.kind,
        "verdict_delta": view.delta,
        "verdict_low": low,
        "verdict_high": high,
        "verdict_repeats": view.repeats,
    }


def _back(view: MeasurementView) -> dict[str, object]:
    data = view.data
    latencies = {
        name: getattr(getattr(data, metric), stat)
        for name, (metric, stat) in zip(_NAMES, _LATENCIES, strict=True)
    }
    return (
        {name: getattr(data, name) for name in _MEASURED}
        | latencies
        | {
            "low_statistics": " ".join(data.low_statistics),
            "feasible": view.feasible,
            "breaches": "; ".join(view.breaches),
            "measurement_failure": data.failure.kind if data.failure else None,
        }
    )
