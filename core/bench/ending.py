"""Ending a measurement's processes, and being sure of it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from core.bench.record import Process

_LIMIT = 5.0
_POLL = 0.02


async def end(process: Process) -> bool:
    """SIGKILL it and its whole group; returns when it is gone, False when it will not go."""
    deadline = asyncio.get_running_loop().time() + _LIMIT
    while process.lives:
        if asyncio.get_running_loop().time() > deadline:
            return False
        process.kill()
        await asyncio.sleep(_POLL)
    return True


async def to_its_end(work: Coroutine[Any, Any, object]) -> None:
    """Let `work`, which is bounded in time, finish even when the caller is cancelled."""
    task, cancelled = asyncio.ensure_future(work), False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    task.result()
    if cancelled:
        raise asyncio.CancelledError
