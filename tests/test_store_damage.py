"""A damaged journal: kept aside byte for byte, and gone on with what can be read of it."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from core.paths import Home
from core.store import damage
from core.store.connection import connect
from core.store.damage import Damaged
from core.store.journal import Journal
from core.store.lock import RunnerLock
from core.store.reader import Reader
from core.store.views import TaskDetail
from core.values import AutotunerError, ExperimentState
from tests.big_journal import add_finished, fill

COUNT = 300
TABLES = ("tasks", "experiments", "starts", "measurements", "events")
_PAGE = 4096


@pytest.fixture
def home(tmp_path: Path) -> Home:
    own = Home(tmp_path / "own").create()
    fill(own, COUNT)
    return own


def counts(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as db:
        query = "SELECT COUNT(*) FROM {} NOT INDEXED"
        return {one: db.execute(query.format(one)).fetchone()[0] for one in TABLES}


def leaves(path: Path, table: str) -> list[int]:
    """The numbers of the pages in which a table's rows lie, in the order of the rows."""
    with closing(sqlite3.connect(path)) as db:
        root = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    return _leaves(path.read_bytes(), root[0])


def _leaves(data: bytes, number: int) -> list[int]:
    page = data[(number - 1) * _PAGE : number * _PAGE]
    if page[0] == 13:
        return [number]
    assert page[0] == 5  # an inner page of a table
    cells = int.from_bytes(page[3:5], "big")
    places = [int.from_bytes(page[12 + 2 * i : 14 + 2 * i], "big") for i in range(cells)]
    children = [int.from_bytes(page[place : place + 4], "big") for place in places]
    children.append(int.from_bytes(page[8:12], "big"))
    return [leaf for child in children for leaf in _leaves(data, child)]


def spoil(path: Path, number: int) -> None:
    with path.open("r+b") as file:
        file.seek((number - 1) * _PAGE)
        file.write(b"\xff" * _PAGE)


def kept(home: Home) -> list[Path]:
    """Without the logs of writes that lay beside them."""
    found = sorted(home.root.glob("state.db.damaged-*"))
    return [one for one in found if not one.name.endswith(("-wal", "-shm"))]


async def reopened(home: Home) -> TaskDetail:
    async with Journal.open(home.database), Reader.open(home) as reader:
        (task,) = await reader.tasks()
        detail = await reader.detail(task.id)
    assert detail is not None
    return detail


async def told(home: Home) -> dict[str, object]:
    async with connect(home.database, owner=False) as db:
        query = "SELECT detail FROM events WHERE kind = 'journal.damaged'"
        rows = list(await db.execute_fetchall(query))
    found: dict[str, object] = json.loads(rows[0][0])
    assert len(rows) == 1
    return found


@pytest.mark.parametrize("place", [0, 5, -1], ids=["first", "middle", "last"])
async def test_only_what_lies_on_the_broken_page_is_lost(home: Home, place: int):
    before = counts(home.database)
    spoil(home.database, leaves(home.database, "measurements")[place])
    broken = home.database.read_bytes()
    with pytest.raises(Damaged, match=r"journal is damaged .* keeps the file aside"):
        async with Reader.open(home) as reader:
            await reader.detail("b1600000")
    await reopened(home)
    (aside,) = kept(home)
    assert aside.read_bytes() == broken
    after = counts(home.database)
    lost = before["measurements"] - after["measurements"]
    assert 0 < lost < 40
    assert after == before | {
        "measurements": before["measurements"] - lost,
        "events": before["events"] + 1,
    }
    said = await told(home)
    assert said["kept"] == str(aside)
    assert said["saved"]["measurements"] == after["measurements"]  # type: ignore[index]
    assert 0 < said["lost"] <= lost  # type: ignore[operator]


async def test_a_lost_experiment_leaves_no_gap(home: Home):
    spoil(home.database, leaves(home.database, "experiments")[3])
    detail = await reopened(home)
    assert [one.number for one in detail.experiments] == list(range(COUNT))
    gone = [one for one in detail.experiments if one.state is ExperimentState.CANCELLED]
    assert 0 < len(gone) < 60
    assert all(one.failure and "could not be read" in one.failure.message for one in gone)
    assert all(one.measurements for one in gone if one.starts)


async def test_what_is_no_database_is_kept_aside(home: Home):
    for name in ("-wal", "-shm"):
        home.database.with_name(home.database.name + name).unlink(missing_ok=True)
    home.database.write_bytes(b"precious" * 1000)
    with pytest.raises(Damaged, match="not a database"):
        async with Reader.open(home):
            pass
    assert home.database.read_bytes() == b"precious" * 1000
    async with Journal.open(home.database) as journal:
        await journal.event("still.alive")
    (aside,) = kept(home)
    assert aside.read_bytes() == b"precious" * 1000


async def test_an_empty_file_is_a_new_journal(tmp_path: Path):
    own = Home(tmp_path / "new").create()
    own.database.touch()
    async with Journal.open(own.database), Reader.open(own) as reader:
        assert await reader.tasks() == ()
    assert kept(own) == []


async def test_nothing_kept_is_ever_overwritten(home: Home, monkeypatch):
    monkeypatch.setattr(time, "strftime", lambda *_: "20260101-000000")
    for number in range(1, 4):
        home.database.write_bytes(b"damage %d" % number * 1000)
        async with Journal.open(home.database):
            pass
        assert [one.read_bytes() for one in kept(home)] == [
            b"damage %d" % one * 1000 for one in range(1, number + 1)
        ]


async def test_what_was_written_last_is_saved_too(home: Home):
    """It lies in the log of writes: that of a runner that was killed."""
    other = Home(home.root.parent / "killed").create()
    page = leaves(home.database, "measurements")[5]
    with closing(sqlite3.connect(home.database)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        number = add_finished(home, "b1600000")
        for suffix in ("", "-wal"):
            name = home.database.name + suffix
            shutil.copy(home.root / name, other.root / name)
    assert (other.root / "state.db-wal").stat().st_size
    spoil(other.database, page)
    log = (other.root / "state.db-wal").read_bytes()
    detail = await reopened(other)
    assert detail.experiments[-1].number == number
    (aside,) = kept(other)
    assert aside.with_name(f"{aside.name}-wal").read_bytes() == log


@pytest.mark.parametrize("step", range(4))
async def test_dying_on_the_way_loses_nothing(home: Home, monkeypatch, step: int):
    before = counts(home.database)["experiments"]
    spoil(home.database, leaves(home.database, "measurements")[5])
    broken = home.database.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", _dies(step))
        with pytest.raises(KeyboardInterrupt):
            damage.mend(home.database, 1.0)
    await reopened(home)
    assert counts(home.database)["experiments"] == before
    assert [one.read_bytes() for one in kept(home)] == [broken]
    assert not list(home.root.glob("*.sav*"))


def _dies(step: int) -> Callable[[Path, Path], Path]:
    """At the rename after so many."""
    done: list[Path] = []
    rename = Path.rename

    def renamed(self: Path, target: Path) -> Path:
        if len(done) == step:
            raise KeyboardInterrupt
        done.append(target)
        return rename(self, target)

    return renamed


async def test_an_open_reader_goes_over_to_the_new_one_and_leaves_it_alone(home: Home):
    async with Reader.open(home) as reader:
        await reader.tasks()
        spoil(home.database, leaves(home.database, "measurements")[5])
        async with Journal.open(home.database) as journal:
            await journal.event("after")
            assert await reader.changed()
            detail = await reader.detail("b1600000")
            # The old connection's end must not take the new journal's log of writes with it.
            assert (home.root / "state.db-wal").stat().st_size
            await journal.event("later")
        assert detail is not None
    async with connect(home.database, owner=False) as db:
        query = "SELECT COUNT(*) FROM events WHERE kind IN ('after', 'later')"
        assert next(iter(await db.execute_fetchall(query)))[0] == 2


async def test_a_runner_that_meets_damage_says_so(home: Home):
    async with Journal.open(home.database) as journal:
        for page in leaves(home.database, "tasks"):
            spoil(home.database, page)
        with pytest.raises(Damaged, match="the next runner keeps the file aside"):
            await journal.set_task("b1600000", note="at work")


async def test_a_locked_journal_is_said_in_a_line(home: Home, monkeypatch):
    monkeypatch.setattr("core.store.writing._LOCKED_SECONDS", 0.0)
    async with connect(home.database, owner=True, patience=0.1) as db:
        journal = Journal(db)
        with closing(sqlite3.connect(home.database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(AutotunerError, match="another program keeps the journal locked"):
                await journal.event("too.late")


async def test_a_runner_waits_until_a_locked_journal_is_free(home: Home):
    async with connect(home.database, owner=True, patience=0.05) as db:
        journal = Journal(db)
        with closing(sqlite3.connect(home.database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            writing = asyncio.ensure_future(journal.event("in.time"))
            await asyncio.sleep(0.4)
            assert not writing.done()
            other.execute("COMMIT")
        await writing


async def test_looking_costs_little(tmp_path: Path):
    """At ten times the usual size, of every start of a runner."""
    own = Home(tmp_path / "large").create()
    fill(own, 10_000)
    with RunnerLock(own.lock, "1.2.3"):
        began = time.monotonic()
        damage.mend(own.database, 1.0)
        assert time.monotonic() - began < 1.0
