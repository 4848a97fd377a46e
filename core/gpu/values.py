"""A GPU at one moment. Bytes, watts, degrees Celsius; None: not supported by this GPU."""

from __future__ import annotations

from dataclasses import dataclass

_MORE_THAN_A_DRIVER = 1 << 30  # bytes; driver and desktop keep less for themselves


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A process that holds GPU memory. `ours` names its experiment (`demo #8`), None: foreign."""

    pid: int
    name: str
    memory: int | None = None
    ours: str | None = None


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU, or a MIG slice of one. `utilisation` is 0..1. `lost`: it fell off the bus."""

    index: int
    uuid: str
    name: str
    memory_used: int | None = None
    memory_total: int | None = None
    utilisation: float | None = None
    power: float | None = None
    power_limit: float | None = None
    temperature: float | None = None
    processes: tuple[GpuProcess, ...] = ()
    lost: bool = False

    @property
    def used_unseen(self) -> bool:
        """Memory is in use and by nobody to be seen: in a container, or by another user."""
        return not self.processes and (self.memory_used or 0) >= _MORE_THAN_A_DRIVER
