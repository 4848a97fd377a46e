"""Bytes that come, into the journal: not more often than anybody can read it."""

from __future__ import annotations

import time

from core.store.journal import Journal, StartKey
from core.values import Phase, size_text

_STEP = 0.5


class Progress:
    """Called with the bytes that are here and how many there are in all, None: not known."""

    def __init__(self, journal: Journal, key: StartKey, phase: Phase) -> None:
        self._journal = journal
        self._key = key
        self._phase = phase
        self._next = 0.0

    async def __call__(self, done: int, total: int | None) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _STEP
        part = done / total if total else None
        text = f"{size_text(done)} of {size_text(total)}" if total else None
        await self._journal.phase(self._key, self._phase, part, text)
