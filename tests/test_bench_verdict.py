"""What the end of a measurement, and an exception of the launcher, mean."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from huggingface_hub.errors import OfflineModeIsEnabled

from core.bench.plan import FULL, Plan
from core.bench.record import Ending
from core.bench.trouble import kind_of
from core.bench.verdict import failure_of, last_line
from core.metrics import Request
from core.values import FailureKind, Purpose

GOOD = Request(0.0, 0.1, 1.0, 5, 10)
BAD = Request(0.0, None, 1.0, 0, 0, 503, "refused <object at 0x7f01> by peer")


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    log = tmp_path / "benchmark.log"
    log.write_text("earlier\nlater one\nlater two\n\n")
    return Plan("u", "m", "vllm", "D(1,1)", 1, 4, 60, 5, tmp_path, log, Purpose.PROBE, 0)


def test_a_plan_survives_the_pipe(plan: Plan) -> None:
    assert Plan.from_json(plan.to_json()) == plan


def test_half_of_the_requests_failing_is_no_failure(plan: Plan) -> None:
    assert failure_of([GOOD, BAD], Ending(0), plan, 0) is None


def test_errors_are_grouped_without_addresses(plan: Plan) -> None:
    bad = [replace(BAD, message=f"refused by object at 0x{n:x}") for n in range(16, 18)]
    other = replace(BAD, message="something else")
    failure = failure_of([GOOD, *bad, other], Ending(0), plan, 0)
    assert failure is not None
    assert failure.message == "3 of 4 requests failed, most often with 503: refused by"


def test_errors_tell_more_than_the_exit_status(plan: Plan) -> None:
    failure = failure_of([BAD], Ending(1), plan, 0)
    assert failure is not None
    assert failure.kind is FailureKind.BENCH_ERRORS


@pytest.mark.parametrize(
    ("ending", "kind", "part"),
    [
        (Ending(None, overdue=True), FailureKind.HANG, "limit of 5 s"),
        (Ending(None), FailureKind.CRASH, "lost with its launcher"),
        (Ending(-9), FailureKind.CRASH, "ended by SIGKILL after 1 requests"),
        (Ending(1), FailureKind.CRASH, "status 1"),
        (Ending(2), FailureKind.CONFIG, "refused"),
    ],
)
def test_endings(plan: Plan, ending: Ending, kind: FailureKind, part: str) -> None:
    failure = failure_of([GOOD], ending, plan, len("earlier\n"))
    assert failure is not None
    assert failure.kind is kind
    assert part in failure.message
    assert (failure.log, failure.line, failure.text) == ("benchmark.log", 3, "later two")


def test_no_request_at_all_is_a_crash(plan: Plan) -> None:
    failure = failure_of([], Ending(0), plan, 0)
    assert failure is not None
    assert failure.kind is FailureKind.CRASH


def test_only_the_own_part_of_a_log_is_evidence(plan: Plan) -> None:
    assert last_line(plan.log, plan.log.stat().st_size) == (None, None)
    assert last_line(plan.log.with_name("none")) == (None, None)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ModuleNotFoundError("genai_bench"), FailureKind.CONFIG),
        (OfflineModeIsEnabled("no"), FailureKind.OFFLINE),
        (requests.exceptions.ProxyError("no"), FailureKind.PROXY),
        (requests.exceptions.ConnectTimeout("no"), FailureKind.NETWORK),
        (PermissionError(13, "no"), FailureKind.PERMISSION),
        (OSError("You are trying to access a gated repo."), FailureKind.MODEL_GATED),
        (ValueError("no tokenizer"), FailureKind.TOKENIZER),
    ],
)
def test_kinds_are_found_along_the_chain(
    error: Exception, kind: FailureKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    wrapped = OSError("cannot load") if not isinstance(error, ImportError) else error
    wrapped.__cause__ = None if wrapped is error else error
    assert kind_of(wrapped, FailureKind.TOKENIZER) is kind


def test_an_unreachable_network_behind_a_proxy_is_the_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:1")
    error = requests.exceptions.ConnectionError("no")
    assert kind_of(error, FailureKind.TOKENIZER) is FailureKind.PROXY


@pytest.mark.parametrize(
    ("ending", "transient"),
    [
        (Ending(None), True),
        (Ending(-9), True),
        (Ending(-15), True),
        (Ending(-2), True),
        (Ending(-1), True),
        (Ending(-11), False),
        (Ending(-6), False),
        (Ending(1), False),
        (Ending(9), False),
        (Ending(-9, overdue=True), False),
    ],
)
def test_only_what_was_killed_from_outside_may_go_well_in_a_moment(
    plan: Plan, ending: Ending, transient: bool
) -> None:
    # Whatever had failed until then: it may have failed for the same reason.
    failure = failure_of([GOOD] if not transient else [BAD], ending, plan, 0)
    assert failure is not None
    assert failure.transient is transient
    if transient:
        assert failure.kind is FailureKind.CRASH


@pytest.mark.parametrize("ending", [Ending(FULL), Ending(FULL, error="no room"), Ending(1)])
def test_a_full_disk_is_known_by_status_or_by_log(plan: Plan, ending: Ending) -> None:
    if ending.status == 1:
        plan.log.write_text("OSError: [Errno 28] No space left on device\n")
    failure = failure_of([BAD], ending, plan, 0)
    assert failure is not None
    assert (failure.kind, failure.transient) == (FailureKind.DISK, False)
    assert (ending.error or "status") in failure.message
    assert "Make room" in failure.advice


def test_a_full_disk_is_found_among_the_causes() -> None:
    error = RuntimeError("cannot save")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert kind_of(error, FailureKind.TOKENIZER) is FailureKind.DISK
