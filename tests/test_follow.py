"""The progress of `run`: every event once, in words, about the right measurement."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import Any

import pytest

from core.cli.follow import Follower
from core.export.figures import left
from core.metrics import Distribution
from core.store.views import ExperimentView, StartView, TaskDetail
from core.values import Event, ExperimentState, Failure, FailureKind, StartReason, TaskState
from tests.samples import CONFIRMED, CURVE, TASK


def told(detail: TaskDetail, *events: tuple[str, dict[str, Any]], number: int = 1) -> list[str]:
    """The lines of these events about one experiment, without their times."""
    history = tuple(Event(0.0, kind, "abc123", number, more) for kind, more in events)
    return [line[10:] for line in Follower().lines(replace(detail, events=history))]


def measurement(load: int, attempt: int = 1, **more: Any) -> tuple[str, dict[str, Any]]:
    known = {"scenario": "D(100,50)", "concurrency": load, "attempt": attempt}
    return "measurement", known | {"purpose": "search", "turn": 1} | more


def test_a_line_is_about_the_measurement_of_its_event():
    assert told(
        CONFIRMED,
        measurement(32),
        measurement(32, turn=2),
        measurement(32, attempt=3, purpose="confirm", turn=2),
    ) == [
        "#1 D(100,50) at 32: 1010.0 tok/s, ttft p95 400.0 ms, tpot p95 25.0 ms",
        "#1 look 2: D(100,50) at 32: 1005.0 tok/s, ttft p95 400.0 ms, tpot p95 25.0 ms",
        "#1 confirming, repeat 2: look 2: D(100,50) at 32: 966.0 tok/s, ttft p95 400.0 ms, "
        "tpot p95 25.0 ms",
    ]
    old = {"scenario": "D(100,50)", "concurrency": 8}  # of a journal that knew no more
    assert told(CONFIRMED, ("measurement", old))[0].startswith("#1 D(100,50) at 8: 700.0 tok/s")
    assert told(CONFIRMED, measurement(9999)) == []


def test_what_was_fetched_while_the_task_had_to_wait():
    model = {"name": "org/m"}
    lines = told(
        CONFIRMED,
        ("ahead.fetching", model | {"bytes": 3_100_000_000}),
        ("ahead.fetched", model),
        ("ahead.left", model | {"message": "there is too little room on its disk"}),
    )
    assert lines == [
        "fetching org/m ahead: 3.1 GB",
        "org/m is there",
        "org/m is left to its own start: there is too little room on its disk",
    ]


def test_a_bad_level_says_why():
    lines = told(CONFIRMED, *(measurement(load) for load in (16, 64, 256, 512)))
    assert lines[0].endswith("tpot p95 25.0 ms  no steady window")
    assert lines[1].endswith("  ✖ misses ttft_p95 0.69 s > 0.5 s")
    assert lines[2].endswith("  ✖ over-saturated: TTFT went from 0.4 s to 3 s and goes on rising")
    assert lines[3].endswith(
        "tpot p95 25.0 ms (low n)  ✖ bench_errors: 503 from 96 of 100 requests "
        "(benchmark.log:7: HTTP 503 | `queue` full)"
    )


def test_what_was_not_measured_has_no_mark():
    void = replace(CURVE[3], data=replace(CURVE[3].data, tpot=Distribution(), throughput=None))
    one = replace(CONFIRMED.experiments[1], measurements=(void,))
    detail = replace(CONFIRMED, experiments=(CONFIRMED.experiments[0], one))
    assert (
        "at 512: – tok/s, ttft p95 400.0 ms (low n), tpot p95 – ms  ✖"
        in (told(detail, measurement(512))[0])
    )


def test_a_start_that_confirms_says_which_repeat_it_is():
    broken = StartView(
        4, StartReason.CONFIRM, "failed", 400.0, failure=Failure(FailureKind.CRASH, "gone")
    )
    one = replace(CONFIRMED.experiments[1], starts=(*CONFIRMED.experiments[1].starts[:3], broken))
    detail = replace(CONFIRMED, experiments=(CONFIRMED.experiments[0], one))
    assert told(
        detail,
        ("start.running", {"attempt": 1}),
        ("start.phase", {"attempt": 1, "phase": "load"}),
        ("start.running", {"attempt": 3}),
        ("start.phase", {"attempt": 3, "phase": "load"}),
        ("start.failed", {"attempt": 4}),
        ("start.failed", {"attempt": 1}),  # told by the experiment that failed with it
    ) == [
        "#1 load",
        "#1 confirming, repeat 2: max-num-seqs=32 dtype=auto",
        "#1 confirming, repeat 2: load",
        "#1 confirming, repeat 3: failed, crash: gone",
    ]


@pytest.mark.parametrize(
    ("state", "expected", "deadline", "said"),
    [
        (TaskState.RUNNING, 6660.0, None, "about 1h50m left"),
        (TaskState.RUNNING, 6660.0, 72.0, "about 1m00s left"),
        (TaskState.RUNNING, 3.0, None, "about 0.0s left"),
        (TaskState.RUNNING, None, None, ""),
        (TaskState.COMPLETED, 6660.0, None, ""),
    ],
)
def test_the_time_left_is_that_of_a_task_at_work(state, expected, deadline, said):
    task = replace(TASK, state=state, expected=expected, deadline=deadline)
    assert left(task, now=12.0 if deadline else 60.0) == said


def test_what_has_just_begun_says_how_long_the_task_goes_on():
    now = time.time()
    running = replace(TASK, state=TaskState.RUNNING, expected=now + 600)
    pending = ExperimentView(0, ExperimentState.PENDING, True, {"max-num-seqs": 4}, reason="grid")
    events = [Event(at, "experiment.pending", "t", 0) for at in (now - 60, now)]
    told = list(Follower().lines(TaskDetail(running, (pending,), tuple(events))))
    assert told[0].endswith("max-num-seqs=4 – grid")
    assert re.search(r"grid \(about (10m00s|9m59s) left\)$", told[1])
