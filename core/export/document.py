"""The document of `show --json` and `export --format json`. Seconds and tokens/s."""

from __future__ import annotations

import dataclasses
from typing import Any

from core.store.views import ExperimentView, MeasurementView, TaskDetail, TaskView

Document = dict[str, Any]

_START = ("attempt", "reason", "state", "started", "ended")

_MEASURED = (
    "scenario", "concurrency", "throughput", "total_throughput", "requests", "errors",
    "error_rate", "input_tokens", "output_tokens", "duration", "attainment", "low_n",
    "client_bound",
)  # fmt: skip


def document(detail: TaskDetail) -> Document:
    """Everything measured on a task, as one JSON-ready value."""
    return {
        "task": _task(detail.task),
        "experiments": [_experiment(experiment) for experiment in detail.experiments],
    }


def listing(tasks: tuple[TaskView, ...]) -> Document:
    """The document of `ls --json`."""
    return {"tasks": [_task(task) for task in tasks]}


def _task(task: TaskView) -> Document:
    plain = (
        "id", "name", "state", "engine", "model", "objective", "unit", "simulated", "best",
        "best_score", "baseline_score", "done", "planned", "submitted", "started", "ended",
    )  # fmt: skip
    fields: Document = {name: getattr(task, name) for name in plain}
    fields["verdict"] = dataclasses.asdict(task.verdict) if task.verdict else None
    fields["failure"] = dataclasses.asdict(task.failure) if task.failure else None
    return fields


def _experiment(experiment: ExperimentView) -> Document:
    plain = (
        "number", "state", "baseline", "parameters", "score", "feasible", "reason", "chosen",
        "started", "ended",
    )  # fmt: skip
    failure = experiment.failure
    return {name: getattr(experiment, name) for name in plain} | {
        "failure": dataclasses.asdict(failure) if failure else None,
        "starts": [
            {name: getattr(start, name) for name in _START} for start in experiment.starts
        ],
        "measurements": [_measurement(m) for m in experiment.measurements],
    }  # fmt: skip


def _measurement(view: MeasurementView) -> Document:
    data = view.data
    return {
        "start": view.start,
        "purpose": data.purpose,
        **{name: getattr(data, name) for name in _MEASURED},
        "feasible": view.feasible,
        "breaches": list(view.breaches),
        "failure": dataclasses.asdict(data.failure) if data.failure else None,
        "ttft": dataclasses.asdict(data.ttft),
        "tpot": dataclasses.asdict(data.tpot),
        "e2e": dataclasses.asdict(data.e2e),
        "started": data.started,
        "ended": data.ended,
    }
