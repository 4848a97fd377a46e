"""How numbers, times, states and failures are said. Units stand in headers, not here."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from core.store.short import SHORT
from core.store.views import TaskView, VerdictView
from core.values import ExperimentState, Failure, FailureKind, Scalar, TaskState
from tui.line import Span, Tone

NONE = Span("–", Tone.DIM)
_NUMBER = r"\d+(?:\.\d+)?(?:e[-+]?\d+)?"
_BREACH = re.compile(
    rf"(?P<name>\w+) (?P<value>{_NUMBER})(?: s)? (?P<sign>[<>]) (?P<limit>{_NUMBER})(?: s)?"
)
_UNITS = {
    "ttft": (" ms", 1000.0), "tpot": (" ms", 1000.0), "e2e": (" s", 1.0),
    "error": (" %", 100.0), "attainment": (" %", 100.0), "throughput": (" tok/s", 1.0),
}  # fmt: skip
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


def gain(delta: float | None, decimals: int = 1) -> str:
    """A relative gain as signed per cent; 0.38 is `+38.0`."""
    if delta is None:
        return ""
    # Adding 0.0 takes the sign from a zero: `-0` would be a difference.
    return f"{round(delta * 100, decimals) + 0.0:+.{decimals}f}"


def share(part: float) -> str:
    """As per cent, rounded down: 99.96 % of the requests are not all of them."""
    return f"{math.floor(part * 1000 + 1e-9) / 10:.1f}"


def near(seconds: float) -> str:
    """A time that is only about right: `1h50m` `12m`, `<1m` below a minute."""
    if seconds < 60:
        return "<1m"
    return f"{seconds // 60:.0f}m" if seconds < 3600 else duration(seconds)


def breach(text: str) -> str:
    """A missed limit in short: `ttft_p95 0.69 s > 0.5 s` is `ttft p95 +38 %`."""
    if not (match := _BREACH.fullmatch(text)) or float(match["limit"]) == 0:
        return text.replace("_", " ")
    return f"{match['name'].replace('_', ' ')} {_over(match)}"


def limit(text: str) -> str:
    """A missed limit with its numbers: `ttft p95 690 ms > 500 ms (+38 %)`."""
    if not (match := _BREACH.fullmatch(text)):
        return text.replace("_", " ")
    name = match["name"]
    unit, factor = _UNITS.get(name.partition("_")[0], ("", 1.0))
    value, most = (f"{float(match[end]) * factor:.4g}{unit}" for end in ("value", "limit"))
    off = f" ({_over(match)})" if float(match["limit"]) else ""
    return f"{name.replace('_', ' ')} {value} {match['sign']} {most}{off}"


def excess(text: str) -> float:
    """How far a limit is missed, relative to it; what has no number is missed as a whole."""
    match = _BREACH.fullmatch(text)
    return abs(_off(match)) if match and float(match["limit"]) else 1.0


def _over(match: re.Match[str]) -> str:
    return f"{_off(match) * 100:+.{1 if abs(_off(match)) < 0.095 else 0}f} %"


def _off(match: re.Match[str]) -> float:
    return float(match["value"]) / float(match["limit"]) - 1


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


_CONFIRMING = Span("● confirming", Tone.RUN)
_VERDICTS = {
    "winner": Span("✔ winner", Tone.GOOD),
    "tie": Span("≈ tie", Tone.WARN),
    "not_better": Span("○ not better", Tone.WARN),
    "unconfirmed": Span("◌ unconfirmed", Tone.DIM),
    "none_feasible": Span("✖ none feasible", Tone.BAD),
}


def verdict(view: VerdictView) -> Span:
    """Shape and word."""
    return _VERDICTS.get(view.kind, Span(view.kind.replace("_", " ")))


def task_state(task: TaskView, *, confirming: bool = False) -> Span:
    """Shape and word; a completed task says what came of it."""
    if task.state is TaskState.COMPLETED and task.verdict:
        return verdict(task.verdict)
    return _CONFIRMING if confirming and task.state is TaskState.RUNNING else _TASK[task.state]


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
