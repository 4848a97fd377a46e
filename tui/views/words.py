"""How numbers, times, states and failures are said. Units stand in headers, not here."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from core.store.short import SHORT
from core.store.views import VerdictView
from core.values import ExperimentState, Failure, FailureKind, Scalar, TaskState
from tui.line import Span, Tone

NONE = Span("–", Tone.DIM)
_NUMBER = r"\d+(?:\.\d+)?(?:e[-+]?\d+)?"
_BREACH = re.compile(rf"(?P<name>\w+) (?P<value>{_NUMBER})(?: s)? [<>] (?P<limit>{_NUMBER})(?: s)?")
SIMULATED = Span("simulated", Tone.WARN)


def duration(seconds: float) -> str:
    """`0.4s` `41s` `1m12s` `3h12m` `2d3h`: two steps at most, tenths below ten seconds."""
    if seconds < 9.95:
        return f"{max(0.0, seconds):.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    minutes = whole // 60
    if minutes < 24 * 60:
        return f"{minutes // 60}h{minutes % 60:02d}m"
    return f"{minutes // 1440}d{minutes % 1440 // 60}h"


def places(values: Iterable[float | None], digits: int = 3) -> int:
    """Decimals for a column: as many as its largest number needs to show `digits` digits."""
    largest = max((abs(v) for v in values if v is not None and math.isfinite(v)), default=0.0)
    if largest == 0:
        return 0
    return max(0, min(3, digits - 1 - math.floor(math.log10(largest))))


def number(value: float | None, decimals: int) -> Span:
    """With a blank between thousands: `1 184.2`."""
    if value is None or not math.isfinite(value):
        return NONE
    return Span(f"{value:,.{decimals}f}".replace(",", " "))


def numbers(values: Sequence[float | None], digits: int = 3) -> list[Span]:
    """A column of one unit, with the same decimals everywhere."""
    decimals = places(values, digits)
    return [after_point(number(value, decimals), decimals) for value in values]


def after_point(span: Span, decimals: int) -> Span:
    """Room after what has no decimals, so that a column lines up on its decimal point."""
    _, point, after = span.text.partition(".")
    room = decimals + (decimals > 0) - len(point) - len(after)
    return Span(span.text + " " * room, span.tone) if room > 0 else span


def count(items: int) -> str:
    """With a blank between thousands: `2 000`."""
    return f"{items:,}".replace(",", " ")


def gain(delta: float | None) -> str:
    """A relative gain as signed per cent; 0.38 is `+38.0`."""
    return "" if delta is None else f"{delta * 100:+.1f}"


def breach(text: str) -> str:
    """A missed limit in short: `ttft_p95 0.69 s > 0.5 s` is `ttft p95 +38 %`."""
    if not (match := _BREACH.fullmatch(text)) or float(match["limit"]) == 0:
        return text.replace("_", " ")
    over = float(match["value"]) / float(match["limit"]) - 1
    return f"{match['name'].replace('_', ' ')} {over * 100:+.{1 if abs(over) < 0.095 else 0}f} %"


def progress(done: int, planned: int | None) -> str:
    """`7/30`, or `7` when nobody knows how many there will be."""
    return str(done) if planned is None else f"{done}/{planned}"


def value(setting: Scalar) -> str:
    """A flag's value as a task file spells it."""
    if isinstance(setting, bool):
        return "true" if setting else "false"
    return f"{setting:g}" if isinstance(setting, float) else str(setting)


_TASK = {
    TaskState.QUEUED: Span("◌ queued", Tone.DIM),
    TaskState.RUNNING: Span("● running", Tone.RUN),
    TaskState.PAUSED: Span("‖ paused", Tone.WARN),
    TaskState.COMPLETED: Span("✔ done", Tone.GOOD),
    TaskState.FAILED: Span("✖ failed", Tone.BAD),
    TaskState.CANCELLED: Span("▪ cancelled", Tone.DIM),
}


def task_state(state: TaskState, verdict: VerdictView | None) -> Span:
    """Shape and word; a completed task with a confirmed best says so."""
    if state is TaskState.COMPLETED and verdict and verdict.kind == "winner":
        return Span("✔ winner", Tone.GOOD)
    return _TASK[state]


_EXPERIMENT = {
    ExperimentState.PENDING: Span("◌ waiting", Tone.DIM),
    ExperimentState.PREPARING: Span("▸ preparing", Tone.RUN),
    ExperimentState.STARTING: Span("▸ starting", Tone.RUN),
    ExperimentState.READY: Span("▸ ready", Tone.RUN),
    ExperimentState.BENCHMARKING: Span("▸ benchmark", Tone.RUN),
    ExperimentState.SUCCEEDED: Span("✔ meets the SLO", Tone.GOOD),
    ExperimentState.INFEASIBLE: Span("✖ misses the SLO", Tone.BAD),
    ExperimentState.FAILED: Span("✖ failed", Tone.BAD),
    ExperimentState.CANCELLED: Span("▪ cancelled", Tone.DIM),
    ExperimentState.INTERRUPTED: Span("◌ interrupted", Tone.WARN),
}


def experiment_state(state: ExperimentState) -> Span:
    return _EXPERIMENT[state]


_VERDICTS = {
    "winner": Span("confirmed", Tone.GOOD),
    "tie": Span("a tie with the baseline", Tone.WARN),
    "not_better": Span("not better than the baseline", Tone.WARN),
    "unconfirmed": Span("not confirmed", Tone.DIM),
    "none_feasible": Span("nothing meets the SLO", Tone.BAD),
}


def verdict(view: VerdictView) -> Span:
    return _VERDICTS.get(view.kind, Span(view.kind.replace("_", " ")))


_FAILURES = {
    FailureKind.OOM_WEIGHTS: "out of memory: weights",
    FailureKind.OOM_KV: "out of memory: KV cache",
    FailureKind.OOM_COMPILE: "out of memory: compile",
    FailureKind.OOM_LOAD: "out of memory: load",
    FailureKind.BAD_FLAG: "unknown flag",
    FailureKind.BAD_VALUE: "value refused",
    FailureKind.PARALLELISM: "parallelism does not fit",
    FailureKind.UNSUPPORTED: "not supported",
    FailureKind.MODEL_MISSING: "model not found",
    FailureKind.MODEL_GATED: "model needs a token",
    FailureKind.TOKENIZER: "tokenizer not usable",
    FailureKind.OFFLINE: "offline",
    FailureKind.NETWORK: "network",
    FailureKind.PROXY: "proxy",
    FailureKind.PERMISSION: "permission denied",
    FailureKind.DISK: "disk full",
    FailureKind.PORT: "port taken",
    FailureKind.IMAGE: "image not usable",
    FailureKind.DOCKER: "Docker not usable",
    FailureKind.NCCL: "NCCL",
    FailureKind.SHM: "shared memory too small",
    FailureKind.START_TIMEOUT: "start took too long",
    FailureKind.HANG: "hangs",
    FailureKind.CRASH: "crashed",
    FailureKind.ENGINE_DIED: "died under load",
    FailureKind.BENCH_ERRORS: "benchmark errors",
    FailureKind.ZERO_TOKENS: "no tokens came",
    FailureKind.CONFIG: "configuration refused",
    FailureKind.UNKNOWN: "unknown failure",
}


def failure(view: Failure) -> str:
    """The kind of a failure as a short phrase."""
    return _FAILURES[view.kind]


def short(flag: str) -> str:
    """A flag's name for a narrow column."""
    return SHORT.get(flag, flag)
