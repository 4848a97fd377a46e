"""What a task's steps took so far: the base of every estimate."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from core.store.rows import Row
from core.store.writing import Writer
from core.values import Configuration

# What ended before it began did so by a clock that was set back: nobody knows how long it took.
_TIMES = """SELECT
    (SELECT AVG(ended - started) FROM experiments WHERE task = :task AND ended >= started)
        AS experiment,
    (SELECT AVG(ready - started) FROM starts WHERE task = :task AND ready >= started) AS start,
    (SELECT AVG(ended - started) FROM starts WHERE task = :task AND ready IS NOT NULL
        AND reason = 'confirm' AND state = 'stopped' AND ended >= started) AS repeat,
    (SELECT AVG(ended - started) FROM measurements WHERE task = :task AND started > 0
        AND ended >= started) AS measurement"""
_GPUS = """SELECT e.engine, e.parameters, SUM(MAX(0.0, COALESCE(s.ended, ?) - s.started)) AS seconds
    FROM starts s JOIN experiments e ON e.task = s.task AND e.number = s.number
    WHERE s.task = ? GROUP BY e.number"""


@dataclass(frozen=True, slots=True)
class Times:
    """Mean seconds of an experiment, of a start until it is ready, of a whole repeat, of one
    measurement; None where there was none yet.
    """

    experiment: float | None = None
    start: float | None = None
    repeat: float | None = None
    measurement: float | None = None


async def times(journal: Writer, task: str) -> Times:
    """How long the steps of a task took on average."""
    row = (await journal.rows(_TIMES.replace(":task", "?1"), task))[0]
    return Times(row["experiment"], row["start"], row["repeat"], row["measurement"])


async def gpu_seconds(journal: Writer, task: str, gpus: Callable[[Configuration], int]) -> float:
    """GPUs x seconds of every start of a task, the running one included."""
    rows = await journal.rows(_GPUS, time.time(), task)
    return math.fsum(gpus(_configuration(row)) * row["seconds"] for row in rows)


def _configuration(row: Row) -> Configuration:
    return Configuration.of(row["engine"], json.loads(row["parameters"]))
