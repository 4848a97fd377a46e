"""What a new runner goes on with: the start that the one before it did not live to end."""

from __future__ import annotations

from core.store.begun import open_start
from core.store.journal import Journal, StartKey
from core.store.reader import Reader

_ENDING = {"pause", "cancel", "skip"}


async def kept(journal: Journal, reader: Reader) -> StartKey | None:
    """The open start of the running task; None when a person wants it ended, and waits for that."""
    key = await open_start(journal)
    if key is None:
        return None
    for command in await journal.open_commands():
        if command.verb in _ENDING:
            meant = await reader.find(str(command.arguments.get("task", "")))
            if meant is not None and meant.id == key.task:
                return None
    return key
