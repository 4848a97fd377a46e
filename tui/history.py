"""How busy the GPUs were in the last two minutes, as far as a console saw it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.gpu import Gpu
from core.store.views import LiveView

SPAN = 120.0  # seconds

Points = tuple[tuple[float, float | None, float | None], ...]
"""(time, utilisation 0..1 or None, share of the memory in use or None), oldest first."""


def memory_share(gpu: Gpu) -> float | None:
    """How full its memory is, 0..1."""
    if gpu.memory_used is None or not gpu.memory_total:
        return None
    return gpu.memory_used / gpu.memory_total


def gpu_key(gpu: Gpu) -> str:
    """Tells a GPU from the others, also one that was lost before anybody knew its UUID."""
    return gpu.uuid or f"#{gpu.index}"


@dataclass(frozen=True, slots=True)
class History:
    """`points` by GPU; each look of the runner adds one to each."""

    at: float = 0.0
    points: Mapping[str, Points] = field(default_factory=dict)

    def grown(self, live: LiveView) -> History:
        """With what `live` adds; points older than the span are gone."""
        if live.at == self.at:
            return self
        if live.at < self.at:  # the clock was set back: what was before has no place in the span
            return History().grown(live)
        oldest = live.at - SPAN
        found = {}
        for gpu in live.gpus:
            key = gpu_key(gpu)
            kept = tuple(point for point in self.points.get(key, ()) if point[0] >= oldest)
            found[key] = (*kept, (live.at, gpu.utilisation, memory_share(gpu)))
        return History(live.at, found)

    def levels(self, key: str, cells: int) -> tuple[float | None, ...]:
        """The span cut into `cells` equal parts, newest last: the mean utilisation in each,
        None: not seen."""
        sums = [(0.0, 0)] * cells
        for at, level, _ in self.points.get(key, ()):
            place = cells - 1 - int((self.at - at) / SPAN * cells)
            if level is not None and 0 <= place < cells:
                total, count = sums[place]
                sums[place] = (total + level, count + 1)
        return tuple(total / count if count else None for total, count in sums)
