"""The runner's writes: everything that happens is written here before it is shown."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiosqlite

from core.metrics import Measurement
from core.store.connection import connect
from core.store.requests import Command as Command  # a part of the journal; others read it here
from core.store.requests import Requests
from core.store.rows import (
    confirmed_text,
    experiment_views,
    failure_text,
    measurement_columns,
    verdict_text,
)
from core.store.views import ConfirmedView, ExperimentView, VerdictView
from core.store.writing import delete, event, experiment, insert, next_number, update
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


class Journal(Requests):
    """One writer. Each method is one transaction; a state change and its event are together."""

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[Journal]:
        """Open, and migrate if needed. The caller holds the runner's lock."""
        async with connect(path, owner=True) as connection:
            yield cls(connection)

    # tasks

    async def add_task(self, task: NewTask) -> None:
        fields = dataclasses.asdict(task) | {"state": TaskState.QUEUED}
        async with self.transaction() as db:
            await insert(db, "tasks", fields)
            await event(db, "task.queued", task.id, None, {"name": task.name})

    async def set_task(
        self, task: str, state: TaskState | None = None, *, failure: Failure | None = None,
        **fields: object,
    ) -> None:  # fmt: skip
        """Change columns of a task; a new state becomes an event, and settles the failure."""
        if state:
            fields |= {"state": state, "failure": failure_text(failure)}
        async with self.transaction() as db:
            await update(db, "tasks", {"id": task}, fields)
            if state:
                detail = {"failure": failure.message} if failure else {}
                await event(db, f"task.{state}", task, None, detail)

    async def set_best(self, task: str, best: int | None, verdict: VerdictView | None) -> None:
        fields = {"best": best, "verdict": verdict_text(verdict)}
        async with self.transaction() as db:
            await update(db, "tasks", {"id": task}, fields)

    async def set_confirmed(self, task: str, number: int, confirmed: ConfirmedView | None) -> None:
        """What the repeats of an experiment came to so far."""
        fields = {"confirmed": confirmed_text(confirmed)}
        async with self.transaction() as db:
            await update(db, "experiments", {"task": task, "number": number}, fields)
            await event(db, "experiment.confirmed", task, number, {})

    async def skip_repeat(self, task: str, number: int) -> None:
        """A person wants no further repeats of an experiment: its interrupted one says so."""
        async with self.transaction() as db:
            await db.execute(
                "UPDATE starts SET state = 'cancelled' WHERE task = ? AND number = ?"
                " AND reason = 'confirm' AND state = 'interrupted'",
                (task, number),
            )
            await event(db, "start.cancelled", task, number, {})

    async def spend(self, task: str, seconds: float) -> None:
        """Add working time to what the budget's duration is held against."""
        async with self.transaction() as db:
            await db.execute("UPDATE tasks SET spent = spent + ? WHERE id = ?", (seconds, task))

    async def spent(self, task: str) -> float:
        rows = await self.rows("SELECT spent FROM tasks WHERE id = ?", task)
        return float(rows[0]["spent"])

    # experiments

    async def add_experiment(
        self, task: str, number: int, configuration: Configuration, *, baseline: bool, reason: str,
        loads: Mapping[str, int] | None = None, least: float = 0.0,
    ) -> bool:  # fmt: skip
        """Write an experiment down before it is tried; `loads`: where the search for the best
        load of a scenario begins; `least`: what each of its measurements has to promise.

        False, with nothing written, when another took its number: `number` tells how many
        there were when this configuration was chosen.
        """
        async with self.transaction() as db:
            if await next_number(db, task) != number:
                return False
            await experiment(
                db, task, number, configuration, reason,
                baseline=baseline, loads=loads, least=least,
            )  # fmt: skip
            await update(db, "tasks", {"id": task}, {"note": reason})
        return True

    async def experiments(self, task: str) -> tuple[ExperimentView, ...]:
        """Every experiment by its number, without its starts and measurements."""
        query = "SELECT * FROM experiments WHERE task = ? ORDER BY number"
        return experiment_views(await self.rows(query, task), [], [], [], [])

    async def set_experiment(
        self, task: str, number: int, state: ExperimentState, *,
        failure: Failure | None = None, **fields: object,
    ) -> None:  # fmt: skip
        fields |= {"state": state, "failure": failure_text(failure)}
        detail = {"kind": failure.kind, "message": failure.message} if failure else {}
        async with self.transaction() as db:
            await update(db, "experiments", {"task": task, "number": number}, fields)
            await event(db, f"experiment.{state}", task, number, detail)

    async def rescore(self, task: str, number: int, **fields: object) -> None:
        """An experiment that has ended came to something else, by later measurements."""
        async with self.transaction() as db:
            await update(db, "experiments", {"task": task, "number": number}, fields)
            await event(db, "experiment.rescored", task, number, {})

    # starts

    async def add_start(self, task: str, number: int, reason: StartReason) -> StartKey:
        """Write a start down before it happens; attempts count from 1."""
        query = "SELECT COALESCE(MAX(attempt), 0) + 1 FROM starts WHERE task = ? AND number = ?"
        async with self.transaction() as db:
            rows = list(await db.execute_fetchall(query, (task, number)))
            key = StartKey(task, number, int(rows[0][0]))
            fields = {"reason": reason, "state": "running", "started": time.time()}
            await insert(db, "starts", dataclasses.asdict(key) | fields)
            await event(db, "start.running", task, number, {"attempt": key.attempt})
        return key

    async def set_start(self, key: StartKey, **fields: object) -> None:
        async with self.transaction() as db:
            await update(db, "starts", dataclasses.asdict(key), fields)

    async def end_start(self, key: StartKey, state: str, failure: Failure | None = None) -> None:
        """`state`: stopped, failed or interrupted. Its open phases end with it."""
        now = time.time()
        fields = {"state": state, "ended": now, "failure": failure_text(failure)}
        named = dataclasses.asdict(key)
        async with self.transaction() as db:
            await update(db, "starts", named, fields)
            await update(db, "phases", named | {"ended": None}, {"ended": now})
            await delete(db, "leases", named)
            await event(db, f"start.{state}", key.task, key.number, {"attempt": key.attempt})

    async def interrupt_open(self, task: str | None = None, spare: StartKey | None = None) -> None:
        """End what a dead or leaving runner left open: starts, and experiments in progress.

        `spare`: the one whose experiment is gone on with.
        """
        now, where, named = time.time(), "", tuple[object, ...]()
        if task is not None:
            where, named = " AND task = ?", (task,)
        if spare is not None:
            where += " AND NOT (task = ? AND number = ?)"
            named += (spare.task, spare.number)
        active = "('preparing', 'starting', 'ready', 'benchmarking')"
        async with self.transaction() as db:
            for statement, values in (
                (f"UPDATE phases SET ended = ? WHERE ended IS NULL{where}", (now,)),
                (f"DELETE FROM leases WHERE 1{where}", ()),
                (
                    "UPDATE starts SET state = 'interrupted', ended = ?"
                    f" WHERE state = 'running'{where}",
                    (now,),
                ),
                (
                    f"UPDATE experiments SET state = 'interrupted' WHERE state IN {active}{where}",
                    (),
                ),
            ):
                await db.execute(statement, (*values, *named))
            await event(db, "interrupted", task, None, {})

    async def cancel_open(self, task: str) -> None:
        """A task was cancelled: what it had in progress or in mind is cancelled with it."""
        await self.interrupt_open(task)
        async with self.transaction() as db:
            await db.execute(
                "UPDATE experiments SET state = 'cancelled', ended = ?"
                " WHERE task = ? AND state IN ('pending', 'interrupted')",
                (time.time(), task),
            )
            fields = {"state": TaskState.CANCELLED, "ended": time.time()}
            await update(db, "tasks", {"id": task}, fields)
            await event(db, "task.cancelled", task, None, {})

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
        async with self.transaction() as db:
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
                await event(db, "start.phase", key.task, key.number, entered)
            fields = {"progress": progress, "detail": detail}
            await update(db, "phases", named | {"phase": phase}, fields)

    async def lease(self, key: StartKey, resource: str) -> bool:
        """Take a port or GPU for a start; False when another start has it."""
        fields = dataclasses.asdict(key) | {"resource": resource, "taken": time.time()}
        async with self.transaction() as db:
            query = "SELECT 1 FROM leases WHERE resource = ?"
            if list(await db.execute_fetchall(query, (resource,))):
                return False
            await insert(db, "leases", fields)
        return True

    # measurements

    async def add_measurement(
        self, key: StartKey, data: Measurement, *, feasible: bool, breaches: tuple[str, ...]
    ) -> None:
        fields = dataclasses.asdict(key) | dict(measurement_columns(data))
        fields |= {"feasible": feasible, "breaches": json.dumps(breaches)}
        detail = {
            "scenario": data.scenario, "concurrency": data.concurrency, "attempt": key.attempt,
            "purpose": data.purpose, "turn": data.turn,
        }  # fmt: skip

        async def write(db: aiosqlite.Connection) -> None:
            await insert(db, "measurements", fields)
            await event(db, "measurement", key.task, key.number, detail)

        await self.surely(write)

    # the machine, consoles, anything else

    async def live(self, key: str, data: object) -> None:
        """Keep the newest of something a console shows: `gpus` or `containers`."""
        async with self.transaction() as db:
            await db.execute(
                "INSERT INTO live (key, at, data) VALUES (?, ?, ?)"
                " ON CONFLICT (key) DO UPDATE SET at = excluded.at, data = excluded.data",
                (key, time.time(), json.dumps(data)),
            )

    async def leased(self) -> frozenset[str]:
        """Resources that starts hold."""
        return frozenset(row["resource"] for row in await self.rows("SELECT resource FROM leases"))

    async def console_seen(self) -> float:
        """When a console last gave a sign of life; 0 for never."""
        return float((await self.rows("SELECT MAX(seen) FROM consoles"))[0][0] or 0)

    async def ruled_out(self, task: str) -> frozenset[tuple[int | None, str]]:
        """Causes that were written down: the experiment that failed, and the kind of failure."""
        query = "SELECT number, detail FROM events WHERE kind = 'configurations.ruled_out'"
        rows = await self.rows(f"{query} AND task = ?", task)
        return frozenset((row["number"], json.loads(row["detail"])["cause"]) for row in rows)

    async def event(
        self, kind: str, task: str | None = None, number: int | None = None, **detail: object
    ) -> None:
        async with self.transaction() as db:
            await event(db, kind, task, number, detail)
