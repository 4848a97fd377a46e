"""The runner's writes: everything that happens is written here before it is shown."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiosqlite

from core.metrics import Measurement
from core.store.connection import connect
from core.store.rows import failure_text, measurement_columns, verdict_text
from core.store.views import VerdictView
from core.values import (
    Configuration,
    ExperimentState,
    Failure,
    Phase,
    StartReason,
    TaskState,
)


@dataclass(frozen=True, slots=True)
class NewTask:
    """What the journal keeps of a submitted task; the rest is in its folder."""

    id: str
    name: str
    engine: str
    model: str
    objective: str
    unit: str
    simulated: bool
    planned: int | None
    submitted: float


@dataclass(frozen=True, slots=True)
class StartKey:
    """Names one start: task, experiment number, attempt."""

    task: str
    number: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Command:
    """A row a console asked with, not yet done."""

    id: int
    verb: str
    arguments: Mapping[str, Any]


class Journal:
    """One writer. Each method is one transaction; a state change and its event are together."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._db = connection
        # Coroutines share the connection; without it their transactions would interleave.
        self._turn = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[Journal]:
        """Open, and migrate if needed. The caller holds the runner's lock."""
        async with connect(path, owner=True) as connection:
            yield cls(connection)

    # tasks

    async def add_task(self, task: NewTask) -> None:
        fields = dataclasses.asdict(task) | {"state": TaskState.QUEUED}
        async with self._transaction() as db:
            await _insert(db, "tasks", fields)
            await _event(db, "task.queued", task.id, None, {"name": task.name})

    async def set_task(
        self, task: str, state: TaskState | None = None, *, failure: Failure | None = None,
        **fields: object,
    ) -> None:  # fmt: skip
        """Change columns of a task; a new state becomes an event, and settles the failure."""
        if state:
            fields |= {"state": state, "failure": failure_text(failure)}
        async with self._transaction() as db:
            await _update(db, "tasks", {"id": task}, fields)
            if state:
                detail = {"failure": failure.message} if failure else {}
                await _event(db, f"task.{state}", task, None, detail)

    async def set_best(self, task: str, best: int | None, verdict: VerdictView | None) -> None:
        fields = {"best": best, "verdict": verdict_text(verdict)}
        async with self._transaction() as db:
            await _update(db, "tasks", {"id": task}, fields)

    async def spend(self, task: str, seconds: float) -> None:
        """Add working time to what the budget's duration is held against."""
        async with self._transaction() as db:
            await db.execute("UPDATE tasks SET spent = spent + ? WHERE id = ?", (seconds, task))

    async def spent(self, task: str) -> float:
        async with self._turn:
            rows = await self._db.execute_fetchall("SELECT spent FROM tasks WHERE id = ?", (task,))
        return float(next(iter(rows))[0])

    # experiments

    async def add_experiment(
        self, task: str, number: int, configuration: Configuration, *, baseline: bool, reason: str
    ) -> None:
        fields = {
            "task": task, "number": number, "key": configuration.key,
            "engine": configuration.engine, "parameters": json.dumps(configuration.parameters),
            "baseline": baseline, "state": ExperimentState.PENDING, "reason": reason,
        }  # fmt: skip
        async with self._transaction() as db:
            await _insert(db, "experiments", fields)
            await _update(db, "tasks", {"id": task}, {"note": reason})
            await _event(db, "experiment.pending", task, number, configuration.parameters)

    async def set_experiment(
        self, task: str, number: int, state: ExperimentState, *,
        failure: Failure | None = None, **fields: object,
    ) -> None:  # fmt: skip
        fields |= {"state": state, "failure": failure_text(failure)}
        detail = {"kind": failure.kind, "message": failure.message} if failure else {}
        async with self._transaction() as db:
            await _update(db, "experiments", {"task": task, "number": number}, fields)
            await _event(db, f"experiment.{state}", task, number, detail)

    # starts

    async def add_start(self, task: str, number: int, reason: StartReason) -> StartKey:
        """Write a start down before it happens; attempts count from 1."""
        query = "SELECT COALESCE(MAX(attempt), 0) + 1 FROM starts WHERE task = ? AND number = ?"
        async with self._transaction() as db:
            rows = list(await db.execute_fetchall(query, (task, number)))
            key = StartKey(task, number, int(rows[0][0]))
            fields = {"reason": reason, "state": "running", "started": time.time()}
            await _insert(db, "starts", dataclasses.asdict(key) | fields)
            await _event(db, "start.running", task, number, {"attempt": key.attempt})
        return key

    async def set_start(self, key: StartKey, **fields: object) -> None:
        async with self._transaction() as db:
            await _update(db, "starts", dataclasses.asdict(key), fields)

    async def end_start(self, key: StartKey, state: str, failure: Failure | None = None) -> None:
        """`state`: stopped, failed or interrupted. Its open phases end with it."""
        now = time.time()
        fields = {"state": state, "ended": now, "failure": failure_text(failure)}
        named = dataclasses.asdict(key)
        async with self._transaction() as db:
            await _update(db, "starts", named, fields)
            await _update(db, "phases", named | {"ended": None}, {"ended": now})
            await _delete(db, "leases", named)
            await _event(db, f"start.{state}", key.task, key.number, {"attempt": key.attempt})

    async def interrupt_open(self, task: str | None = None) -> None:
        """End what a dead or leaving runner left open: starts, and experiments in progress."""
        now, mine = time.time(), "" if task is None else " AND task = ?"
        named = () if task is None else (task,)
        active = "('preparing', 'starting', 'ready', 'benchmarking')"
        async with self._transaction() as db:
            for statement, values in (
                (f"UPDATE phases SET ended = ? WHERE ended IS NULL{mine}", (now,)),
                (f"DELETE FROM leases WHERE 1{mine}", ()),
                (
                    "UPDATE starts SET state = 'interrupted', ended = ?"
                    f" WHERE state = 'running'{mine}",
                    (now,),
                ),
                (f"UPDATE experiments SET state = 'interrupted' WHERE state IN {active}{mine}", ()),
            ):
                await db.execute(statement, (*values, *named))
            await _event(db, "interrupted", task, None, {})

    async def cancel_open(self, task: str) -> None:
        """A task was cancelled: what it had in progress or in mind is cancelled with it."""
        await self.interrupt_open(task)
        async with self._transaction() as db:
            await db.execute(
                "UPDATE experiments SET state = 'cancelled', ended = ?"
                " WHERE task = ? AND state IN ('pending', 'interrupted')",
                (time.time(), task),
            )
            fields = {"state": TaskState.CANCELLED, "ended": time.time()}
            await _update(db, "tasks", {"id": task}, fields)
            await _event(db, "task.cancelled", task, None, {})

    async def phase(
        self,
        key: StartKey,
        phase: Phase,
        progress: float | None = None,
        detail: str | None = None,
    ) -> None:
        """Enter a phase, ending those before it, or move its progress (0..1, and in words)."""
        now = time.time()
        named = dataclasses.asdict(key)
        async with self._transaction() as db:
            added = await db.execute(
                "INSERT INTO phases (task, number, attempt, phase, started) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                (key.task, key.number, key.attempt, phase, now),
            )
            if added.rowcount:
                await db.execute(
                    "UPDATE phases SET ended = ? WHERE task = ? AND number = ? AND attempt = ?"
                    " AND phase != ? AND ended IS NULL",
                    (now, key.task, key.number, key.attempt, phase),
                )
                entered = {"attempt": key.attempt, "phase": phase}
                await _event(db, "start.phase", key.task, key.number, entered)
            fields = {"progress": progress, "detail": detail}
            await _update(db, "phases", named | {"phase": phase}, fields)

    async def lease(self, key: StartKey, resource: str) -> bool:
        """Take a port or GPU for a start; False when another start has it."""
        fields = dataclasses.asdict(key) | {"resource": resource, "taken": time.time()}
        async with self._transaction() as db:
            query = "SELECT 1 FROM leases WHERE resource = ?"
            if list(await db.execute_fetchall(query, (resource,))):
                return False
            await _insert(db, "leases", fields)
        return True

    # measurements

    async def add_measurement(
        self, key: StartKey, data: Measurement, *, feasible: bool, breaches: tuple[str, ...]
    ) -> None:
        fields = dataclasses.asdict(key) | dict(measurement_columns(data))
        fields |= {"feasible": feasible, "breaches": json.dumps(breaches)}
        detail = {"scenario": data.scenario, "concurrency": data.concurrency}
        async with self._transaction() as db:
            await _insert(db, "measurements", fields)
            await _event(db, "measurement", key.task, key.number, detail)

    # commands

    async def open_commands(self) -> tuple[Command, ...]:
        query = "SELECT id, verb, arguments FROM commands WHERE done IS NULL ORDER BY id"
        async with self._turn:
            rows = await self._db.execute_fetchall(query)
        return tuple(Command(row["id"], row["verb"], json.loads(row["arguments"])) for row in rows)

    async def finish_command(self, command: Command, *, reply: str = "", error: str | None) -> None:
        fields = {"done": time.time(), "reply": reply, "error": error}
        async with self._transaction() as db:
            await _update(db, "commands", {"id": command.id}, fields)

    async def reopen_failed(self, task: str) -> int:
        """Make failed experiments pending again; returns how many."""
        async with self._transaction() as db:
            cursor = await db.execute(
                "UPDATE experiments SET state = 'pending', failure = NULL, ended = NULL"
                " WHERE task = ? AND state = 'failed'",
                (task,),
            )
            await _event(db, "task.retry", task, None, {"experiments": cursor.rowcount})
        return cursor.rowcount

    async def live(self, key: str, data: object) -> None:
        """Keep the newest of something a console shows: `gpus` or `containers`."""
        async with self._transaction() as db:
            await db.execute(
                "INSERT INTO live (key, at, data) VALUES (?, ?, ?)"
                " ON CONFLICT (key) DO UPDATE SET at = excluded.at, data = excluded.data",
                (key, time.time(), json.dumps(data)),
            )

    async def leased(self) -> frozenset[str]:
        """Resources that starts hold."""
        async with self._turn:
            rows = await self._db.execute_fetchall("SELECT resource FROM leases")
        return frozenset(row["resource"] for row in rows)

    async def console_seen(self) -> float:
        """When a console last gave a sign of life; 0 for never."""
        async with self._turn:
            rows = await self._db.execute_fetchall("SELECT MAX(seen) FROM consoles")
        return float(next(iter(rows))[0] or 0)

    async def event(self, kind: str, task: str | None = None, **detail: object) -> None:
        async with self._transaction() as db:
            await _event(db, kind, task, None, detail)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        async with self._turn:
            try:
                await self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                await self._db.execute("COMMIT")
            except BaseException:
                # A cancelled await leaves its statement queued; this one runs after it.
                with contextlib.suppress(sqlite3.OperationalError):
                    await self._db.execute("ROLLBACK")
                raise


async def _insert(db: aiosqlite.Connection, table: str, fields: Mapping[str, object]) -> None:
    names, marks = ", ".join(fields), ", ".join("?" * len(fields))
    await db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(fields.values()))


async def _update(
    db: aiosqlite.Connection, table: str, key: Mapping[str, object], fields: Mapping[str, object]
) -> None:
    if not fields:
        return
    changes = ", ".join(f"{name} = ?" for name in fields)
    await db.execute(
        f"UPDATE {table} SET {changes} WHERE {_where(key)}",
        (*fields.values(), *key.values()),
    )


async def _delete(db: aiosqlite.Connection, table: str, key: Mapping[str, object]) -> None:
    await db.execute(f"DELETE FROM {table} WHERE {_where(key)}", tuple(key.values()))


def _where(key: Mapping[str, object]) -> str:
    return " AND ".join(f"{name} IS ?" for name in key)


async def _event(
    db: aiosqlite.Connection,
    kind: str,
    task: str | None,
    number: int | None,
    detail: Mapping[str, object],
) -> None:
    await _insert(
        db,
        "events",
        {"at": time.time(), "kind": kind, "task": task, "number": number,
         "detail": json.dumps(detail)},
    )  # fmt: skip
