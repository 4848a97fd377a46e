"""What can be said of the best of a task: in words, with the gain, its interval, the repeats."""

from __future__ import annotations

import math
from collections.abc import Iterable

from core.store.views import MeasurementView, Overview, ResultRow, TaskView, VerdictView
from core.values import StartReason
from tui.line import Line, Span, Tone, line
from tui.views import words
from tui.views.gains import delta


def confirming(overview: Overview | None) -> bool:
    """Whether the start at work is there to confirm."""
    busy = overview.busy if overview else None
    return bool(busy and busy.starts and busy.starts[-1].reason is StartReason.CONFIRM)


def best_alike(task: TaskView) -> frozenset[int]:
    """The best and what cannot be told apart from it; only itself where nothing is tied."""
    if task.best is None:
        return frozenset()
    return frozenset((task.best, *(task.verdict.tied if task.verdict else ())))


def tied(task: TaskView) -> bool:
    return len(best_alike(task)) > 1


def gain_decimals(task: TaskView) -> int:
    """One for a gain in per cent; none where its interval is wider than a per cent each way."""
    half = _half(task)
    return 1 if half is None or half < 0.01 else 0


def worth(task: TaskView, value: float | None, decimals: int) -> int:
    """At most `decimals` for a score or throughput like `value`: none that lie below what the
    interval of the gain leaves open.
    """
    half = _half(task)
    if not half or not value or not math.isfinite(half * value):
        return decimals
    return max(0, min(decimals, -math.floor(math.log10(abs(value) * half))))


def _half(task: TaskView) -> float | None:
    """Half the width of the interval of the gain."""
    interval = task.verdict.interval if task.verdict else None
    return None if interval is None else abs(interval[1] - interval[0]) / 2


def sentence(task: TaskView) -> str:
    """Without shape: `winner +38.1 % (+35.0 … +41.2 %, 3 repeats)`."""
    view = task.verdict
    if view is None:
        return "not judged yet" if task.best is not None else ""
    match view.kind:
        case "winner":
            said = f"winner{_sized(task)}"
        case "tie":
            said = f"tie with {_numbers(view.tied)}, the cheaper is chosen:{_sized(task)}"
        case "not_better":
            said = f"not better than the defaults{_bounds(view)}"
        case "unconfirmed":
            return f"unconfirmed{_sized(task)}: {_missing(view)}"
        case "none_feasible":
            said = "none feasible: no configuration keeps every limit"
        case kind:
            said = f"{kind.replace('_', ' ')}{_sized(task)}"
    return f"{said}; {view.note}" if view.note else said


def _sized(task: TaskView) -> str:
    """The gain and how sure it is; nothing of a baseline that was chosen itself."""
    view, gain = task.verdict, words.gain(delta(task))
    if view is None or not gain or task.best == 0:
        return _bounds(view) if view else ""
    return f" {gain} %{_bounds(view)}"


def _bounds(view: VerdictView) -> str:
    known = []
    if view.interval is not None:
        low, high = (words.gain(end) for end in view.interval)
        known.append(f"{low} … {high} %")
        known += [] if view.confidence == 0.95 else [f"at {view.confidence:.0%} confidence"]
    if view.repeats:
        known.append("1 repeat" if view.repeats == 1 else f"{view.repeats} repeats")
    return f" ({', '.join(known)})" if known else ""


def _missing(view: VerdictView) -> str:
    once = ["measured once"] if not view.repeats else []
    return "; ".join([*once, *([view.note] if view.note else [])]) or "more repeats are needed"


def _numbers(tied: Iterable[int]) -> str:
    said = [f"#{number}" if number else "the baseline #0" for number in tied]
    return " ".join(said) or "another"


def verdict_line(task: TaskView) -> Line:
    """Shape, word and figures; the shape is that of the lists."""
    said = sentence(task)
    if task.verdict is None:
        return line(Span(said, Tone.DIM))
    shown = words.verdict(task.verdict)
    return line(Span(f"{shown.text[:2]}{said}" if shown.text[1:2] == " " else said, shown.tone))


def closest(rows: Iterable[ResultRow]) -> ResultRow | None:
    """Of what misses a limit, that whose worst one is missed by least."""
    known = [row for row in rows if row.measured and row.measured.breaches]
    return min(known, key=lambda row: (_worst(row.measured), row.number), default=None)


def _worst(measured: MeasurementView | None) -> float:
    return max((words.excess(one) for one in measured.breaches), default=0.0) if measured else 0.0


def closest_text(number: int, measured: MeasurementView | None) -> str:
    """`closest #6: ttft p95 691 ms > 500 ms (+38 %)`, with each limit it misses."""
    gaps = [words.limit(breach) for breach in measured.breaches] if measured else []
    return f"closest #{number}: {', '.join(gaps)}"
