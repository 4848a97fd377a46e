"""A full disk, and one that became read-only, on a real one: what is said, and what is kept."""

from __future__ import annotations

import dataclasses
import errno
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.paths import Home
from core.runner import room
from core.runner.live import Live
from core.store import ask, reserve
from core.store.faults import DiskFull, Unwritable, full
from core.store.journal import Journal, StartKey
from core.store.lock import RunnerLock, runner_status
from core.store.reader import Reader
from core.values import Configuration, FailureKind, StartReason, TaskState
from tests.samples import MEASURED
from tests.small_disk import fill, remount, small_disk
from tests.test_store import task

LARGE = "x" * 200_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Home]:
    with small_disk(tmp_path / "disk") as folder:
        yield Home(folder).create()


async def a_start(journal: Journal) -> StartKey:
    await journal.add_task(task())
    await journal.set_task("t1", TaskState.RUNNING)
    configuration = Configuration.of("simulated", {})
    await journal.add_experiment("t1", 0, configuration, baseline=True, reason="baseline")
    return await journal.add_start("t1", 0, StartReason.SEARCH)


async def overfill(journal: Journal) -> None:
    """Until the journal cannot be written."""
    while True:
        await journal.event("filler", text=LARGE)


async def test_a_full_disk_is_said_and_leaves_room_to_say_more(disk: Home):
    async with Journal.open(disk.database) as journal:
        await a_start(journal)
        filling = fill(disk.root)
        with pytest.raises(
            DiskFull, match=r"the disk of .* is full: .* MB left; make room"
        ) as raised:
            await overfill(journal)
        failure = raised.value.failure
        assert failure.kind is FailureKind.DISK
        assert not (disk.root / reserve.NAME).exists()
        await journal.set_task("t1", TaskState.PAUSED, failure=failure)
        async with Reader.open(disk) as reader:
            found = await reader.find("t1")
            assert found is not None
            assert (found.state, found.failure) == (TaskState.PAUSED, failure)
            filling.unlink()
            await journal.set_task("t1", TaskState.QUEUED)
            assert room.short(disk) is None
        assert (disk.root / reserve.NAME).stat().st_size == reserve.SIZE


async def test_no_measurement_is_lost_to_the_first_full_write(disk: Home):
    async with Journal.open(disk.database) as journal:
        key = await a_start(journal)
        filling = fill(disk.root)
        with pytest.raises(DiskFull):
            await overfill(journal)
        # The writes above had the reserve: give it back, and take every other byte again.
        filling.unlink()
        reserve.hold(disk.root)
        fill(disk.root)
        count = 0
        while (disk.root / reserve.NAME).exists():
            count += 1
            data = dataclasses.replace(MEASURED, concurrency=count, scenario=LARGE)
            await journal.add_measurement(key, data, feasible=True, breaches=())
        async with Reader.open(disk) as reader:
            found = await reader.experiment("t1", 0)
        assert found is not None
        assert len(found.measurements) == count


async def test_a_runner_can_begin_on_a_full_disk(disk: Home):
    """Only to say so: the tasks that wait are paused and not failed."""
    async with Journal.open(disk.database) as journal:
        await a_start(journal)
    fill(disk.root)
    with RunnerLock(disk.lock, "1.2.3"):
        view = runner_status(disk.lock)
        assert (view.alive, view.version) == (True, "1.2.3")
        async with Journal.open(disk.database) as journal:
            short = room.short(disk)
            assert short is not None
            assert short.kind is FailureKind.DISK
            assert re.fullmatch(
                rf"the disk of {disk.root} is full: [01]\.\d MB left", short.message
            )
            await journal.set_task("t1", TaskState.PAUSED, failure=short)


async def test_a_full_disk_can_be_read_without_a_runner(disk: Home):
    async with Journal.open(disk.database) as journal:
        await a_start(journal)
    filling = fill(disk.root)
    async with Reader.open(disk) as reader:
        assert [one.id for one in await reader.tasks()] == ["t1"]
        with pytest.raises(DiskFull):
            await ask.heartbeat(disk.database, "c")
        with pytest.raises(DiskFull):
            await ask.insert_command(disk.database, "cancel", {"text": LARGE})
        filling.unlink()
        async with Journal.open(disk.database) as journal:
            await journal.add_task(task("t2", submitted=2.0))
            assert await reader.changed()
            assert [one.id for one in await reader.tasks()] == ["t2", "t1"]


async def test_a_home_that_became_read_only(disk: Home):
    async with Journal.open(disk.database) as journal:
        await a_start(journal)
    remount(disk.root, "ro")
    async with Reader.open(disk) as reader:
        assert [one.id for one in await reader.tasks()] == ["t1"]
    with pytest.raises(Unwritable, match=r"not writable .*set AUTOTUNER_HOME to another"):
        await ask.insert_command(disk.database, "cancel", {})
    with pytest.raises(Unwritable, match="not writable"):
        async with Journal.open(disk.database):
            pass
    short = room.short(disk)
    assert short is not None
    assert (short.kind, "read-only" in short.message) == (FailureKind.PERMISSION, True)
    remount(disk.root, "rw")
    assert room.short(disk) is None


async def test_what_consoles_show_can_wait_for_room(disk: Home, monkeypatch):
    async with Journal.open(disk.database) as journal:
        live = Live(disk, journal, None)  # type: ignore[arg-type]
        monkeypatch.setattr(Journal, "console_seen", _full(disk))
        await live.look()
        monkeypatch.setattr(Journal, "console_seen", _broken)
        with pytest.raises(ZeroDivisionError):
            await live.look()


def _full(home: Home):
    async def console_seen(_: object) -> float:
        raise DiskFull(full(home.root).failure)

    return console_seen


async def _broken(_: object) -> float:
    raise ZeroDivisionError


def test_no_reserve_is_kept_where_there_is_little_room(tmp_path: Path):
    with small_disk(tmp_path / "tiny", megabytes=4) as folder:
        reserve.hold(folder)
        assert list(folder.iterdir()) == []
        assert not reserve.release(folder)


@pytest.mark.parametrize("wrapped", ["plain", "cause", "context", "group"])
def test_a_full_disk_is_found_behind_other_errors(disk: Home, wrapped: str):
    cause = OSError(errno.ENOSPC, "No space left on device", "/data/hub/blob")
    error: BaseException = cause
    if wrapped == "cause":
        error = RuntimeError("download failed")
        error.__cause__ = cause
    elif wrapped == "context":
        error = RuntimeError("download failed")
        error.__context__ = cause
        cause.__context__ = error  # a circle ends
    elif wrapped == "group":
        error = ExceptionGroup("several", [ValueError("x"), ExceptionGroup("more", [cause])])
    failure = room.of_error(error, disk)
    assert failure is not None
    assert failure.kind is FailureKind.DISK
    assert failure.message == "the disk of /data/hub/blob is full: No space left on device"
    fill(disk.root)
    (disk.root / reserve.NAME).unlink(missing_ok=True)
    failure = room.of_error(error, disk)
    assert failure is not None
    assert failure.message.startswith("the disk of ")


def test_other_errors_are_no_full_disk(disk: Home):
    assert room.of_error(ValueError("no space left"), disk) is None
    assert room.of_error(OSError(errno.EIO, "Input/output error"), disk) is None
