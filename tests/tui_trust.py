"""Tasks whose numbers are trusted more or less: each verdict, repeats, a load search with levels
that failed, few requests, a client that was late."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.metrics import Measurement
from core.store.views import (
    ConfirmedView,
    ExperimentView,
    MeasurementView,
    PhaseView,
    StartView,
    TaskDetail,
    TaskView,
    VerdictView,
)
from core.values import Failure, FailureKind, Phase, Purpose, StartReason
from core.values import TaskState as State
from tests.tui_sample import CHAT, NOW, baseline, done, measured

SLO = "slo: {ttft_p95: 500ms, tpot_p95: 30ms}\n"
FILE = f"""name: qwen3-8b-chat
model: Qwen/Qwen3-8B
engine: vllm
{SLO}budget: {{experiments: 30, duration: 4h, gpu_hours: 8, repeats: 5}}
"""
REFUSED = Failure(
    FailureKind.BENCH_ERRORS, "96 of 96 requests failed with HTTP 503 [/tmp/x]",
    "the engine refuses at this load", "benchmark.log", 31, "503 Service Unavailable",
)  # fmt: skip
DIED = Failure(
    FailureKind.ENGINE_DIED, "the engine died while 256 requests were in flight",
    "lower max-num-seqs", "engine.log", 812, "CUDA error: an illegal memory access",
)  # fmt: skip


def level(
    load: int, throughput: float, ttft: float, breaches: tuple[str, ...] = (), start: int = 1,
    **more: Any,
) -> MeasurementView:  # fmt: skip
    """One measurement; what is given otherwise than usual by the names of a Measurement."""
    view = measured(load, throughput, ttft, breaches)
    met = 0.995 if not breaches else 0.71
    return replace(view, start=start, data=replace(view.data, **{"attainment": met} | more))


def broken(load: int, failure: Failure) -> MeasurementView:
    """A level of which nothing came."""
    data = Measurement(
        "D(1000,200)", load, Purpose.SEARCH, 96, 96, 1.0, 0, 0, 0.0, None, None, failure=failure
    )
    return MeasurementView(1, False, (f"{failure.kind}: {failure.message}",), data)


def start(attempt: int, reason: StartReason, state: str = "stopped") -> StartView:
    at = NOW - 3000 + 400 * attempt
    ended = None if state == "running" else at + 300
    phases = (PhaseView(Phase.LOAD, at, at + 41), PhaseView(Phase.BENCHMARK, at + 60, ended))
    return StartView(attempt, reason, state, at, ended, at + 55, 4182, None, phases)


def searched() -> ExperimentView:
    """A load search in any order, with every kind of level; it keeps its score."""
    missed = ("ttft_p95 0.691 s > 0.5 s", "tpot_p95 0.0341 s > 0.03 s")
    levels = (
        level(64, 1020.0, 0.362),
        broken(256, DIED),
        level(128, 1231.0, 0.691, missed, stopped="ttft_p95 cannot be met any more: 26 requests "
              "took over 0.5 s"),
        level(8, 310.0, 0.120, requests=32, client_lag=0.018, client_bound=True),
        level(96, 1184.2, 0.412),
        level(96, 1180.1, 0.408, requests=768, turn=2),
        broken(192, REFUSED),
        level(160, 1240.0, 2.31, ("ttft_p95 2.31 s > 0.5 s",), saturated=True,
              stopped="over-saturated: TTFT went from 0.5 s to 2.3 s and goes on rising"),
        level(32, 880.0, 0.240, cache_reset=False, short=3),
    )  # fmt: skip
    view = replace(done(5, 256, 4096, 1180.1, 0.408), measurements=levels, chosen=5)
    return replace(view, starts=(start(1, StartReason.SEARCH),))


def confirmed(view: ExperimentView, *values: float) -> ExperimentView:
    """Started again so often; the search's own start comes first."""
    assert view.chosen is not None
    chosen = view.measurements[view.chosen]
    load, ttft = chosen.data.concurrency, chosen.data.ttft.p95 or 0.0
    again = tuple(
        level(load, value, ttft, start=place + 2, purpose=Purpose.CONFIRM)
        for place, value in enumerate(values)
    )
    requests = sum(one.data.requests for one in again)
    mean = sum(values) / len(values)
    pooled = level(load, mean, ttft, purpose=Purpose.CONFIRM, requests=requests)
    return replace(
        view,
        score=mean,
        starts=(start(1, StartReason.SEARCH),
                *(start(one.start, StartReason.CONFIRM) for one in again)),
        measurements=(*view.measurements, *again),
        confirmed=ConfirmedView(mean, chosen.feasible, values, (pooled,)),
    )  # fmt: skip


_BASE = confirmed(baseline(), 857.6, 851.2, 864.0)
_BEST = confirmed(searched(), 1171.0, 1184.2, 1197.3)
_OTHER = done(3, 128, 4096, 1051.7, 0.388)
_NEAR = confirmed(done(7, 384, 4096, 1178.0, 0.420), 1169.1, 1189.0, 1176.4)
_SLOW = done(6, 512, 8192, 1201.4, 0.691, "ttft_p95 0.691 s > 0.5 s", "tpot_p95 0.0341 s > 0.03 s")


def _task(name: str, verdict: VerdictView, **more: Any) -> TaskView:
    ended: dict[str, Any] = {
        "state": State.COMPLETED, "ended": NOW - 600, "note": "", "deadline": None, "done": 9,
        "planned": 9, "expected": None, "best_score": 1184.2,
    }  # fmt: skip
    return replace(CHAT, id=f"id-{name}", name=name, verdict=verdict, **(ended | more))


WINNER = TaskDetail(
    _task("winner", VerdictView("winner", 0.381, (0.35, 0.412), 3)),
    (_BASE, _OTHER, _BEST, _SLOW),
)
TIE = TaskDetail(
    _task("tie", VerdictView("tie", 0.377, (0.341, 0.409), 3, tied=(7,))),
    (_BASE, _OTHER, _BEST, _SLOW, _NEAR),
)
NOT_BETTER = TaskDetail(
    _task("not-better", VerdictView("not_better", 0.001, (-0.012, 0.015), 3), best=0,
          best_score=857.6),
    (_BASE, done(1, 64, 2048, 858.9, 0.402)),
)  # fmt: skip
UNCONFIRMED = TaskDetail(
    _task("unconfirmed", VerdictView("unconfirmed", 0.381, None, 1,
          note="the budget ended after 1 of 3 repeats")),
    (_BASE, _OTHER, searched()),
)  # fmt: skip
NONE = TaskDetail(
    _task("none", VerdictView("none_feasible"), best=None, best_score=None, baseline_score=None),
    (
        replace(_SLOW, number=0, baseline=True, parameters={}),
        done(1, 64, 2048, 912.4, 0.55, "ttft_p95 0.55 s > 0.5 s", "attainment 0.93 < 0.99"),
        _SLOW,
    ),
)
_AGAIN = replace(
    searched(),
    starts=(start(1, StartReason.SEARCH), start(2, StartReason.CONFIRM),
            start(3, StartReason.CONFIRM, "running")),
)  # fmt: skip
CONFIRMING = TaskDetail(
    _task("confirming", VerdictView("unconfirmed", 0.381, None, 1), state=State.RUNNING,
          ended=None, note="confirming #5: repeat 2", expected=NOW + 1500,
          deadline=NOW + 5400),
    (_BASE, _OTHER, _AGAIN),
)  # fmt: skip
LATE = replace(
    done(2, 64, 4096, 934.9, 0.398),
    measurements=(level(64, 934.9, 0.398, requests=30, client_bound=True, client_lag=0.012),),
    chosen=0,
)
FEW = TaskDetail(
    _task("few", VerdictView("unconfirmed", 0.381), state=State.RUNNING, ended=None,
          expected=NOW + 6600, deadline=NOW + 7200),
    (baseline(), LATE, searched()),
)  # fmt: skip
WAITING = TaskDetail(
    _task("waiting", VerdictView("unconfirmed", 0.381), state=State.PAUSED, ended=None, done=3,
          failure=Failure(
              FailureKind.DISK, "the disk of /home/ann/.local/state is full: 1.2 MB left",
              "make room there; then `autotuner-tui resume waiting`",
          )),
    (_BASE, _OTHER, searched()),
)  # fmt: skip
DETAILS = (WINNER, TIE, NOT_BETTER, UNCONFIRMED, NONE, CONFIRMING, FEW, WAITING)
TASKS = tuple(detail.task for detail in DETAILS)
