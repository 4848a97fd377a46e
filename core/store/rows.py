"""Between values and rows: JSON columns, measurements, failures."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from core.gpu import Gpu, GpuProcess
from core.metrics import Distribution, Measurement
from core.store.schema import METRICS, STATISTICS
from core.store.views import ContainerView, LiveView, MeasurementView, VerdictView
from core.values import Failure, FailureKind, Purpose

Row = sqlite3.Row

_PLAIN = (
    "scenario", "concurrency", "purpose", "requests", "errors", "error_rate", "input_tokens",
    "output_tokens", "duration", "throughput", "total_throughput", "attainment", "client_lag",
    "client_bound", "low_n", "started", "ended",
)  # fmt: skip


def failure_text(failure: Failure | None) -> str | None:
    return json.dumps(dataclasses.asdict(failure)) if failure else None


def failure_of(text: str | None) -> Failure | None:
    if not text:
        return None
    fields = json.loads(text)
    return Failure(**{**fields, "kind": FailureKind(fields["kind"])})


def verdict_text(verdict: VerdictView | None) -> str | None:
    return json.dumps(dataclasses.asdict(verdict)) if verdict else None


def verdict_of(text: str | None) -> VerdictView | None:
    if not text:
        return None
    fields = json.loads(text)
    interval = fields.pop("interval")
    return VerdictView(**fields, interval=tuple(interval) if interval else None)


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


def measurement_view(row: Row) -> MeasurementView:

    def spread(metric: str) -> Distribution:
        return Distribution(**{stat: row[f"{metric}_{stat}"] for stat in STATISTICS})

    plain = {name: row[name] for name in _PLAIN}
    plain["purpose"] = Purpose(row["purpose"])
    plain["client_bound"], plain["low_n"] = bool(row["client_bound"]), bool(row["low_n"])
    return MeasurementView(
        start=row["attempt"],
        feasible=bool(row["feasible"]),
        breaches=tuple(json.loads(row["breaches"])),
        data=Measurement(
            **plain,
            ttft=spread("ttft"),
            tpot=spread("tpot"),
            e2e=spread("e2e"),
            failure=failure_of(row["failure"]),
        ),
    )
