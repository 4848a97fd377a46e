"""What an earlier runner left of its measurements: taken over, or ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

from core.bench.ending import end, to_its_end
from core.bench.record import BEGUN, Begun, Ending, remove
from core.bench.verdict import killed

_POLL = 0.05


def under_way(start_folder: Path) -> bool:
    """Whether a measurement of an earlier runner is under way in this start's folder.

    It is until its ending is written: a launcher that is about to write it is spared, too.
    """
    return any(_open(begun, folder) for folder, begun in _begun(start_folder))


async def end_others(start_folder: Path, keep: Path | None) -> tuple[int, ...]:
    """End every measurement under way here but the one in folder `keep`, and its launcher.

    Returns the pids of what would not go.
    """
    spared = Begun.read(keep) if keep else None
    left: list[int] = []
    for folder, begun in _begun(start_folder):
        if begun != spared and _open(begun, folder):
            # The launcher first: it would begin nothing new, and what it measures dies with it.
            for process in (begun.launcher, begun.process):
                kept = spared is not None and process == spared.launcher
                if not kept and not await end(process):
                    left.append(process.pid)
    return tuple(left)


async def take(folder: Path, limit: float, own: int | None) -> tuple[Begun, Ending] | None:
    """How the measurement in `folder` ended, waited for until `limit` seconds from its start.

    None when nothing usable is left, with the folder removed. Its processes are gone then, but
    for a launcher whose pid is `own`. Raises OSError when the folder cannot be removed.
    """
    begun = Begun.read(folder)
    ending = None
    if begun is not None:
        try:
            ending = await _ending(begun, folder, limit)
        finally:
            await to_its_end(_end(begun, own))
    if begun is None or ending is None or killed(ending):
        await asyncio.to_thread(remove, folder)
        return None
    return begun, ending


async def _ending(begun: Begun, folder: Path, limit: float) -> Ending | None:
    """None when its end was not written: it is lost with its launcher, or was killed with it."""
    deadline = begun.process.started + limit
    while begun.launcher.lives:
        if ending := Ending.read(folder):
            return ending
        # Counted from the boot, as the start is: nobody can set that clock.
        if time.clock_gettime(time.CLOCK_BOOTTIME) > deadline:
            return Ending(None, overdue=True) if begun.process.lives else None
        await asyncio.sleep(_POLL)
    return Ending.read(folder)


async def _end(begun: Begun, own: int | None) -> None:
    await end(begun.process)
    if begun.launcher.pid != own:
        await end(begun.launcher)


def _begun(start_folder: Path) -> Iterator[tuple[Path, Begun]]:
    for path in sorted(start_folder.glob(f"measurements/*/{BEGUN}")):
        if begun := Begun.read(path.parent):
            yield path.parent, begun


def _open(begun: Begun, folder: Path) -> bool:
    alive = begun.process.lives or begun.launcher.lives
    return alive and Ending.read(folder) is None
