"""What one load of a configuration gave, as searches see it: for its best load, and for the
next configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Level:
    """What one concurrency gave, all looks at it pooled.

    `value` is what is maximised, larger is better: tokens/s, goodput, a negative latency; None
    when nothing succeeded. `throughput` in output tokens/s. `strains` holds measured / limit of
    each limit that more load strains (latencies, error rate, misses of attainment): above 1 it
    is missed. `enough`: a minimum of throughput is reached. `failed`: timed out, crashed, mostly
    errors, over-saturated.
    """

    concurrency: int
    value: float | None
    throughput: float | None
    strains: Mapping[str, float]
    enough: bool = True
    failed: bool = False
    looks: int = 1

    @property
    def void(self) -> bool:
        """Whether there are no figures to go by: a breach, by how much is not known."""
        return self.failed or self.value is None

    @property
    def breached(self) -> bool:
        """Whether this is too much load. A throughput still under its minimum is not."""
        return self.void or self.strain > 1

    @property
    def feasible(self) -> bool:
        return self.enough and not self.breached

    @property
    def strain(self) -> float:
        """Of the limit that is strained most; 0 without limits."""
        return max(self.strains.values(), default=0.0)
