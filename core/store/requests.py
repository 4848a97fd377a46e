"""What the journal keeps of what a person asks for: commands, and the changes they make."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.store.writing import Writer, event, experiment, next_number, update
from core.values import AutotunerError, Configuration, ExperimentState, TaskState

_ENDS = "('task.completed', 'task.failed', 'task.cancelled')"
_OPEN = "('pending', 'preparing', 'starting', 'ready', 'benchmarking', 'interrupted')"


@dataclass(frozen=True, slots=True)
class Command:
    """A row a console asked with, not yet done. `asked` is epoch seconds."""

    id: int
    verb: str
    arguments: Mapping[str, Any]
    asked: float = 0.0


class Requests(Writer):
    """Commands with their answers, and the writes of which an answer speaks."""

    async def open_commands(self) -> tuple[Command, ...]:
        found = await self.rows("SELECT * FROM commands WHERE done IS NULL ORDER BY id")
        return tuple(
            Command(row["id"], row["verb"], json.loads(row["arguments"]), row["asked"])
            for row in found
        )

    async def finish_command(self, command: Command, *, reply: str = "", error: str | None) -> None:
        fields = {"done": time.time(), "reply": reply, "error": error}
        async with self.transaction() as db:
            await update(db, "commands", {"id": command.id}, fields)

    async def add_by_hand(
        self, task: str, baseline: Configuration, configuration: Configuration, reason: str
    ) -> int:
        """Write a person's own configuration down, behind the baseline; returns its number.

        AutotunerError with the number when it is one of the task's experiments already.
        """
        known = "SELECT number, state FROM experiments WHERE task = ? AND key = ?"
        async with self.transaction() as db:
            number = await next_number(db, task)
            if number == 0:  # experiment 0 is the baseline, whatever else is tried
                why = "baseline: the defaults"
                await experiment(db, task, number, baseline, why, baseline=True)
                number += 1
            if same := list(await db.execute_fetchall(known, (task, configuration.key))):
                raise AutotunerError(_known(same[0]["number"], same[0]["state"]))
            await experiment(db, task, number, configuration, reason, baseline=False)
        return number

    async def reopen_failed(self, task: str, number: int | None = None) -> int:
        """Make failed experiments pending again, or one of them; returns how many."""
        one, values = ("", ()) if number is None else (" AND number = ?", (number,))
        async with self.transaction() as db:
            cursor = await db.execute(
                "UPDATE experiments SET state = 'pending', failure = NULL, started = NULL,"
                " ended = NULL"
                f" WHERE task = ? AND state = 'failed'{one}",
                (task, *values),
            )
            if cursor.rowcount:
                await event(db, "task.retry", task, None, {"experiments": cursor.rowcount})
        return cursor.rowcount

    async def requeue(self, task: str, *, only_open: bool = False) -> None:
        """Have a task go on. `only_open`: with what is pending, and then it ends again."""
        fields = {"state": TaskState.QUEUED, "failure": None, "ended": None}
        async with self.transaction() as db:
            await update(db, "tasks", {"id": task}, fields)
            detail = {"only_open": True} if only_open else {}
            await event(db, "task.queued", task, None, detail)

    async def only_open(self, task: str) -> bool:
        """Whether the task was queued, the last time, for what is pending alone."""
        found = await self.rows(
            "SELECT detail FROM events WHERE task = ? AND kind IN ('task.queued', 'task.budget')"
            " ORDER BY id DESC LIMIT 1",
            task,
        )
        return bool(found and json.loads(found[0]["detail"]).get("only_open"))

    async def has_open(self, task: str) -> bool:
        """Whether an experiment waits to be tried, or to be gone on with."""
        query = f"SELECT 1 FROM experiments WHERE task = ? AND state IN {_OPEN} LIMIT 1"
        return bool(await self.rows(query, task))

    async def set_budget(
        self, task: str, planned: int, deadline: float | None, detail: Mapping[str, object]
    ) -> None:
        """A new budget, which is in the task's file already."""
        async with self.transaction() as db:
            await update(db, "tasks", {"id": task}, {"planned": planned, "deadline": deadline})
            await event(db, "task.budget", task, None, detail)

    async def keys(self, task: str) -> frozenset[str]:
        """The identities of every configuration of a task."""
        found = await self.rows("SELECT key FROM experiments WHERE task = ?", task)
        return frozenset(row["key"] for row in found)

    async def set_preset(self, name: str, data: str, *, replace: bool) -> bool:
        """Store a preset; False, with nothing written, when its name is taken."""
        on = "DO UPDATE SET data = excluded.data" if replace else "DO NOTHING"
        async with self.transaction() as db:
            cursor = await db.execute(
                f"INSERT INTO presets (name, data) VALUES (?, ?) ON CONFLICT (name) {on}",
                (name, data),
            )
        return bool(cursor.rowcount)

    async def remove_preset(self, name: str) -> bool:
        """Forget a stored preset; False when there was none."""
        async with self.transaction() as db:
            cursor = await db.execute("DELETE FROM presets WHERE name = ?", (name,))
        return bool(cursor.rowcount)

    async def skipped_since(self, task: str, at: float) -> int | None:
        """The number of an experiment that was cancelled at or after a moment."""
        found = await self.rows(
            "SELECT number FROM events WHERE task = ? AND kind = 'experiment.cancelled'"
            " AND at >= ? ORDER BY id LIMIT 1",
            task,
            at,
        )
        return int(found[0]["number"]) if found else None

    async def left_since(self, task: str, at: float) -> tuple[str, ...]:
        """What starts that ended since a moment could not remove, and how a person does."""
        found = await self.rows(
            "SELECT detail FROM events WHERE task = ? AND kind IN ('start.ended', 'gpu.held')"
            " AND at >= ? ORDER BY id",
            task,
            at,
        )
        return tuple(one for row in found for one in json.loads(row["detail"]).get("left") or ())

    async def claim_hook(self, task: str) -> bool:
        """Whether this end of a task was not told to its hook before; it counts as told now."""
        async with self.transaction() as db:
            rows = await db.execute_fetchall(
                "SELECT MAX(CASE WHEN kind = 'hook.started' THEN id ELSE 0 END) AS told,"
                f" MAX(CASE WHEN kind IN {_ENDS} THEN id ELSE 0 END) AS ended,"
                " (SELECT state FROM tasks WHERE id = :task) AS state"
                " FROM events WHERE task = :task",
                {"task": task},
            )
            row = next(iter(rows))
            due = row["state"] is not None and TaskState(row["state"]).final
            if not due or row["ended"] <= row["told"]:
                return False
            await event(db, "hook.started", task, None, {})
        return True


def _known(number: int, state: str) -> str:
    text = f"this configuration is experiment {number} already"
    if state == ExperimentState.FAILED:
        return f"{text}; it failed, and can be tried again with retry"
    return text
