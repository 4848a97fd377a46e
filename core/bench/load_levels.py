"""What the search for the best load says: steps, and its end."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """The next measurement. `again`: a second look at a load that was measured."""

    concurrency: int
    reason: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    reason: str
