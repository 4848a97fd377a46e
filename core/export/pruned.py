"""What was not started because its fate was known: for the document, and in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from core.export.figures import count
from core.store.views import TaskDetail


@dataclass(frozen=True, slots=True)
class RuledOut:
    """`number` configurations, None: too many to count. `by`: the experiment whose failure
    tells; None: the model's size alone does.
    """

    number: int | None
    kind: str
    reason: str
    by: int | None

    def __str__(self) -> str:
        many = "more configurations" if self.number is None else count(self.number, "configuration")
        shared = f", as #{self.by} failed" if self.by is not None else ""
        return f"ruled out without a start: {many}{shared}: {self.reason} ({self.kind})"


def ruled_out(detail: TaskDetail) -> tuple[RuledOut, ...]:
    """By what holds now: an experiment that was tried again with success rules out nothing."""
    return tuple(_ruled_out(detail))


def _ruled_out(detail: TaskDetail) -> Iterator[RuledOut]:
    failed = {e.number for e in detail.experiments if e.failure}
    for event in detail.events:
        if event.kind != "configurations.ruled_out":
            continue
        said: dict[str, Any] = dict(event.detail)
        if event.experiment is None or event.experiment in failed:
            yield RuledOut(said["count"], said["cause"], said["reason"], event.experiment)
