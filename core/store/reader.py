"""Reading the journal: short reads into frozen views; never in the way of the runner."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from array import array
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TypeVar

import aiosqlite

from core.paths import Home
from core.store import results
from core.store.connection import connect, frozen
from core.store.expected import expecting
from core.store.faults import Unwritable, plainly
from core.store.gpus import GpuCount
from core.store.lock import runner_status
from core.store.mark import MARK
from core.store.overview import REVISION, Standing
from core.store.rows import (
    Row,
    command_view,
    event_view,
    experiment_views,
    fetch,
    live_view,
    task_view,
)
from core.store.schema import VERSION, found_version
from core.store.upgrade import brought_up
from core.store.views import (
    CommandView,
    ExperimentView,
    LiveView,
    Overview,
    Point,
    ResultPage,
    ResultQuery,
    RunnerView,
    TaskDetail,
    TaskView,
)

_DONE = """(SELECT COUNT(*) FROM experiments e WHERE e.task = t.id
    AND e.state IN ('succeeded', 'infeasible', 'failed', 'cancelled'))"""
# Repeats tell more than the one measurement with which an experiment was found.
_SCORE = "COALESCE(json_extract(e.confirmed, '$.score'), e.score)"
_TASKS = f"""SELECT t.*, {{done}} AS done,
    (SELECT {_SCORE} FROM experiments e WHERE e.task = t.id AND e.number = t.best) AS best_score,
    (SELECT {_SCORE} FROM experiments e WHERE e.task = t.id AND e.number = 0 AND e.feasible)
        AS baseline_score
FROM tasks t"""
_WITH_DONE = _TASKS.format(done=_DONE)
_PARTS = (
    ("experiments", "number"),
    ("starts", "number, attempt"),
    ("phases", "rowid"),
    ("measurements", "id"),
)
_RULED_OUT = """SELECT number, SUM(json_extract(detail, '$.count')) AS count FROM events
    WHERE kind = 'configurations.ruled_out' AND number IS NOT NULL AND task = :task"""
MACHINE = "machine"
"""The kind of the event that names the GPUs which a task begins on."""

_SOME = " AND number IN (SELECT value FROM json_each(:numbers))"
_K = TypeVar("_K")
_V = TypeVar("_V")
_PATIENCE = 1.0  # seconds; readers only ever wait for a file that is locked as a whole
_KEPT_TASKS, _KEPT_ORDERS = 8, 4


class Reader:
    """Read models of one home. Works, and shows nothing, before any runner was there.

    Each answer is as the journal was at one moment.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._db: aiosqlite.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._frozen = False
        self._stack = AsyncExitStack()
        self._version: int | None = None
        # Coroutines share the connection, and so its transaction.
        self._turn = asyncio.Lock()
        self._gpus = GpuCount()
        # What only depends on a task's events, for the tasks and queries asked for last.
        self._standings: OrderedDict[str, Standing] = OrderedDict()
        self._orders: OrderedDict[tuple[str, str], tuple[int, array[int]]] = OrderedDict()

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
            with plainly(self._home.database):
                rows = list(await db.execute_fetchall("PRAGMA data_version"))
        version, self._version = self._version, int(rows[0][0])
        return version != self._version

    async def mark(self) -> object:
        """Differs from the last one when anything was written but `live` and signs of life."""
        return tuple(tuple(row) for row in await self._rows(MARK))

    async def runner(self) -> RunnerView:
        return runner_status(self._home.lock)

    async def tasks(self) -> tuple[TaskView, ...]:
        """Every task, newest first."""
        rows = await self._rows(_WITH_DONE + " ORDER BY submitted DESC, rowid DESC")
        return tuple(map(task_view, rows))

    async def find(self, name: str) -> TaskView | None:
        """The task with this id, else the newest with this name."""
        rows = await self._rows(
            f"{_WITH_DONE} WHERE t.id = :name OR t.name = :name"
            " ORDER BY t.id = :name DESC, submitted DESC, rowid DESC LIMIT 1",
            {"name": name},
        )
        return task_view(rows[0]) if rows else None

    async def detail(self, task: str) -> TaskDetail | None:
        """A task with its experiments, starts and measurements; None when unknown."""
        own = {"task": task}
        async with self._moment() as db:
            if db is None:
                return None
            rows = await fetch(db, _WITH_DONE + " WHERE t.id = :task", own)
            parts = await _parts(db, own)
            events = await fetch(db, "SELECT * FROM events WHERE task = :task ORDER BY id", own)
        if not rows:
            return None
        # In a thread: thousands of experiments take seconds, and the runner reads this too.
        views = await asyncio.to_thread(experiment_views, *parts)
        told = await asyncio.to_thread(lambda: tuple(map(event_view, events)))
        return TaskDetail(task_view(rows[0]), views, told)

    async def overview(self, task: str) -> Overview | None:
        """What is always shown of a task; cheap however many experiments it has."""
        async with self._moment() as db:
            standing = await self._standing(db, task) if db else None
            if db is None or standing is None:
                return None
            values = {"task": task, "done": standing.done}
            rows = await fetch(db, _TASKS.format(done=":done") + " WHERE t.id = :task", values)
            view = task_view(rows[0])
            numbers = [number for number in (standing.busy, view.best) if number is not None]
            parts = await _parts(db, {"task": task, "numbers": json.dumps(numbers)})
            shown = {one.number: one for one in experiment_views(*parts)}
            if standing.busy in shown:
                shown[standing.busy] = await expecting(db, task, shown[standing.busy])
        return Overview(
            view,
            busy=None if standing.busy is None else shown.get(standing.busy),
            best=None if view.best is None else shown.get(view.best),
            flags=standing.flags,
            steps=standing.steps,
            experiments=standing.experiments,
            revision=standing.revision,
        )

    async def results(self, task: str, query: ResultQuery, offset: int, limit: int) -> ResultPage:
        """Rows `offset` to `offset + limit` of the results in the query's order."""
        offset = max(0, offset)
        async with self._moment() as db:
            if db is None:
                return ResultPage()
            order = await self._order(db, task, query)
            window = order[offset : offset + max(0, limit)].tolist()
            values = {"task": task, "numbers": json.dumps(window)}
            found = [await fetch(db, one, values) for one in results.WINDOW]
            total = await fetch(db, results.TOTAL, {"task": task})
        rows = results.result_rows(window, *found)
        return ResultPage(rows, offset, len(order), int(total[0]["total"]))

    async def place(self, task: str, query: ResultQuery, number: int) -> int | None:
        """The row of an experiment in the query's order; None when it is not in it."""
        async with self._moment() as db:
            order = await self._order(db, task, query) if db else array("q")
        return order.index(number) if number in order else None

    async def experiment(self, task: str, number: int) -> ExperimentView | None:
        """One experiment with its starts and measurements; None when unknown."""
        async with self._moment() as db:
            if db is None:
                return None
            parts = await _parts(db, {"task": task, "numbers": json.dumps([number])})
            view = next(iter(experiment_views(*parts)), None)
            return await expecting(db, task, view) if view else None

    async def experiments(self, task: str, numbers: Sequence[int]) -> tuple[ExperimentView, ...]:
        """Those of some numbers, with their starts and measurements, in the order of numbers."""
        if not numbers:
            return ()
        async with self._moment() as db:
            if db is None:
                return ()
            parts = await _parts(db, {"task": task, "numbers": json.dumps(list(numbers))})
        return await asyncio.to_thread(experiment_views, *parts)

    async def machines(self) -> dict[str, tuple[str, ...]]:
        """By task: the names of the GPUs that it ran on, none for the CPU; as it first began."""
        query = "SELECT task, detail FROM events WHERE kind = :kind ORDER BY id DESC"
        rows = await self._rows(query, {"kind": MACHINE})
        return {row["task"]: tuple(json.loads(row["detail"])["gpus"]) for row in rows}

    async def points(self, task: str) -> tuple[Point, ...]:
        """Every experiment of a task as plots need it, by number."""
        rows = await self._rows(results.POINTS, {"task": task})
        return await asyncio.to_thread(results.points, rows, self._gpus)

    async def commands(self) -> tuple[CommandView, ...]:
        """What the runner was asked and has not answered yet, oldest first."""
        rows = await self._rows("SELECT * FROM commands WHERE done IS NULL ORDER BY id")
        return tuple(map(command_view, rows))

    async def live(self) -> LiveView:
        """GPUs and containers as the runner last saw them; empty while it keeps none."""
        rows = {row["key"]: row for row in await self._rows("SELECT * FROM live")}
        return live_view(rows)

    async def presets(self) -> dict[str, str]:
        """The texts of the stored presets, by name."""
        rows = await self._rows("SELECT name, data FROM presets ORDER BY name")
        return {row["name"]: row["data"] for row in rows}

    async def reply(self, command: int) -> tuple[bool, str, str | None]:
        """(done, reply, error) of a command that was asked."""
        query = "SELECT done, reply, error FROM commands WHERE id = :id"
        row = (await self._rows(query, {"id": command}))[0]
        return row["done"] is not None, row["reply"] or "", row["error"]

    async def _standing(self, db: aiosqlite.Connection, task: str) -> Standing | None:
        """How the experiments of a task stand; None when there is no such task."""
        standing = self._standings.pop(task, None)
        if standing is None:
            query = "SELECT objective FROM tasks WHERE id = :task"
            rows = await fetch(db, query, {"task": task})
            if not rows:
                return None
            standing = Standing(task, rows[0]["objective"])
        _keep(self._standings, task, standing, _KEPT_TASKS)
        await standing.refresh(db)
        return standing

    async def _order(self, db: aiosqlite.Connection, task: str, query: ResultQuery) -> array[int]:
        """The numbers that meet a query, in its order: sorted once per query and revision."""
        # Not the query itself: to a dictionary True and 1 are the same value.
        key = task, repr(query)
        revision = int((await fetch(db, REVISION, {"task": task}))[0]["revision"])
        found = self._orders.pop(key, None)
        if found is None or found[0] != revision:
            statement = results.order(task, query)
            rows = await fetch(db, statement.sql, statement.values)
            found = revision, array("q", [row["number"] for row in rows])
        _keep(self._orders, key, found, _KEPT_ORDERS)
        return found[1]

    async def _rows(self, query: str, values: Mapping[str, object] | None = None) -> list[Row]:
        async with self._moment() as db:
            return await fetch(db, query, values or {}) if db else []

    @asynccontextmanager
    async def _moment(self) -> AsyncIterator[aiosqlite.Connection | None]:
        """A transaction that sees the journal as it is now; None while there is no journal."""
        async with self._turn:
            db = await self._connected()
            if db is None:
                yield None
                return
            try:
                with plainly(self._home.database):
                    await db.execute("BEGIN")
                    yield db
            finally:
                # A cancelled await leaves its statement queued; this one runs after it.
                with contextlib.suppress(sqlite3.OperationalError):
                    await db.execute("ROLLBACK")

    async def _connected(self) -> aiosqlite.Connection | None:
        """The connection; None while no runner has made the journal yet."""
        file = _identity(self._home.database)
        if self._db is not None and (self._frozen or file != self._file):
            # A damaged journal was kept aside, or it may be possible to write again.
            await self._stack.aclose()
            self._db = self._version = None
        if self._db is None and file is not None:
            await self._connect(file)
        return self._db

    async def _connect(self, file: tuple[int, int]) -> None:
        async with AsyncExitStack() as stack:
            db, still = await self._opened(stack)
            version = await found_version(db)
            if version == 0 or (version < VERSION and not await brought_up(self._home)):
                return
            await db.create_function("gpus_of", 2, self._gpus, deterministic=True)
            self._stack.push_async_exit(stack.pop_all())
            self._db, self._file, self._frozen = db, file, still

    async def _opened(self, stack: AsyncExitStack) -> tuple[aiosqlite.Connection, bool]:
        """Readers share a file, too. Where it cannot be made, the journal is read as it lies."""
        path = self._home.database
        try:
            opened = connect(path, owner=False, patience=_PATIENCE)
            return await stack.enter_async_context(opened), False
        except Unwritable:
            log = path.with_name(f"{path.name}-wal")
            if log.exists() and log.stat().st_size:
                raise
            return await stack.enter_async_context(frozen(path)), True


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from another of its name; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


async def _parts(
    db: aiosqlite.Connection, values: Mapping[str, object]
) -> tuple[list[Row], list[Row], list[Row], list[Row], list[Row]]:
    """Experiments, starts, phases, measurements and what the failures ruled out: of `numbers`
    where they are given.
    """
    some = _SOME if "numbers" in values else ""
    found = [
        await fetch(db, f"SELECT * FROM {table} WHERE task = :task{some} ORDER BY {order}", values)
        for table, order in _PARTS
    ]
    experiments, starts, phases, measured = found
    ruled_out = await fetch(db, f"{_RULED_OUT}{some} GROUP BY number", values)
    return experiments, starts, phases, measured, ruled_out


def _keep(kept: OrderedDict[_K, _V], key: _K, value: _V, most: int) -> None:
    """As the newest, dropping the oldest of too many."""
    kept[key] = value
    while len(kept) > most:
        kept.popitem(last=False)
