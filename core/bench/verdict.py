"""Why a measurement is void or partial, from its timeline and its part of the log."""

from __future__ import annotations

import re
import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from core.bench.plan import FULL, USAGE, Plan
from core.bench.record import Ending
from core.bench.trouble import advice_for
from core.metrics import Request, succeeded
from core.values import Failure, FailureKind, one_line

MOST_ERRORS = 0.5

_ADDRESS = re.compile(r" (object )?at 0x[0-9a-f]+")


OUTSIDE = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
"""Signals that come from outside: a process that breaks down ends itself with others."""

_NO_SPACE = "No space left on device"


def killed(ending: Ending) -> bool:
    """Whether it was ended from outside, or lost with its launcher: that is no result."""
    if ending.overdue:
        return False
    return ending.status is None or -ending.status in OUTSIDE


def failure_of(
    requests: Sequence[Request], ending: Ending, plan: Plan, offset: int
) -> Failure | None:
    """The failure of a measurement, None when it is whole.

    `offset` is where the measurement's part of `plan.log` begins, in bytes.
    """
    if ending.overdue:
        return _proved(
            plan.log,
            offset,
            FailureKind.HANG,
            f"the measurement did not end within its limit of {plan.limit:g} s",
            "Read the engine's log; raise timeouts.measurement or lower workload.requests.",
        )
    ended = _ended(requests, ending, plan.log, offset)
    if killed(ending) or (ended and ended.kind is FailureKind.DISK):
        return ended  # and what failed before, it may have failed for that
    return _errors(requests) or ended


def _errors(requests: Sequence[Request]) -> Failure | None:
    """A failure when more than half of the requests failed."""
    counted = [request for request in requests if not request.warmup] or requests
    failed = [request for request in counted if not succeeded(request)]
    if len(failed) <= MOST_ERRORS * len(counted):
        return None
    reasons = Counter(_reason(request) for request in failed)
    code, reason = reasons.most_common(1)[0][0]
    message = f"{len(failed)} of {len(counted)} requests failed, most often with {code}: {reason}"
    if code == 200:
        advice = "The engine answers without generating: check its chat template and its log."
        return Failure(FailureKind.ZERO_TOKENS, message, advice)
    advice = "Read the engine's log at the time of this measurement."
    return Failure(FailureKind.BENCH_ERRORS, message, advice)


def _reason(request: Request) -> tuple[int | None, str]:
    # Object addresses make each message its own; without them equal errors are equal.
    return request.error, one_line(_ADDRESS.sub("", request.message or "no message"), 160)


def _ended(requests: Sequence[Request], ending: Ending, log: Path, offset: int) -> Failure | None:
    if ending.status == 0 and requests:
        return None
    if ending.status == USAGE:
        message = "genai-bench refused the workload"
        advice = "Correct the scenario or the dataset that the line names."
        return _proved(log, offset, FailureKind.CONFIG, message, advice)
    if ending.status == 0:
        message = "genai-bench ended without sending a request"
    elif ending.error:
        message = f"the measurement cannot be made: {ending.error}"
    else:
        message = f"genai-bench {_how(ending.status)} after {len(requests)} requests"
    found = _proved(log, offset, FailureKind.CRASH, message, "Read the benchmark's log.")
    if ending.status == FULL or _NO_SPACE in (found.text or ""):
        advice = advice_for(FailureKind.DISK)
        return replace(
            found, kind=FailureKind.DISK, message=f"the disk is full: {message}", advice=advice
        )
    return replace(found, transient=killed(ending))


def _how(status: int | None) -> str:
    if status is None:
        return "was lost with its launcher"
    if status >= 0:
        return f"ended with status {status}"
    return f"was ended by {signal.Signals(-status).name}"


def _proved(log: Path, offset: int, kind: FailureKind, message: str, advice: str) -> Failure:
    line, text = last_line(log, offset)
    return Failure(kind, message, advice, log.name, line, text)


def last_line(log: Path, offset: int = 0) -> tuple[int | None, str | None]:
    """Number (from 1) and text of the last line that says something after byte `offset`."""
    try:
        data = log.read_bytes()
    except OSError:
        return None, None
    lines = data[offset:].split(b"\n")
    for index in range(len(lines) - 1, -1, -1):
        if text := one_line(lines[index].decode(errors="replace")):
            return data[:offset].count(b"\n") + index + 1, text
    return None, None
