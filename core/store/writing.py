"""How the journal is written: transactions on one connection, rows, events."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite

from core.store import faults, reserve
from core.values import AutotunerError, Configuration, ExperimentState

_LOCKED_SECONDS = 600.0
# A copy that somebody makes of the journal, or a shell on it, ends; what was measured meanwhile
# is not given up for it.


class Writer:
    """One connection, one transaction at a time."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._db = connection
        # Coroutines share the connection; without it their transactions would interleave.
        self._turn = asyncio.Lock()
        self._holder: asyncio.Task[object] | None = None

    @asynccontextmanager
    async def together(self) -> AsyncIterator[None]:
        """What this coroutine writes inside is one transaction: all of it, or nothing.

        An error has to leave the block, or what was written before it would stay.
        """
        async with self.transaction():
            self._holder = asyncio.current_task()
            try:
                yield
            finally:
                self._holder = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        """Of its own, or part of the one that `together` began.

        Raises the errors of `core.store.faults`. After DiskFull there is room for a few more
        writes, if there was a reserve.
        """
        if self._inside():
            yield self._db
            return
        async with self._turn:
            try:
                await self._begin()
                yield self._db
                await self._db.execute("COMMIT")
            except BaseException as error:
                # A cancelled await leaves its statement queued; this one runs after it.
                with contextlib.suppress(sqlite3.OperationalError):
                    await self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error) and (plain := await self._told(error)):
                    raise plain from error
                raise

    async def surely(self, write: Callable[[aiosqlite.Connection], Awaitable[None]]) -> None:
        """One transaction that has to be kept: tried again with the room of the reserve."""
        try:
            async with self.transaction() as db:
                await write(db)
        except faults.DiskFull:
            async with self.transaction() as db:
                await write(db)

    async def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        """What a query finds, in no transaction of somebody else's."""
        if self._inside():
            return list(await self._db.execute_fetchall(query, values))
        async with self._turn:
            try:
                return list(await self._db.execute_fetchall(query, values))
            except sqlite3.Error as error:
                if plain := await self._told(error):
                    raise plain from error
                raise

    def _inside(self) -> bool:
        return self._holder is not None and self._holder is asyncio.current_task()

    async def _begin(self) -> None:
        deadline = time.monotonic() + _LOCKED_SECONDS
        while True:
            try:
                await self._db.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if not faults.locked(error) or time.monotonic() > deadline:
                    raise

    async def _told(self, error: sqlite3.Error) -> AutotunerError | None:
        """What an error means; a full disk is given the reserve."""
        listed = await self._db.execute_fetchall("PRAGMA database_list")
        path = Path(next(iter(listed))[2])
        plain = faults.told(error, path)
        if isinstance(plain, faults.DiskFull):
            reserve.release(path.parent)
        return plain


async def insert(db: aiosqlite.Connection, table: str, fields: Mapping[str, object]) -> None:
    names, marks = ", ".join(fields), ", ".join("?" * len(fields))
    await db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(fields.values()))


async def update(
    db: aiosqlite.Connection, table: str, key: Mapping[str, object], fields: Mapping[str, object]
) -> None:
    if not fields:
        return
    changes = ", ".join(f"{name} = ?" for name in fields)
    await db.execute(
        f"UPDATE {table} SET {changes} WHERE {_where(key)}",
        (*fields.values(), *key.values()),
    )


async def delete(db: aiosqlite.Connection, table: str, key: Mapping[str, object]) -> None:
    await db.execute(f"DELETE FROM {table} WHERE {_where(key)}", tuple(key.values()))


def _where(key: Mapping[str, object]) -> str:
    return " AND ".join(f"{name} IS ?" for name in key)


async def event(
    db: aiosqlite.Connection,
    kind: str,
    task: str | None,
    number: int | None,
    detail: Mapping[str, object],
) -> None:
    await insert(
        db,
        "events",
        {"at": time.time(), "kind": kind, "task": task, "number": number,
         "detail": json.dumps(detail)},
    )  # fmt: skip


async def next_number(db: aiosqlite.Connection, task: str) -> int:
    """Experiments of a task are numbered from 0 without gaps."""
    query = "SELECT COALESCE(MAX(number) + 1, 0) FROM experiments WHERE task = ?"
    rows = await db.execute_fetchall(query, (task,))
    return int(next(iter(rows))[0])


async def experiment(
    db: aiosqlite.Connection,
    task: str,
    number: int,
    configuration: Configuration,
    reason: str,
    *,
    baseline: bool,
    loads: Mapping[str, int] | None = None,
    least: float = 0.0,
) -> None:
    """A new experiment and its event."""
    fields = {
        "task": task, "number": number, "key": configuration.key,
        "engine": configuration.engine, "parameters": json.dumps(configuration.parameters),
        "baseline": baseline, "state": ExperimentState.PENDING, "reason": reason,
        "loads": json.dumps(dict(loads)) if loads else None, "least": least,
    }  # fmt: skip
    await insert(db, "experiments", fields)
    await event(db, "experiment.pending", task, number, configuration.parameters)
