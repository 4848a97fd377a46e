"""A task's views as a runner would have left them: best, baseline, a miss, a crash."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.metrics import Distribution, Measurement
from core.store.views import (
    ExperimentView,
    MeasurementView,
    StartView,
    TaskDetail,
    TaskView,
    VerdictView,
)
from core.values import (
    ExperimentState,
    Failure,
    FailureKind,
    Purpose,
    StartReason,
    TaskState,
)

MEASURED = Measurement(
    scenario="D(100,50)", concurrency=8, purpose=Purpose.SEARCH, requests=200, errors=0,
    error_rate=0.0, input_tokens=20_000, output_tokens=10_000, duration=10.0,
    throughput=1000.0, total_throughput=3000.0,
    ttft=Distribution(0.2, 0.2, 0.3, 0.4, 0.45), tpot=Distribution(0.02, 0.02, 0.02, 0.025, 0.03),
    e2e=Distribution(1.2, 1.2, 1.3, 1.4, 1.5), started=10.0, ended=22.0,
)  # fmt: skip
OOM = Failure(
    FailureKind.OOM_KV, "the KV cache needs 9.3 GiB, 6.1 are free", "lower max-model-len",
    "engine.log", 212, "ValueError: To serve at least one request …",
)  # fmt: skip
TASK = TaskView(
    id="abc123", name="demo", state=TaskState.COMPLETED, engine="simulated", model="sim-8b",
    objective="throughput", unit="tok/s", simulated=True, submitted=1.0, started=2.0, ended=200.0,
    done=4, planned=4, best=1, best_score=1000.0, baseline_score=700.0,
    verdict=VerdictView("unconfirmed", 1000 / 700 - 1),
)  # fmt: skip


def experiment(number: int, seqs: int, throughput: float | None, **more: Any) -> ExperimentView:
    """An experiment with one measurement, or none when it failed."""
    feasible = more.pop("feasible", True)
    measurements: tuple[MeasurementView, ...] = ()
    if throughput is not None:
        data = replace(MEASURED, throughput=throughput)
        breaches = () if feasible else ("ttft_p95 0.7 s > 0.5 s",)
        measurements = (MeasurementView(1, bool(feasible), breaches, data),)
    state = ExperimentState.SUCCEEDED if feasible else ExperimentState.INFEASIBLE
    return replace(
        ExperimentView(
            number=number, state=state if measurements else ExperimentState.FAILED,
            baseline=number == 0, parameters={"max-num-seqs": seqs, "dtype": "auto"},
            score=throughput, feasible=bool(feasible) if measurements else None,
            starts=(StartView(1, StartReason.SEARCH, "stopped", 2.0, 30.0),),
            measurements=measurements, chosen=0 if measurements else None,
        ),
        **more,
    )  # fmt: skip


DETAIL = TaskDetail(
    TASK,
    (
        experiment(0, 16, 700.0),
        experiment(1, 32, 1000.0),
        experiment(2, 64, 1100.0, feasible=False),
        experiment(3, 128, None, failure=OOM),
    ),
)
