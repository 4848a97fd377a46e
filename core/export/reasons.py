"""Why a load is no good, and what takes away from a measurement's word: in words."""

from __future__ import annotations

from dataclasses import dataclass

from core import score
from core.export.verdict import breaches
from core.store.views import MeasurementView
from core.task import Slo
from core.values import Failure


def reason(view: MeasurementView, slo: Slo | None) -> str:
    """Everything against a measurement in one line; empty when it meets the limits.

    With the limits each one that is missed has its excess; without them as it was stored.
    """
    data = view.data
    parts = [failure_text(data.failure)] if data.failure else []
    if data.saturated:
        parts.append(data.stopped or "over-saturated")
    elif data.stopped and not view.feasible:
        parts.append(f"ended early: {data.stopped}")
    over = breaches(score.gaps(data, slo)) if slo else ""
    known = {_breach(data.failure), data.stopped or "over-saturated"}
    stored = "; ".join(one for one in view.breaches if one not in known)
    if misses := over or stored:
        parts.append(f"misses {misses}")
    return "; ".join(parts) or ("" if view.feasible else "misses a limit")


def failure_text(failure: Failure) -> str:
    """Kind, message and the line of the log that proves it."""
    where = f"{failure.log}:{failure.line}" if failure.line else failure.log
    proof = ": ".join(part for part in (where, failure.text) if part)
    return f"{failure.kind}: {failure.message}" + (f" ({proof})" if failure.text else "")


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something to know before trusting a measurement, and how much of it where that is known."""

    what: str
    much: str = ""

    def __str__(self) -> str:
        return f"{self.what} ({self.much})" if self.much else self.what


def doubts(view: MeasurementView) -> tuple[Doubt, ...]:
    """What takes away from the figures of one measurement, whether it meets the limits or not."""
    data = view.data
    found = []
    if data.client_bound:
        lag = "" if data.client_lag is None else f"lag {data.client_lag * 1000:.1f} ms"
        found.append(Doubt("client-bound", lag))
    if data.cache_reset is False:
        found.append(Doubt("prefix cache not reset"))
    if data.short:
        found.append(Doubt("answers shorter than asked for", str(data.short)))
    if data.stopped and view.feasible:  # else it is a reason against it
        found.append(Doubt(data.stopped))
    return tuple(found)


def _breach(failure: Failure | None) -> str:
    """As a failure is kept among the breaches."""
    return f"{failure.kind}: {failure.message}" if failure else ""
