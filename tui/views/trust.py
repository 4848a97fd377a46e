"""What takes away from a measurement's word: marks for a cell, and why in words."""

from __future__ import annotations

from collections.abc import Iterable

from core.metrics import FEWEST, Measurement
from core.store.views import MeasurementView
from core.values import Purpose
from tui.line import Line, Span, Tone, line
from tui.views import words

LOW = "ⁿ"
"""Stands behind a percentile that too few requests stand behind."""


def low(data: Measurement, statistic: str) -> Span:
    """The mark, or a blank in its place, so that a column stays on its decimal point."""
    return Span(LOW, Tone.WARN) if any_low([data], [statistic]) else Span(" ")


def any_low(measured: Iterable[Measurement], statistics: Iterable[str] = ("p95",)) -> bool:
    """Whether one of these percentiles is there and rests on too few."""
    wanted = set(statistics)
    return any(
        wanted & set(data.low_statistics) for data in measured if data.requests > data.errors
    )


def legend(statistics: Iterable[str] = ("p95",)) -> Line:
    """What the mark means: `ⁿ low n: p95 needs 40, p99 200 requests`."""
    known = [f"{name} {FEWEST[name]}" for name in statistics if name in FEWEST]
    needs = ", ".join(known).replace(" ", " needs ", 1)
    return line(Span(LOW, Tone.WARN), Span(f" low n: {needs} requests", Tone.DIM))


def marks(data: Measurement) -> list[str]:
    """In a word or two each, for the end of a row."""
    found = ["saturated"] if data.saturated else []
    found += ["ended early"] if data.stopped and not data.saturated else []
    found += ["client-bound"] if data.client_bound else []
    found += ["cache not reset"] if data.cache_reset is False else []
    return [*found, *(["short answers"] if data.short else [])]


def reasons(measured: MeasurementView) -> list[str]:
    """Everything against it, a sentence each: its failure, its end, limits, what is in doubt."""
    data = measured.data
    failure = data.failure
    found = [f"{words.failure(failure)}: {failure.message}"] if failure else []
    if data.saturated or data.stopped:
        found.append(_ended(data))
    # A breach that only repeats the failure is said already.
    own = f"{failure.kind}: {failure.message}" if failure else ""
    found += [words.limit(breach) for breach in measured.breaches if breach != own]
    return [*found, *_doubts(data)]


def _ended(data: Measurement) -> str:
    why = data.stopped or "latency and waiting requests both climbed"
    return f"no steady state: {why}" if data.saturated else f"ended early: {why}"


def _doubts(data: Measurement) -> list[str]:
    found = []
    if data.client_bound:
        lag = "" if data.client_lag is None else f": it was {data.client_lag * 1000:.0f} ms late"
        found.append(f"client-bound{lag}, so the engine may be faster than this")
    if data.cache_reset is False:
        found.append("prefix cache not reset before it: prompts may have been answered from it")
    if data.short:
        answers = "answer has" if data.short == 1 else "answers have"
        found.append(f"{words.count(data.short)} {answers} fewer tokens than were asked for")
    return found


def look(data: Measurement) -> str:
    """What it was for, and which look at its load it was: `search, look 2`."""
    return data.purpose.value if data.turn < 2 else f"{data.purpose.value}, look {data.turn}"


def superseded(one: MeasurementView, others: Iterable[MeasurementView]) -> bool:
    """Whether a later look at the same load on the same start holds its requests, too."""

    def place(view: MeasurementView) -> tuple[int, str, int, Purpose]:
        return view.start, view.data.scenario, view.data.concurrency, view.data.purpose

    return any(place(o) == place(one) and o.data.turn > one.data.turn for o in others)
