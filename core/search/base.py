"""What a strategy is: a pure function of the space, the seed and the history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.values import Configuration


@dataclass(frozen=True, slots=True)
class Trial:
    """An experiment as a strategy sees it; `score` None for a failure or while it runs.

    `violation` is how far the worst limit was exceeded, relative to it; 0 when feasible.
    `failed`: it crashed, did not fit or was refused, by its configuration's own fault; false
    for a network that was down or an experiment that was skipped.
    """

    configuration: Configuration
    score: float | None
    feasible: bool
    violation: float = 0.0
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The next configuration and, in one line, why."""

    configuration: Configuration
    reason: str


class Strategy(Protocol):
    """Holds no truth of its own: the same history gives the same suggestion."""

    def ask(self, history: Sequence[Trial]) -> Suggestion | None:
        """The next configuration, never one of the history; None when nothing is left."""
        ...
