"""Between values and rows: JSON columns, measurements, failures."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Mapping
from typing import Any

import aiosqlite

from core.gpu import Gpu, GpuProcess
from core.metrics import Distribution, Measurement
from core.store.schema import METRICS, STATISTICS
from core.store.views import (
    CommandView,
    ConfirmedView,
    ContainerView,
    ExperimentView,
    LiveView,
    MeasurementView,
    PhaseView,
    StartView,
    TaskView,
    VerdictView,
)
from core.values import (
    Event,
    ExperimentState,
    Failure,
    FailureKind,
    Phase,
    Purpose,
    StartReason,
    TaskState,
)

Row = sqlite3.Row

_PLAIN = (
    "scenario", "concurrency", "purpose", "requests", "errors", "error_rate", "input_tokens",
    "output_tokens", "duration", "throughput", "total_throughput", "attainment", "client_lag",
    "client_bound", "low_n", "started", "ended", "turn", "stopped", "saturated", "cache_reset",
    "short",
)  # fmt: skip
_SPREADS = {metric: tuple(f"{metric}_{stat}" for stat in STATISTICS) for metric in METRICS}


async def fetch(db: aiosqlite.Connection, query: str, values: Mapping[str, object]) -> list[Row]:
    """All rows of a query; `values` by name."""
    return list(await db.execute_fetchall(query, dict(values)))


def failure_text(failure: Failure | None) -> str | None:
    return json.dumps(dataclasses.asdict(failure)) if failure else None


def failure_of(text: str | None) -> Failure | None:
    if not text:
        return None
    return _failure(json.loads(text))


def _failure(fields: dict[str, Any] | None) -> Failure | None:
    return Failure(**{**fields, "kind": FailureKind(fields["kind"])}) if fields else None


def verdict_text(verdict: VerdictView | None) -> str | None:
    return json.dumps(dataclasses.asdict(verdict)) if verdict else None


def verdict_of(text: str | None) -> VerdictView | None:
    if not text:
        return None
    fields = json.loads(text)
    interval = fields.pop("interval")
    fields["tied"] = tuple(fields.get("tied", ()))
    return VerdictView(**fields, interval=tuple(interval) if interval else None)


def confirmed_text(confirmed: ConfirmedView | None) -> str | None:
    return json.dumps(dataclasses.asdict(confirmed)) if confirmed else None


def confirmed_of(text: str | None) -> ConfirmedView | None:
    if not text:
        return None
    fields = json.loads(text)
    measured = tuple(_stored_measurement(one) for one in fields["measurements"])
    return ConfirmedView(fields["score"], fields["feasible"], tuple(fields["values"]), measured)


def _stored_measurement(fields: dict[str, Any]) -> MeasurementView:
    data = fields["data"]
    spreads = {metric: Distribution(**data[metric]) for metric in METRICS}
    whole = Measurement(**{
        **data, **spreads, "purpose": Purpose(data["purpose"]),
        "failure": _failure(data["failure"]),
    })  # fmt: skip
    return MeasurementView(fields["start"], fields["feasible"], tuple(fields["breaches"]), whole)


def live_view(rows: Mapping[str, Row]) -> LiveView:
    """What table `live` holds, by key: `gpus` and `containers`, each with a note."""
    none: dict[str, Any] = {"items": [], "note": None}
    gpus = json.loads(rows["gpus"]["data"]) if "gpus" in rows else none
    boxes = json.loads(rows["containers"]["data"]) if "containers" in rows else none
    return LiveView(
        at=max((row["at"] for row in rows.values()), default=0.0),
        gpus=tuple(_gpu(one) for one in gpus["items"]),
        gpu_note=gpus["note"],
        containers=tuple(_container(one) for one in boxes["items"]),
        container_note=boxes["note"],
    )


def _gpu(fields: dict[str, Any]) -> Gpu:
    processes = tuple(GpuProcess(**one) for one in fields.pop("processes"))
    return Gpu(**fields, processes=processes)


def _container(fields: dict[str, Any]) -> ContainerView:
    environment = tuple((name, value) for name, value in fields["environment"])
    lists = {name: tuple(fields[name]) for name in ("ports", "gpus")}
    return ContainerView(**{**fields, **lists, "environment": environment})


def measurement_columns(data: Measurement) -> Mapping[str, object]:
    """Column name → value for everything a Measurement holds."""
    columns: dict[str, object] = {name: getattr(data, name) for name in _PLAIN}
    for metric in METRICS:
        distribution: Distribution = getattr(data, metric)
        for stat in STATISTICS:
            columns[f"{metric}_{stat}"] = getattr(distribution, stat)
    columns["failure"] = failure_text(data.failure)
    return columns


def measurement_view(found: Row) -> MeasurementView:
    row = dict(found)  # a Row looks through all its columns for each name

    def spread(columns: tuple[str, ...]) -> Distribution:
        return Distribution(*[row[column] for column in columns])

    plain = {name: row[name] for name in _PLAIN}
    plain["purpose"] = Purpose(row["purpose"])
    for name in ("client_bound", "low_n", "saturated"):
        plain[name] = bool(row[name])
    reset = row["cache_reset"]
    plain["cache_reset"] = None if reset is None else bool(reset)
    return MeasurementView(
        start=row["attempt"],
        feasible=bool(row["feasible"]),
        breaches=tuple(json.loads(row["breaches"])),
        data=Measurement(
            **plain,
            ttft=spread(_SPREADS["ttft"]),
            tpot=spread(_SPREADS["tpot"]),
            e2e=spread(_SPREADS["e2e"]),
            failure=failure_of(row["failure"]),
        ),
    )


def event_view(row: Row) -> Event:
    return Event(row["at"], row["kind"], row["task"], row["number"], json.loads(row["detail"]))


def command_view(row: Row) -> CommandView:
    task = json.loads(row["arguments"]).get("task")
    return CommandView(
        id=row["id"],
        verb=row["verb"],
        task=None if task is None else str(task),
        asked=row["asked"],
        done=row["done"],
        reply=row["reply"] or "",
        error=row["error"],
    )


def task_view(row: Row) -> TaskView:
    plain = (
        "id", "name", "engine", "model", "objective", "unit", "submitted", "started", "ended",
        "done", "planned", "best", "best_score", "baseline_score", "deadline", "expected", "note",
    )  # fmt: skip
    return TaskView(
        **{name: row[name] for name in plain},
        state=TaskState(row["state"]),
        simulated=bool(row["simulated"]),
        verdict=verdict_of(row["verdict"]),
        failure=failure_of(row["failure"]),
    )


def experiment_views(
    experiments: list[Row], starts: list[Row], phases: list[Row], measured: list[Row],
    ruled_out: list[Row],
) -> tuple[ExperimentView, ...]:  # fmt: skip
    """Each experiment with what belongs to it; each of the lists in the order to be shown."""
    counts = {row["number"]: row["count"] for row in ruled_out}
    of_start: dict[tuple[int, int], list[Row]] = {}
    for row in phases:
        of_start.setdefault((row["number"], row["attempt"]), []).append(row)
    started: dict[int, list[StartView]] = {}
    for row in starts:
        own = of_start.get((row["number"], row["attempt"]), [])
        started.setdefault(row["number"], []).append(_start(row, own))
    found: dict[int, list[MeasurementView]] = {}
    for row in measured:
        found.setdefault(row["number"], []).append(measurement_view(row))
    return tuple(
        _experiment(
            row,
            tuple(started.get(row["number"], ())),
            tuple(found.get(row["number"], ())),
            counts.get(row["number"], 0),
        )
        for row in experiments
    )


def _start(row: Row, phases: list[Row]) -> StartView:
    plain = ("attempt", "state", "started", "ended", "ready", "pid")
    return StartView(
        **{name: row[name] for name in plain},
        reason=StartReason(row["reason"]),
        failure=failure_of(row["failure"]),
        phases=tuple(
            PhaseView(Phase(p["phase"]), p["started"], p["ended"], p["progress"], p["detail"])
            for p in phases
        ),
    )


def _experiment(
    row: Row, starts: tuple[StartView, ...], measured: tuple[MeasurementView, ...],
    ruled_out: int | None,
) -> ExperimentView:  # fmt: skip
    plain = ("number", "engine", "score", "reason", "started", "ended", "chosen", "least")
    return ExperimentView(
        **{name: row[name] for name in plain},
        state=ExperimentState(row["state"]),
        baseline=bool(row["baseline"]),
        parameters=json.loads(row["parameters"]),
        feasible=None if row["feasible"] is None else bool(row["feasible"]),
        failure=failure_of(row["failure"]),
        starts=starts,
        measurements=measured,
        confirmed=confirmed_of(row["confirmed"]),
        ruled_out=ruled_out if row["failure"] else 0,
        loads=json.loads(row["loads"] or "{}"),
    )
