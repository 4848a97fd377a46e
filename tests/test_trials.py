"""Experiments as a strategy sees them: read once, with every load that was measured."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from core.paths import Home
from core.runner.setup import Setup
from core.runner.trials import Trials
from core.search.base import Trial
from core.store.journal import Journal
from core.store.reader import Reader
from core.values import Purpose, StartReason
from tests import big_journal
from tests.earlier import CRASHED, OFFLINE, SCENARIO, Tried, measured, text, tuned
from tests.tuned import setup

TRIED = [
    Tried({}, {4: (400.0, 0.1), 8: (700.0, 0.4)}),
    Tried({"max-num-seqs": 16}, {8: (900.0, 0.75)}),
    Tried({"max-num-seqs": 4}, CRASHED),
    Tried({"max-num-seqs": 8}, OFFLINE),
]


async def trials(home: Home, journal: Journal, written: str) -> tuple[Setup, list[Trial]]:
    found = setup(home.root, written)
    async with Reader.open(home) as reader:
        return found, await Trials(reader).of(found, await journal.experiments("t1"))


async def test_every_load_is_there_with_what_it_took(tmp_path: Path) -> None:
    home = Home(tmp_path).create()
    async with Journal.open(home.database) as journal:
        await tuned(home, journal, "t1", text("a"), TRIED)
        key = await journal.add_start("t1", 0, StartReason.CONFIRM)
        repeat = replace(measured(SCENARIO, 32, 1.0, 9.0), purpose=Purpose.CONFIRM)
        await journal.add_measurement(key, repeat, feasible=False, breaches=())
        _, (first, slow, crashed, offline) = await trials(home, journal, text("a"))
    levels = first.levels[SCENARIO]
    assert [(one.concurrency, one.value) for one in levels] == [(4, 400.0), (8, 700.0)]
    assert levels[1].strain == pytest.approx(0.8)
    assert first.measuring == 4.0
    assert first.starting == pytest.approx(30, abs=5)
    assert not slow.feasible
    assert slow.violation == pytest.approx(0.5)
    assert slow.levels[SCENARIO][0].breached
    assert (crashed.failed, offline.failed) == (True, False)
    assert crashed.starting == pytest.approx(0, abs=5)
    assert (crashed.levels, crashed.measuring) == ({}, None)


async def test_what_one_was_expected_to_do_is_kept(tmp_path: Path) -> None:
    home = Home(tmp_path).create()
    async with Journal.open(home.database) as journal:
        await tuned(home, journal, "t1", text("a"), TRIED)
        kept = [(one.loads, one.least) for one in await journal.experiments("t1")]
        assert kept == [({}, 0.0), *[({SCENARIO: 8}, 0.1)] * 3]


async def test_five_hundred_are_read_once(tmp_path: Path) -> None:
    home = Home(tmp_path).create()
    task = big_journal.fill(home, 500, 6)
    found = replace(setup(tmp_path, home.task_file(task).read_text("utf-8")), id=task)
    async with Journal.open(home.database) as journal, Reader.open(home) as reader:
        known, views = Trials(reader), await journal.experiments(task)
        began = time.perf_counter()
        first = await known.of(found, views)
        whole = time.perf_counter() - began
        big_journal.add_finished(home, task, 6)
        views = await journal.experiments(task)
        began = time.perf_counter()
        second = await known.of(found, views)
        took = time.perf_counter() - began
    assert second[:500] == first
    assert len(second) == 501
    assert sum(len(own) for one in second for own in one.levels.values()) > 2000
    assert took < whole / 5
