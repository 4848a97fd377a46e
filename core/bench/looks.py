"""From the files of a measurement, and of the looks before it, to one pooled Measurement."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.bench.plan import CLIENT, TIMELINE, Plan
from core.metrics import Measurement, read_timeline, summarize
from core.values import Failure, Purpose


@dataclass(frozen=True, slots=True)
class Client:
    """What a measurement's client said of itself: its delay in seconds, why it ended early."""

    lag: float | None = None
    stopped: str | None = None
    saturated: bool = False

    @classmethod
    def read(cls, folder: Path) -> Client:
        """Nothing known when the measurement did not live to write it."""
        try:
            facts = json.loads((folder / CLIENT).read_text())
            lag = facts["lag_p95"]
            found = None if lag is None else float(lag)
            return cls(found, facts.get("stopped"), bool(facts.get("saturated")))
        except (OSError, ValueError, KeyError, TypeError):
            return cls()


def looks(plan: Plan, failure: Failure | None) -> Measurement:
    """This measurement with the requests of every look before it at the same load."""
    folders = (*plan.earlier, plan.folder)
    found = pooled(
        folders, plan.scenario, plan.concurrency, plan.purpose, plan.limits, plan.turn, failure
    )
    return replace(found, cache_reset=plan.cache_reset)


def pooled(
    folders: Sequence[Path],
    scenario: str,
    concurrency: int,
    purpose: Purpose,
    limits: Mapping[str, float],
    turn: int = 1,
    failure: Failure | None = None,
) -> Measurement:
    """One Measurement of all the requests in some measurements' folders."""
    clients = [Client.read(folder) for folder in folders]
    ended = clients[-1] if clients else Client()
    return summarize(
        *(read_timeline(folder / TIMELINE) for folder in folders),
        scenario=scenario,
        concurrency=concurrency,
        purpose=purpose,
        limits=limits,
        client_lag=max((c.lag for c in clients if c.lag is not None), default=None),
        failure=failure,
        turn=turn,
        stopped=ended.stopped,
        saturated=ended.saturated,
    )
