"""What can still be read of a damaged database, row by row."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from core.store.rows import failure_text
from core.values import ExperimentState, Failure, FailureKind, TaskState

# Before those that refer to them. What is of a moment only (`live`, `consoles`) is left.
_TABLES = (
    "tasks", "experiments", "starts", "phases", "measurements", "events", "commands", "leases",
    "presets",
)  # fmt: skip
_JSON = {
    "tasks": ("verdict", "failure"),
    "experiments": ("parameters", "failure", "confirmed", "loads"),
    "starts": ("failure",),
    "measurements": ("breaches", "failure"),
    "events": ("detail",),
    "commands": ("arguments",),
    "presets": ("data",),
}
_STATES = {"tasks": TaskState, "experiments": ExperimentState}
_MOST = 1_000_000
"""Rows that are looked for one by one between two readable ends."""

_GAP = Failure(
    FailureKind.UNKNOWN,
    "the journal was damaged, and this experiment could not be read",
    "the file with the damage is kept beside the journal",
)


@dataclass(slots=True)
class Salvaged:
    """Rows saved per table; how many could not be read, and whether there may be more."""

    saved: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    more: bool = False


def salvage(source: sqlite3.Connection, target: sqlite3.Connection) -> Salvaged:
    """Copy every readable row into a new journal, of whichever version the old one is.

    A row that refers to one that is lost is lost with it.
    """
    found = Salvaged()
    tables = {table: list(_sound(source, table, found)) for table in _TABLES}
    for table, rows in tables.items():
        known = {column[1] for column in target.execute(f"PRAGMA table_info({table})")}
        found.saved[table] = sum(_inserted(target, table, row, known, found) for row in rows)
        if table == "experiments":
            _fill_gaps(target, tables)
    return found


def _sound(source: sqlite3.Connection, table: str, found: Salvaged) -> Iterator[sqlite3.Row]:
    """Rows that can be read and that say something: a damaged page can look like a good one."""
    for row in _rows(source, table, found):
        if _says_something(table, row):
            yield row
        else:
            found.lost += 1


def _rows(source: sqlite3.Connection, table: str, found: Salvaged) -> Iterator[sqlite3.Row]:
    """From both ends up to the damage, and one by one between them."""
    low = 0
    query = f"SELECT rowid AS own_rowid, * FROM {table} ORDER BY rowid"
    try:
        for row in source.execute(query):
            low = row["own_rowid"]
            yield row
        return
    except sqlite3.DatabaseError:
        above = _from_above(source, f"{query} DESC", low)
    if above:
        yield from _between(source, table, range(low + 1, above[-1]["own_rowid"]), found)
        yield from reversed(above)
    else:
        found.lost += 1
        found.more = True


def _from_above(source: sqlite3.Connection, query: str, low: int) -> Sequence[sqlite3.Row]:
    rows: list[sqlite3.Row] = []
    try:
        for row in source.execute(query):
            if row["own_rowid"] <= low:
                break
            rows.append(row)
    except sqlite3.DatabaseError:
        pass
    return rows


def _between(
    source: sqlite3.Connection, table: str, numbers: range, found: Salvaged
) -> Iterator[sqlite3.Row]:
    found.more = found.more or len(numbers) > _MOST
    query = f"SELECT rowid AS own_rowid, * FROM {table} WHERE rowid = ?"
    for number in numbers[:_MOST]:
        try:
            row = source.execute(query, (number,)).fetchone()
        except sqlite3.DatabaseError:
            found.lost += 1
        else:
            if row is not None:
                yield row


def _says_something(table: str, row: sqlite3.Row) -> bool:
    try:
        if table in _STATES:
            _STATES[table](row["state"])
        for column in set(_JSON.get(table, ())) & set(row.keys()):
            if row[column] is not None:
                json.loads(row[column])
    except (ValueError, TypeError):
        return False
    return True


def _inserted(
    target: sqlite3.Connection, table: str, row: sqlite3.Row, known: set[str], found: Salvaged
) -> bool:
    names = [name for name in row.keys() if name in known]  # noqa: SIM118 (a Row is no mapping)
    marks = ", ".join("?" * len(names))
    try:
        target.execute(
            f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})",
            [row[name] for name in names],
        )
    except sqlite3.IntegrityError:
        found.lost += 1
        return False
    return True


def _fill_gaps(target: sqlite3.Connection, tables: dict[str, list[sqlite3.Row]]) -> None:
    """Experiments are numbered without gaps: where one is lost, one that was cancelled stands."""
    last: defaultdict[str, int] = defaultdict(lambda: -1)
    for table in ("experiments", "starts", "events"):
        for row in tables[table]:
            if row["number"] is not None:
                last[row["task"]] = max(last[row["task"]], row["number"])
    for task, engine in target.execute("SELECT id, engine FROM tasks").fetchall():
        query = "SELECT number FROM experiments WHERE task = ?"
        there = {row[0] for row in target.execute(query, (task,))}
        for number in set(range(last[task] + 1)) - there:
            target.execute(
                "INSERT INTO experiments (task, number, key, engine, parameters, baseline, state,"
                " reason, failure) VALUES (?, ?, ?, ?, '{}', ?, 'cancelled', '', ?)",
                (task, number, f"lost {number}", engine, number == 0, failure_text(_GAP)),
            )
