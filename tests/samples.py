"""A task's views as a runner would have left them: best, baseline, a miss, a crash."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from core.metrics import Distribution, Measurement
from core.store.views import (
    ConfirmedView,
    ExperimentView,
    MeasurementView,
    StartView,
    TaskDetail,
    TaskView,
    VerdictView,
)
from core.task import parse
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
            engine="simulated",
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

# a task that was confirmed, with everything that can take away from a figure

SLOW = Distribution(0.6, 0.5, 0.65, 0.69, 0.9)
MISSED = "ttft_p95 0.69 s > 0.5 s"
REFUSED = Failure(
    FailureKind.BENCH_ERRORS, "503 from 96 of 100 requests", "send fewer", "benchmark.log", 7,
    "HTTP 503 | `queue` full",
)  # fmt: skip
RISING = "over-saturated: TTFT went from 0.4 s to 3 s and goes on rising"
ASKED = parse(
    """
name: demo
model: sim-8b
engine: simulated
parameters: {max-num-seqs: [16, 32, 64, 128]}
workload: {scenarios: ["D(100,50)"]}
objective: throughput
slo: {ttft_p95: 500ms}
""",
    "demo.yaml", Path("/"),
)  # fmt: skip


def measured(
    load: int, throughput: float, *breaches: str, start: int = 1, **more: Any
) -> MeasurementView:
    """One measurement of a load; feasible when it breaches nothing."""
    data = replace(MEASURED, concurrency=load, throughput=throughput, **more)
    return MeasurementView(start, not breaches, breaches, data)


def confirmed(load: int, *values: float, **more: Any) -> ConfirmedView:
    """Repeats of one load, pooled; with `ttft=SLOW` they miss the limit together."""
    mean = sum(values) / len(values)
    missed = (MISSED,) if more.get("ttft") == SLOW else ()
    more = {"requests": 400 * len(values), "purpose": Purpose.CONFIRM, "turn": 2, **more}
    return ConfirmedView(mean, not missed, values, (measured(load, mean, *missed, **more),))


STARTS = tuple(
    StartView(attempt, reason, "stopped", 100.0 * attempt, 100.0 * attempt + 50)
    for attempt, reason in enumerate([StartReason.SEARCH, *[StartReason.CONFIRM] * 3], start=1)
)
CURVE = (
    measured(8, 700.0, requests=60, attainment=1.0),
    measured(64, 1100.0, MISSED, ttft=SLOW, attainment=0.5),
    measured(256, 300.0, RISING, ttft=SLOW, saturated=True, stopped=RISING),
    measured(
        512, 12.0, f"{REFUSED.kind}: {REFUSED.message}", requests=100, errors=96, error_rate=0.96,
        failure=REFUSED,
    ),
    measured(32, 1010.0),
    measured(32, 1005.0, turn=2, client_bound=True, client_lag=0.0123, short=3, attainment=0.9996),
    measured(16, 850.0, cache_reset=False, stopped="no steady window"),
    *(measured(32, 966.0, purpose=Purpose.CONFIRM, turn=2, start=start) for start in (2, 3, 4)),
)  # fmt: skip
CONFIRMED = replace(
    DETAIL,
    task=replace(
        TASK, best_score=1005.0,
        verdict=VerdictView("winner", 0.380, (0.350, 0.412), 3),
    ),
    experiments=(
        replace(
            DETAIL.experiments[0], starts=STARTS, confirmed=confirmed(8, 698.0, 702.0, 700.0)
        ),
        replace(
            DETAIL.experiments[1], score=1005.0, starts=STARTS, measurements=CURVE, chosen=5,
            confirmed=confirmed(32, 960.0, 970.0, 968.0),
        ),
        *DETAIL.experiments[2:],
    ),
)  # fmt: skip
"""#1 against the baseline, three repeats each."""


def judged(detail: TaskDetail, kind: str, **more: Any) -> TaskDetail:
    """The same with another verdict; `best` is the task's, all else the verdict's."""
    best = more.pop("best", detail.task.best)
    return replace(detail, task=replace(detail.task, best=best, verdict=VerdictView(kind, **more)))


def hopeless(detail: TaskDetail) -> TaskDetail:
    """The same with every measured experiment beyond the limit: #0 by 38 %, the next by more."""
    missing = []
    for one in detail.experiments:
        if one.measurements:
            p95 = 0.69 + one.number
            slow = measured(8, 700.0, f"ttft_p95 {p95:.3g} s > 0.5 s", ttft=replace(SLOW, p95=p95))
            one = replace(
                one, state=ExperimentState.INFEASIBLE, feasible=False, measurements=(slow,),
                chosen=0, confirmed=None,
            )  # fmt: skip
        missing.append(one)
    return judged(replace(detail, experiments=tuple(missing)), "none_feasible", best=None)
