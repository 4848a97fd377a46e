"""The journal's tables and how they come to be. Times are UTC epoch seconds."""

from __future__ import annotations

import aiosqlite

from core.values import AutotunerError

VERSION = 4

METRICS = ("ttft", "tpot", "e2e")
STATISTICS = ("mean", "p50", "p90", "p95", "p99")
DISTRIBUTION_COLUMNS = tuple(f"{metric}_{stat}" for metric in METRICS for stat in STATISTICS)

_MEASUREMENTS = f"""
CREATE TABLE measurements (
    id INTEGER PRIMARY KEY, task TEXT NOT NULL, number INTEGER NOT NULL,
    attempt INTEGER NOT NULL, purpose TEXT NOT NULL, scenario TEXT NOT NULL,
    concurrency INTEGER NOT NULL, requests INTEGER NOT NULL, errors INTEGER NOT NULL,
    error_rate REAL NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
    duration REAL NOT NULL, throughput REAL, total_throughput REAL,
    {", ".join(f"{column} REAL" for column in DISTRIBUTION_COLUMNS)},
    attainment REAL, client_lag REAL, client_bound INTEGER NOT NULL, low_n INTEGER NOT NULL,
    feasible INTEGER NOT NULL, breaches TEXT NOT NULL, started REAL NOT NULL,
    ended REAL NOT NULL, failure TEXT, turn INTEGER NOT NULL DEFAULT 1, stopped TEXT,
    saturated INTEGER NOT NULL DEFAULT 0, cache_reset INTEGER, short INTEGER NOT NULL DEFAULT 0,
    UNIQUE (task, number, attempt, purpose, scenario, concurrency, turn),
    FOREIGN KEY (task, number, attempt) REFERENCES starts (task, number, attempt)
);"""

_RULED_OUT = """
CREATE INDEX events_ruled_out ON events (task, number)
    WHERE kind = 'configurations.ruled_out';"""

_TABLES = f"""
CREATE TABLE schema_version (version INTEGER NOT NULL);
CREATE TABLE tasks (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, state TEXT NOT NULL, engine TEXT NOT NULL,
    model TEXT NOT NULL, objective TEXT NOT NULL, unit TEXT NOT NULL,
    simulated INTEGER NOT NULL, planned INTEGER, submitted REAL NOT NULL, started REAL,
    ended REAL, spent REAL NOT NULL DEFAULT 0, deadline REAL, best INTEGER, verdict TEXT,
    failure TEXT, note TEXT NOT NULL DEFAULT '', expected REAL
);
CREATE TABLE experiments (
    task TEXT NOT NULL REFERENCES tasks (id), number INTEGER NOT NULL, key TEXT NOT NULL,
    engine TEXT NOT NULL, parameters TEXT NOT NULL, baseline INTEGER NOT NULL,
    state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', score REAL, feasible INTEGER,
    chosen INTEGER, failure TEXT, started REAL, ended REAL, confirmed TEXT, loads TEXT,
    least REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (task, number), UNIQUE (task, key)
);
CREATE TABLE starts (
    task TEXT NOT NULL, number INTEGER NOT NULL, attempt INTEGER NOT NULL,
    reason TEXT NOT NULL, state TEXT NOT NULL, pid INTEGER, pid_started REAL, container TEXT,
    started REAL NOT NULL, ready REAL, ended REAL, failure TEXT,
    PRIMARY KEY (task, number, attempt),
    FOREIGN KEY (task, number) REFERENCES experiments (task, number)
);
CREATE TABLE phases (
    task TEXT NOT NULL, number INTEGER NOT NULL, attempt INTEGER NOT NULL,
    phase TEXT NOT NULL, started REAL NOT NULL, ended REAL, progress REAL, detail TEXT,
    PRIMARY KEY (task, number, attempt, phase)
);
{_MEASUREMENTS}
CREATE TABLE events (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, task TEXT,
    number INTEGER, detail TEXT NOT NULL DEFAULT '{{}}'
);
CREATE INDEX events_by_task ON events (task, id);
{_RULED_OUT}
CREATE TABLE live (key TEXT PRIMARY KEY, at REAL NOT NULL, data TEXT NOT NULL);
CREATE TABLE consoles (id TEXT PRIMARY KEY, seen REAL NOT NULL);
CREATE TABLE commands (
    id INTEGER PRIMARY KEY, verb TEXT NOT NULL, arguments TEXT NOT NULL, asked REAL NOT NULL,
    done REAL, reply TEXT, error TEXT
);
CREATE INDEX commands_open ON commands (id) WHERE done IS NULL;
CREATE TABLE leases (
    resource TEXT PRIMARY KEY, task TEXT NOT NULL, number INTEGER NOT NULL,
    attempt INTEGER NOT NULL, taken REAL NOT NULL
);
CREATE TABLE presets (name TEXT PRIMARY KEY, data TEXT NOT NULL);
"""

_OLD = (
    "id, task, number, attempt, purpose, scenario, concurrency, requests, errors, error_rate, "
    "input_tokens, output_tokens, duration, throughput, total_throughput, "
    f"{', '.join(DISTRIBUTION_COLUMNS)}, attainment, client_lag, client_bound, low_n, feasible, "
    "breaches, started, ended, failure"
)

# From the version that is its place here, from 1, to the next. SQLite cannot widen a UNIQUE.
_STEPS = (
    f"""
ALTER TABLE tasks ADD COLUMN expected REAL;
ALTER TABLE experiments ADD COLUMN confirmed TEXT;
ALTER TABLE measurements RENAME TO measurements_1;
{_MEASUREMENTS}
INSERT INTO measurements ({_OLD}) SELECT {_OLD} FROM measurements_1;
DROP TABLE measurements_1;
""",
    _RULED_OUT,
    """
ALTER TABLE experiments ADD COLUMN loads TEXT;
ALTER TABLE experiments ADD COLUMN least REAL NOT NULL DEFAULT 0;
""",
)


class Newer(AutotunerError):
    """A newer program wrote this database: this one cannot do anything with it."""


async def found_version(connection: aiosqlite.Connection) -> int:
    """The database's version; 0 for a new one."""
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'"
    if not list(await connection.execute_fetchall(query)):
        return 0
    rows = list(await connection.execute_fetchall("SELECT version FROM schema_version"))
    return int(rows[0][0]) if rows else 0


async def refuse_newer(connection: aiosqlite.Connection) -> int:
    """The version, or Newer when a newer program wrote this database."""
    version = await found_version(connection)
    if version > VERSION:
        raise Newer(
            f"the journal has version {version}, this program knows up to {VERSION}; "
            "use the newer autotuner-tui, or another AUTOTUNER_HOME"
        )
    return version


async def migrate(connection: aiosqlite.Connection) -> None:
    """Bring the database to VERSION. Only the holder of the runner's lock may call this."""
    version = await refuse_newer(connection)
    if version == VERSION:
        return
    await connection.execute_fetchall("PRAGMA journal_mode = WAL")
    await connection.executescript(_script("".join(_STEPS[version - 1 :])) if version else new())


def new() -> str:
    """What makes an empty database a journal without rows."""
    return _script(_TABLES)


def _script(made: str) -> str:
    return (
        f"BEGIN IMMEDIATE; {made} DELETE FROM schema_version;"
        f" INSERT INTO schema_version VALUES ({VERSION}); COMMIT;"
    )
