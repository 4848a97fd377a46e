"""Reading the journal: short reads into frozen views; never in the way of the runner."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import aiosqlite

from core.paths import Home
from core.store.connection import connect
from core.store.lock import runner_status
from core.store.rows import Row, failure_of, measurement_view, verdict_of
from core.store.schema import found_version
from core.store.views import (
    ExperimentView,
    MeasurementView,
    PhaseView,
    RunnerView,
    StartView,
    TaskDetail,
    TaskView,
)
from core.values import Event, ExperimentState, Phase, StartReason, TaskState

_TASKS = """
SELECT t.*,
    (SELECT COUNT(*) FROM experiments e WHERE e.task = t.id
     AND e.state IN ('succeeded', 'infeasible', 'failed', 'cancelled')) AS done,
    (SELECT score FROM experiments e WHERE e.task = t.id AND e.number = t.best) AS best_score,
    (SELECT score FROM experiments e WHERE e.task = t.id AND e.number = 0 AND e.feasible)
        AS baseline_score
FROM tasks t
"""
_NEWEST_FIRST = " ORDER BY submitted DESC, rowid DESC"


class Reader:
    """Read models of one home. Works, and shows nothing, before any runner was there."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._db: aiosqlite.Connection | None = None
        self._stack = AsyncExitStack()
        self._version: int | None = None
        # Coroutines share the connection, and so its transaction.
        self._turn = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def open(cls, home: Home) -> AsyncIterator[Reader]:
        """AutotunerError when the journal is of a newer program or no database."""
        reader = cls(home)
        async with reader._stack:
            await reader._connected()
            yield reader

    async def changed(self) -> bool:
        """Whether anything was written since the last call; cheap, true at first."""
        async with self._turn:
            db = await self._connected()
            if db is None:
                return False
            rows = list(await db.execute_fetchall("PRAGMA data_version"))
        version, self._version = self._version, int(rows[0][0])
        return version != self._version

    async def runner(self) -> RunnerView:
        return runner_status(self._home.lock)

    async def tasks(self) -> tuple[TaskView, ...]:
        """Every task, newest first."""
        return tuple(_task(row) for row in await self._rows(_TASKS + _NEWEST_FIRST))

    async def find(self, name: str) -> TaskView | None:
        """The task with this id, else the newest with this name."""
        query = _TASKS + " WHERE t.id = ? OR t.name = ? ORDER BY t.id = ? DESC, submitted DESC"
        rows = await self._rows(query + ", rowid DESC LIMIT 1", (name, name, name))
        return _task(rows[0]) if rows else None

    async def detail(self, task: str) -> TaskDetail | None:
        """A task with its experiments, starts and measurements; None when unknown."""
        tables = (
            ("experiments", "number"),
            ("starts", "number, attempt"),
            ("phases", "started, rowid"),
            ("measurements", "id"),
            ("events", "id"),
        )
        own = (f"SELECT * FROM {name} WHERE task = ? ORDER BY {order}" for name, order in tables)
        rows, *found = await self._read((_TASKS + " WHERE t.id = ?", *own), (task,))
        if not rows:
            return None
        *parts, events = found
        return TaskDetail(_task(rows[0]), _experiments(*parts), tuple(map(_event, events)))

    async def reply(self, command: int) -> tuple[bool, str, str | None]:
        """(done, reply, error) of a command that was asked."""
        query = "SELECT done, reply, error FROM commands WHERE id = ?"
        rows = await self._rows(query, (command,))
        row = rows[0]
        return row["done"] is not None, row["reply"] or "", row["error"]

    async def _rows(self, query: str, values: tuple[object, ...] = ()) -> list[Row]:
        (rows,) = await self._read((query,), values)
        return rows

    async def _read(
        self, queries: Sequence[str], values: tuple[object, ...]
    ) -> tuple[list[Row], ...]:
        """The rows of each query, all as they were at one moment."""
        async with self._turn:
            db = await self._connected()
            if db is None:
                return tuple([] for _ in queries)
            try:
                await db.execute("BEGIN")
                return tuple([list(await db.execute_fetchall(one, values)) for one in queries])
            finally:
                # A cancelled await leaves its statement queued; this one runs after it.
                with contextlib.suppress(sqlite3.OperationalError):
                    await db.execute("ROLLBACK")

    async def _connected(self) -> aiosqlite.Connection | None:
        """The connection; None while no runner has made the journal yet."""
        if self._db is None and self._home.database.exists():
            async with AsyncExitStack() as stack:
                db = await stack.enter_async_context(connect(self._home.database, owner=False))
                if await found_version(db) == 0:
                    return None
                self._stack.push_async_exit(stack.pop_all())
                self._db = db
        return self._db


def _experiments(
    experiments: list[Row], starts: list[Row], phases: list[Row], measured: list[Row]
) -> tuple[ExperimentView, ...]:
    views = []
    for row in experiments:
        number = row["number"]
        own = tuple(
            _start(s, [p for p in phases if _same_start(s, p)])
            for s in starts
            if s["number"] == number
        )
        data = tuple(measurement_view(m) for m in measured if m["number"] == number)
        views.append(_experiment(row, own, data))
    return tuple(views)


def _event(row: Row) -> Event:
    return Event(row["at"], row["kind"], row["task"], row["number"], json.loads(row["detail"]))


def _task(row: Row) -> TaskView:
    plain = (
        "id", "name", "engine", "model", "objective", "unit", "submitted", "started", "ended",
        "done", "planned", "best", "best_score", "baseline_score", "deadline", "note",
    )  # fmt: skip
    return TaskView(
        **{name: row[name] for name in plain},
        state=TaskState(row["state"]),
        simulated=bool(row["simulated"]),
        verdict=verdict_of(row["verdict"]),
        failure=failure_of(row["failure"]),
    )


def _same_start(start: Row, phase: Row) -> bool:
    return bool(start["number"] == phase["number"] and start["attempt"] == phase["attempt"])


def _start(row: Row, phases: list[Row]) -> StartView:
    plain = ("attempt", "state", "started", "ended", "ready", "pid")
    return StartView(
        **{name: row[name] for name in plain},
        reason=StartReason(row["reason"]),
        failure=failure_of(row["failure"]),
        phases=tuple(
            PhaseView(Phase(p["phase"]), p["started"], p["ended"], p["progress"]) for p in phases
        ),
    )


def _experiment(
    row: Row, starts: tuple[StartView, ...], measured: tuple[MeasurementView, ...]
) -> ExperimentView:
    plain = ("number", "score", "reason", "started", "ended", "chosen")
    return ExperimentView(
        **{name: row[name] for name in plain},
        state=ExperimentState(row["state"]),
        baseline=bool(row["baseline"]),
        parameters=json.loads(row["parameters"]),
        feasible=None if row["feasible"] is None else bool(row["feasible"]),
        failure=failure_of(row["failure"]),
        starts=starts,
        measurements=measured,
    )
