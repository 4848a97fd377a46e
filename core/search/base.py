"""What a strategy is: a pure function of the space, the seed and the history."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from core.score.level import Level
from core.values import Configuration


@dataclass(frozen=True, slots=True)
class Trial:
    """An experiment as a strategy sees it; `score` None for a failure or while it runs.

    `violation` is how far the worst limit was exceeded, relative to it; 0 when feasible.
    `failed`: it crashed, did not fit or was refused, by its configuration's own fault; false
    for a network that was down or an experiment that was skipped. `levels` holds what was
    measured, by scenario. `starting` is how many seconds the engine took to serve or to fail,
    `measuring` how many one measurement took; None where it is not known.
    """

    configuration: Configuration
    score: float | None
    feasible: bool
    violation: float = 0.0
    failed: bool = False
    levels: Mapping[str, Sequence[Level]] = field(default_factory=dict)
    starting: float | None = None
    measuring: float | None = None


def rank(trial: Trial | None, *, minimize: bool) -> tuple[int, float]:
    """Larger is better: what meets the limits, then what misses them least, then what failed."""
    if trial is None or trial.score is None:
        return 0, 0.0
    if not trial.feasible:
        return 1, -trial.violation
    return 2, -trial.score if minimize else trial.score


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The next configuration and, in one line, why. `loads`: where each scenario's search for
    its best load should begin; a scenario that is not there begins at the best so far. `least`:
    what one more measurement has to promise, relative to the best so far; where it is less, the
    time is better spent on another configuration.
    """

    configuration: Configuration
    reason: str
    loads: Mapping[str, int] = field(default_factory=dict)
    least: float = 0.0


Barred = Callable[[Configuration], bool]
"""Whether a configuration is known not to be worth a start; follows from the history, too."""


def nothing(_configuration: Configuration) -> bool:
    """Bars none."""
    return False


class Strategy(Protocol):
    """Holds no truth of its own: the same history gives the same suggestion."""

    def ask(self, history: Sequence[Trial], barred: Barred = nothing) -> Suggestion | None:
        """The next configuration, never a barred one or one of the history; None when nothing is
        left.
        """
        ...
