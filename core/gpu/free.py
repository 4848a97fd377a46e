"""Which GPUs a start may have, and when they are free again after it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.gpu.nvml import Ours
from core.gpu.values import Gpu, GpuProcess
from core.values import Failure, FailureKind

_GIB = 1 << 30
_SLACK = 512 << 20  # bytes that a driver may keep after a process is gone
_STEP = 0.25


class Looks(Protocol):
    """What tells of the GPUs now: Nvml."""

    def snapshot(self, ours: Ours) -> tuple[tuple[Gpu, ...], str | None]: ...


@dataclass(frozen=True, slots=True)
class Choice:
    """UUIDs in the order of their indices, or why there are not enough."""

    uuids: tuple[str, ...] = ()
    failure: Failure | None = None


def usable(gpus: Sequence[Gpu], wanted: int, leased: Collection[str]) -> Choice:
    """The first `wanted` GPUs that nobody holds.

    `leased` are the resources that starts hold, a GPU's written `gpu:UUID`.
    """
    if wanted > len(gpus):
        has = f"{_count(len(gpus))} on this machine" if gpus else "none on this machine"
        advice = "lower `gpus:` or `parallel:` in the task file"
        return _refused(f"{_count(wanted)} wanted, {has}", advice)
    reasons = {place: _held(gpu, leased) for place, gpu in enumerate(gpus)}
    free = [gpus[place].uuid for place, reason in reasons.items() if reason is None]
    if len(free) >= wanted:
        return Choice(tuple(free[:wanted]))
    held = "; ".join(reason for reason in reasons.values() if reason)
    advice = "end what uses the others, or lower `gpus:` or `parallel:` in the task file"
    return _refused(f"{_count(wanted)} wanted, {len(free)} free: {held}", advice)


async def until_free(
    nvml: Looks, uuids: Collection[str], limit: float, before: Mapping[str, int] | None = None
) -> Failure | None:
    """Wait until what a stopped start left on these GPUs is gone; a Failure after `limit` seconds.

    Waited for are the processes found at the first look; who comes later is somebody else.
    `before` gives bytes in use when the start began, by UUID: the level to return to within
    512 MiB, for where processes cannot be seen. A GPU that is lost or gone is not waited for.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limit
    left: dict[str, set[int]] | None = None
    while True:
        gpus, _ = await asyncio.to_thread(nvml.snapshot, lambda _: None)
        ours = [gpu for gpu in gpus if gpu.uuid in uuids and not gpu.lost]
        if left is None:
            left = {gpu.uuid: {one.pid for one in gpu.processes} for gpu in ours}
        busy = [text for gpu in ours for text in _remains(gpu, left, before or {})]
        if not busy:
            return None
        if loop.time() >= deadline:
            return _not_free(busy, limit)
        await asyncio.sleep(min(_STEP, max(0.0, deadline - loop.time())))


def _held(gpu: Gpu, leased: Collection[str]) -> str | None:
    """Who keeps this GPU from being used."""
    if gpu.lost:
        return f"GPU {gpu.index} is lost: reset it, or restart the machine"
    if f"gpu:{gpu.uuid}" in leased:
        return f"GPU {gpu.index} is held by another experiment"
    # What a driver does not tell may be any amount.
    users = [one for one in gpu.processes if one.memory is None or one.memory > 0]
    if not users:
        return _unseen(gpu)
    return f"GPU {gpu.index} is used by {' and '.join(_user(one) for one in users)}"


def _unseen(gpu: Gpu) -> str | None:
    """Memory in use and nobody to be seen: a process in a container, or of another user."""
    if not gpu.used_unseen:
        return None
    held = f"{(gpu.memory_used or 0) / _GIB:.1f} GiB"
    return f"GPU {gpu.index} has {held} in use by a process that cannot be seen from here"


def _user(one: GpuProcess) -> str:
    who = f"pid {one.pid} {one.name}" + (f" of {one.ours}" if one.ours else "")
    return who if one.memory is None else f"{who}, {one.memory / _GIB:.1f} GiB"


def _remains(gpu: Gpu, left: Mapping[str, set[int]], before: Mapping[str, int]) -> Iterator[str]:
    mine = left.get(gpu.uuid, set())
    stay = [one for one in gpu.processes if one.pid in mine]
    if stay:
        yield f"GPU {gpu.index} is used by {' and '.join(_user(one) for one in stay)}"
        return
    if gpu.memory_used is None or gpu.uuid not in before:
        return
    level = gpu.memory_used - sum(one.memory or 0 for one in gpu.processes)
    if level > before[gpu.uuid] + _SLACK:
        extra = (level - before[gpu.uuid]) / _GIB
        yield f"GPU {gpu.index} has {extra:.1f} GiB more in use than before the start"


def _not_free(busy: Sequence[str], limit: float) -> Failure:
    return Failure(
        FailureKind.HANG,
        f"not free {limit:g} s after the stop (timeouts.stop): {'; '.join(busy)}",
        "end these processes; nvidia-smi lists them",
    )


def _refused(message: str, advice: str) -> Choice:
    return Choice(failure=Failure(FailureKind.CONFIG, message, advice))


def _count(number: int) -> str:
    return f"{number} GPU{'' if number == 1 else 's'}"
