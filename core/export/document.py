"""The document of `show --json` and `export --format json`. Seconds and tokens/s."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from core.export.closest import Closest, closest
from core.export.pruned import RuledOut, ruled_out
from core.store.views import (
    ConfirmedView,
    ExperimentView,
    MeasurementView,
    TaskDetail,
    TaskView,
    VerdictView,
)
from core.task import Task

Document = dict[str, Any]

_START = ("attempt", "reason", "state", "started", "ended")

_MEASURED = (
    "scenario", "concurrency", "turn", "throughput", "total_throughput", "requests", "errors",
    "error_rate", "input_tokens", "output_tokens", "duration", "attainment", "low_n",
    "client_bound", "client_lag", "stopped", "saturated", "cache_reset", "short",
)  # fmt: skip


def document(detail: TaskDetail, asked: Task | None) -> Document:
    """Everything measured on a task, as one JSON-ready value.

    `asked` holds the limits; without it nothing can be said of what comes closest to them.
    """
    more: Document = {
        "closest": [_closest(c) for c in closest(detail, asked)],
        "ruled_out": [_ruled_out(one) for one in ruled_out(detail)],
    }
    return {
        "task": _task(detail.task) | more,
        "experiments": [_experiment(experiment) for experiment in detail.experiments],
    }


def listing(tasks: tuple[TaskView, ...]) -> Document:
    """The document of `ls --json`."""
    return {"tasks": [_task(task) for task in tasks]}


def _task(task: TaskView) -> Document:
    plain = (
        "id", "name", "state", "engine", "model", "objective", "unit", "simulated", "best",
        "best_score", "baseline_score", "done", "planned", "submitted", "started", "ended",
        "deadline", "expected",
    )  # fmt: skip
    fields: Document = {name: getattr(task, name) for name in plain}
    fields["verdict"] = _verdict(task.verdict) if task.verdict else None
    fields["failure"] = dataclasses.asdict(task.failure) if task.failure else None
    return fields


def _verdict(view: VerdictView) -> Document:
    """JSON has no infinity: an interval without an end is not known."""
    known = view.interval is not None and all(map(math.isfinite, view.interval))
    sized = view.delta is not None and math.isfinite(view.delta)
    return dataclasses.asdict(view) | {
        "delta": view.delta if sized else None,
        "interval": list(view.interval) if known and view.interval else None,
        "tied": list(view.tied),
    }


def _closest(one: Closest) -> Document:
    return {
        "number": one.number,
        "violation": one.violation,
        "gaps": {name: dataclasses.asdict(gap) for name, gap in one.gaps.items()},
    }


def _ruled_out(one: RuledOut) -> Document:
    return {"count": one.number, "kind": one.kind, "reason": one.reason, "by": one.by}


def _experiment(experiment: ExperimentView) -> Document:
    plain = (
        "number", "state", "baseline", "engine", "parameters", "score", "feasible", "reason",
        "chosen", "started", "ended",
    )  # fmt: skip
    failure, confirmed = experiment.failure, experiment.confirmed
    return {name: getattr(experiment, name) for name in plain} | {
        "failure": dataclasses.asdict(failure) if failure else None,
        "confirmed": _confirmed(confirmed) if confirmed else None,
        "starts": [
            {name: getattr(start, name) for name in _START} for start in experiment.starts
        ],
        "measurements": [_measurement(m) for m in experiment.measurements],
    }  # fmt: skip


def _confirmed(view: ConfirmedView) -> Document:
    return {
        "score": view.score,
        "feasible": view.feasible,
        "values": list(view.values),
        "measurements": [_measurement(m) for m in view.measurements],
    }


def _measurement(view: MeasurementView) -> Document:
    data = view.data
    return {
        "start": view.start,
        "purpose": data.purpose,
        **{name: getattr(data, name) for name in _MEASURED},
        "low_statistics": list(data.low_statistics),
        "feasible": view.feasible,
        "breaches": list(view.breaches),
        "failure": dataclasses.asdict(data.failure) if data.failure else None,
        "ttft": dataclasses.asdict(data.ttft),
        "tpot": dataclasses.asdict(data.tpot),
        "e2e": dataclasses.asdict(data.e2e),
        "started": data.started,
        "ended": data.ended,
    }
