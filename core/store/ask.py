"""What a console or command may write: a command row, and its own sign of life."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

from core.store.connection import connect

_FORGOTTEN, _AHEAD = 3600.0, 5.0  # seconds
_PATIENCE = 1.0  # seconds that a sign of life is worth waiting for; the next one comes soon


async def insert_command(database: Path, verb: str, arguments: Mapping[str, object]) -> int:
    """Ask the runner; returns the row's id, to look for the reply under."""
    async with connect(database, owner=False) as db:
        cursor = await db.execute(
            "INSERT INTO commands (verb, arguments, asked) VALUES (?, ?, ?)",
            (verb, json.dumps(arguments), time.time()),
        )
        assert cursor.lastrowid is not None  # sqlite gives one for every insert
        return cursor.lastrowid


async def heartbeat(database: Path, console: str) -> None:
    """Say that a console is open; old consoles are forgotten."""
    now = time.time()
    async with connect(database, owner=False, patience=_PATIENCE) as db:
        await db.execute(
            "INSERT INTO consoles (id, seen) VALUES (?, ?)"
            " ON CONFLICT (id) DO UPDATE SET seen = excluded.seen",
            (console, now),
        )
        # Those from the future are of a clock that was set back.
        await db.execute(
            "DELETE FROM consoles WHERE seen < ? OR seen > ?", (now - _FORGOTTEN, now + _AHEAD)
        )
