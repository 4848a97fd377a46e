"""A journal of an earlier version is brought up to date, with everything that is in it."""

from __future__ import annotations

import dataclasses
import sqlite3
from pathlib import Path

import pytest

from core.metrics import Measurement
from core.paths import Home
from core.store import schema
from core.store.connection import connect
from core.store.journal import Journal, StartKey
from core.store.lock import RunnerLock
from core.store.reader import Reader
from core.values import AutotunerError, StartReason
from tests.samples import MEASURED

OLD = Path(__file__).with_name("journal_1.sql")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path).create()
    with sqlite3.connect(made.database) as db:
        db.executescript(OLD.read_text(encoding="utf-8"))
    db.close()
    return made


async def test_nothing_is_lost(home: Home) -> None:
    async with Journal.open(home.database) as journal, Reader.open(home) as reader:
        detail = await reader.detail("t1")
        assert await journal.spent("t1") == 60.5
    assert detail is not None
    assert detail.task.verdict is not None
    assert (detail.task.verdict.kind, detail.task.verdict.tied) == ("unconfirmed", ())
    (experiment,) = detail.experiments
    assert (experiment.score, experiment.confirmed) == (100.5, None)
    (view,) = experiment.measurements
    assert (view.data.throughput, view.data.ttft.p95, view.data.errors) == (100.5, 0.25, 1)
    assert (view.data.turn, view.data.saturated, view.data.cache_reset) == (1, False, None)


async def test_reading_it_without_a_runner_brings_it_up_to_date(home: Home) -> None:
    async with Reader.open(home) as reader:
        (task,) = await reader.tasks()
    assert (task.name, task.best_score, task.expected) == ("old", 100.5, None)


async def test_under_a_runner_of_another_version_it_is_left_alone(home: Home) -> None:
    with RunnerLock(home.lock, "0.0.1"):
        with pytest.raises(AutotunerError, match=r"runner of version 0\.0\.1 is at work"):
            async with Reader.open(home):
                pass
        async with connect(home.database, owner=False) as db:
            assert await schema.found_version(db) == 1


async def test_it_is_as_one_that_was_made_anew(home: Home, tmp_path: Path) -> None:
    async with Journal.open(home.database):
        pass
    fresh = tmp_path / "fresh.db"
    async with Journal.open(fresh):
        pass
    assert _tables(home.database) == _tables(fresh)


async def test_a_load_can_be_looked_at_twice_afterwards(home: Home) -> None:
    async with Journal.open(home.database) as journal:
        key = await journal.add_start("t1", 0, StartReason.CONFIRM)
        assert key == StartKey("t1", 0, 2)
        for turn in (1, 2):
            data = _turn(turn)
            await journal.add_measurement(key, data, feasible=True, breaches=())
        with pytest.raises(sqlite3.IntegrityError):
            await journal.add_measurement(key, _turn(2), feasible=True, breaches=())


async def test_only_the_holder_of_the_lock_migrates(home: Home) -> None:
    async with connect(home.database, owner=False) as db:
        assert await schema.found_version(db) == 1
    async with connect(home.database, owner=True) as db:
        assert await schema.found_version(db) == schema.VERSION


async def test_a_newer_journal_is_refused(home: Home) -> None:
    with sqlite3.connect(home.database) as db:
        db.execute("UPDATE schema_version SET version = ?", (schema.VERSION + 1,))
    db.close()
    with pytest.raises(AutotunerError, match="use the newer autotuner-tui"):
        async with Journal.open(home.database):
            pass


def _turn(turn: int) -> Measurement:
    return dataclasses.replace(MEASURED, turn=turn)


def _tables(path: Path) -> dict[str, list[tuple[str, str]]]:
    """Every table's columns with their types, in no particular order."""
    with sqlite3.connect(path) as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        found = {
            name: sorted((row[1], row[2]) for row in db.execute(f"PRAGMA table_info({name})"))
            for name in names
        }
    db.close()
    return found
