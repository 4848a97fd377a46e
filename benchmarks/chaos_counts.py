"""What became of a task: its final table, and what was lost, counted twice or left behind."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.paths import Home

Key = tuple[int, str, str, int, int]
"""Experiment, purpose, scenario, concurrency, turn: names one measurement."""

Row = tuple[int, str, str, tuple[Key, ...]]
"""Number, configuration, state, measurements: one line of a final table."""

_MEASUREMENTS = """SELECT number, purpose, scenario, concurrency, turn FROM measurements
    WHERE failure IS NULL"""


@dataclass(frozen=True)
class Counts:
    """Of one run: all 0 but `completed`, when nothing is lost and nothing is left behind."""

    completed: int = 0
    lost: int = 0
    twice: int = 0
    processes: int = 0
    containers: int = 0
    leases: int = 0
    files: int = 0
    differs: int = 0
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def clean(self) -> bool:
        figures = self.figures()
        return figures.pop("completed") == 1 and not any(figures.values())

    def figures(self) -> dict[str, int]:
        return {name: value for name, value in vars(self).items() if name != "notes"}


def state(home: Home) -> str:
    """The task's state; nothing while there is no journal yet."""
    return next((str(row[0]) for row in _rows(home, "SELECT state FROM tasks")), "")


def measured(home: Home) -> Counter[Key]:
    """Every measurement that went well, and how often it is there."""
    return Counter(tuple(row) for row in _rows(home, _MEASUREMENTS))


def leases(home: Home) -> list[str]:
    return [str(row[0]) for row in _rows(home, "SELECT resource FROM leases")]


def table(document: Mapping[str, Any]) -> tuple[Row, ...]:
    """The final table of a `show --json` document, without what was measured."""
    return tuple(
        (
            one["number"],
            json.dumps(one["parameters"], sort_keys=True),
            one["state"],
            tuple(sorted(_key(one["number"], each) for each in one["measurements"])),
        )
        for one in document["experiments"]
    )


def temporary(home: Home, scratch: Path, usual: Collection[str] = ()) -> list[str]:
    """Files that are only there in between: hidden ones in the home, and what is in TMPDIR."""
    hidden = [path for path in home.root.rglob(".*") if path.is_file() and path.name != ".reserve"]
    names = [str(path.relative_to(home.root)) for path in hidden]
    return names + [path.name for path in scratch.iterdir() if path.name not in usual]


def _key(number: int, measurement: Mapping[str, Any]) -> Key:
    names = ("purpose", "scenario", "concurrency", "turn")
    purpose, scenario, concurrency, turn = (measurement[name] for name in names)
    return number, purpose, scenario, concurrency, turn


def _rows(home: Home, query: str) -> list[tuple[Any, ...]]:
    try:
        with sqlite3.connect(f"file:{home.database}?mode=ro", uri=True, timeout=10) as connection:
            return list(connection.execute(query))
    except sqlite3.OperationalError:  # no journal yet
        return []
