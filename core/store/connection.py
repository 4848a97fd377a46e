"""Opening the database: one way for the runner, one for everyone else."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import aiosqlite

from core.store import damage, reserve, schema
from core.store.faults import DiskFull, plainly

_BUSY_SECONDS = 10.0


@asynccontextmanager
async def connect(
    path: Path, *, owner: bool, patience: float = _BUSY_SECONDS
) -> AsyncIterator[aiosqlite.Connection]:
    """A connection in autocommit mode with rows by name. Only the `owner` migrates, and keeps a
    damaged journal aside.

    `patience`: seconds to wait for a lock that another program holds. Raises AutotunerError
    when it is held longer, when the file is no database, or of a newer program; its kinds are
    in `core.store.faults`. So do errors of the file that leave the block.
    """
    async with AsyncExitStack() as stack:
        try:
            connection = await stack.enter_async_context(_opened(path, owner, patience))
        except DiskFull:
            # Even to say that the disk is full takes a little room.
            if not owner or not reserve.release(path.parent):
                raise
            connection = await stack.enter_async_context(_opened(path, owner, patience))
        if owner:
            reserve.hold(path.parent)
        with plainly(path):
            yield connection


@asynccontextmanager
async def frozen(path: Path) -> AsyncIterator[aiosqlite.Connection]:
    """A connection for reading where nothing can be written, not even what readers share.

    It takes the file for one that nobody changes: so it must have no log of writes beside it.
    """
    name = f"file:{quote(str(path))}?mode=ro&immutable=1"
    with plainly(path):
        async with aiosqlite.connect(name, uri=True, isolation_level=None) as connection:
            connection.row_factory = sqlite3.Row
            await schema.refuse_newer(connection)
            yield connection


@asynccontextmanager
async def _opened(path: Path, owner: bool, patience: float) -> AsyncIterator[aiosqlite.Connection]:
    if owner:
        await asyncio.to_thread(damage.mend, path, patience)
    async with AsyncExitStack() as stack:
        with plainly(path):
            connection = await stack.enter_async_context(
                aiosqlite.connect(path, timeout=patience, isolation_level=None)
            )
            await _prepare(connection, owner=owner)
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
