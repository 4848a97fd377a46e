"""What a home holds, seen from outside: its runner, what it measured, what is left of it."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TypeVar

import psutil

from core.deploy.process import labelled
from core.paths import Home

T = TypeVar("T")
Key = tuple[int, str, str, int, int]
"""Experiment, purpose, scenario, concurrency, turn: what is measured once in a task."""

_RUNNER = "core.runner"
_KEPT = {".reserve"}


def rows(home: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    """What a query finds in the journal; nothing before there is one."""
    database = Home(home).database
    if not database.exists():
        return []
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as db:
            return list(db.execute(query, values))
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return []
        raise


def task_id(home: Path, name: str) -> str:
    found = rows(home, "SELECT id FROM tasks WHERE name = ? ORDER BY submitted DESC", name)
    return str(found[0][0]) if found else ""


def task_state(home: Path, name: str) -> str:
    found = rows(home, "SELECT state FROM tasks WHERE name = ? ORDER BY submitted DESC", name)
    return str(found[0][0]) if found else ""


def measured(home: Path, task: str = "") -> list[Key]:
    """Of one task, or of all; one that was written twice stands here twice."""
    query = "SELECT number, purpose, scenario, concurrency, turn FROM measurements"
    where = " WHERE task = ?" if task else ""
    return rows(home, f"{query}{where} ORDER BY id", *filter(None, [task]))


def twice(keys: list[Key]) -> list[Key]:
    return [key for key, count in Counter(keys).items() if count > 1]


def starts(home: Path, number: int, task: str = "") -> list[tuple[int, str, str]]:
    """Attempt, reason and state of an experiment's starts."""
    query = "SELECT attempt, reason, state FROM starts WHERE number = ?"
    where = " AND task = ?" if task else ""
    return rows(home, f"{query}{where} ORDER BY attempt", number, *filter(None, [task]))


def runners(home: Path) -> list[psutil.Process]:
    """Runners of this home and the parents that look after them."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if _RUNNER in " ".join(process.cmdline()) and _home(process) == str(home):
                found.append(process)
    return [one for one in found if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def _home(process: psutil.Process) -> str:
    return process.environ().get("AUTOTUNER_HOME", "")


def parts(home: Path, kind: str) -> list[psutil.Process]:
    """Processes of the home: `engine`, or `bench` for the launcher and what it measures."""
    found = []
    for process in labelled(f"{Home(home).label}/"):
        with suppress(psutil.Error):
            part = process.environ()["AUTOTUNER_LABEL"].split("/")[2]
            if (part == "bench") == (kind == "bench") and part != "hub":
                found.append(process)
    return found


def engine(home: Path) -> psutil.Process | None:
    """The process that leads an engine's session."""
    return next((one for one in parts(home, "engine") if os.getsid(one.pid) == one.pid), None)


def kill_runners(home: Path) -> None:
    """Runner and the parent that would start it again, at one moment, and both gone."""
    victims = runners(home)
    for process in victims:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGSTOP)
    for process in victims:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(victims, 10)


def left(home: Path) -> list[str]:
    """What should be nowhere once nothing is at work and the runner has gone."""
    found = [_said(one) for one in (*labelled(f"{Home(home).label}/"), *runners(home))]
    found += [f"lease of {name}" for (name,) in rows(home, "SELECT resource FROM leases")]
    query = "SELECT task, number, attempt FROM starts WHERE state = 'running'"
    found += [f"open start {key}" for key in rows(home, query)]
    found += [f"open phase {key}" for key in rows(home, "SELECT * FROM phases WHERE ended IS NULL")]
    return found + [f"file {path.relative_to(home)}" for path in temporary(home)]


def _said(process: psutil.Process) -> str:
    """Which process it is, and whose child."""
    try:
        return f"process {process.pid} of {process.ppid()}: {' '.join(process.cmdline())}"
    except psutil.Error:
        return f"process {process.pid}"  # it is ending just now


def nothing_left(home: Path, seconds: float = 5.0) -> None:
    """A runner that has given its lock back takes a moment to end."""
    deadline = time.monotonic() + seconds
    while found := left(home):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def temporary(home: Path) -> list[Path]:
    """Files that were to be renamed or removed a moment later."""
    return [
        path
        for path in home.rglob("*")
        if (path.name.startswith(".") and path.name not in _KEPT) or path.name.endswith(".tmp")
    ]


def soon(condition: Callable[[], T], seconds: float = 60.0, every: float = 0.05) -> T:
    """The condition's first true value, looked for often; fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"did not come true in {seconds:g} s"
        time.sleep(every)
    return found
