"""Work in a thread that ends when nobody waits for it any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Event
from typing import TypeVar

from core.logs import Stop

Result = TypeVar("Result")


async def in_thread(work: Callable[[Stop], Result]) -> Result:
    """What `work` returns. It is told to stop when this is cancelled."""
    left = Event()
    try:
        return await asyncio.to_thread(work, left.is_set)
    finally:
        left.set()
