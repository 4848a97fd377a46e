"""How often what failed by nobody's doing is tried again, and how long is waited before."""

from __future__ import annotations

import itertools

from core.store.views import ExperimentView, StartView

RETRIES = 5
"""Further tries of one experiment. With the waits between them they bridge half a minute: a
daemon that is restarted, a link that was down.
"""

_FIRST = 1.0
_LONGEST = 30.0


def retries(experiment: ExperimentView) -> int:
    """How many starts in a row failed by nobody's doing, the last ones: told by the journal."""
    ended = [start for start in experiment.starts if start.state != "running"]
    own = itertools.takewhile(_failed_so, reversed(ended))
    return sum(start.started >= (experiment.started or 0.0) for start in own)


def _failed_so(start: StartView) -> bool:
    return start.failure is not None and start.failure.transient


def delay(tries: int) -> float:
    """Seconds before another try, after so many."""
    return min(_LONGEST, _FIRST * 2.0 ** max(0, tries - 1))
