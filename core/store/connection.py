"""Opening the database: one way for the runner, one for everyone else."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite

from core.store import schema
from core.values import AutotunerError

_BUSY_SECONDS = 10.0


@asynccontextmanager
async def connect(
    path: Path, *, owner: bool, patience: float = _BUSY_SECONDS
) -> AsyncIterator[aiosqlite.Connection]:
    """A connection in autocommit mode with rows by name. Only the `owner` migrates.

    `patience`: seconds to wait for a lock that another program holds. Raises AutotunerError
    when it is held longer, when the file is no database, or of a newer program.
    """
    async with aiosqlite.connect(path, timeout=patience, isolation_level=None) as connection:
        try:
            await _prepare(connection, owner=owner)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
                raise AutotunerError(f"{path}: another program keeps the journal locked") from error
            raise AutotunerError(
                f"{path}: the journal cannot be used ({error}); "
                "move it aside or set AUTOTUNER_HOME to another folder"
            ) from error
        yield connection


async def _prepare(connection: aiosqlite.Connection, *, owner: bool) -> None:
    connection.row_factory = sqlite3.Row
    await connection.execute("PRAGMA foreign_keys = ON")
    # A power cut must not take a finished measurement with it.
    await connection.execute("PRAGMA synchronous = FULL")
    if owner:
        await schema.migrate(connection)
    else:
        await schema.refuse_newer(connection)
