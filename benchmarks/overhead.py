"""What the program adds to a measurement, from the journal of a finished task.

    .venv/bin/python benchmarks/overhead.py TASK

Prints the median and the worst of: engine ready to first request, and last request to stored
metrics. The first start of a task also waits for genai-bench to be imported; it is left out of
the first figure and printed by itself.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

from core.metrics import read_timeline
from core.paths import Home
from core.store.reader import Reader
from core.store.views import ExperimentView, TaskDetail


async def _read(home: Home, name: str) -> TaskDetail:
    async with Reader.open(home) as reader:
        task = await reader.find(name)
        detail = await reader.detail(task.id) if task else None
    if detail is None:
        sys.exit(f"no task '{name}'")
    return detail


def _before(home: Home, detail: TaskDetail) -> Iterator[float]:
    """Seconds from ready to the first request, for each start that measured anything."""
    for experiment, attempt, ready in _starts(detail):
        first = next(iter(_timelines(home, detail, experiment, attempt)), None)
        if first:
            yield min(request.start for request in read_timeline(first)) - ready


def _timelines(
    home: Home, detail: TaskDetail, experiment: ExperimentView, attempt: int
) -> list[Path]:
    """The timelines of a start, in the order they were made."""
    folder = home.start(detail.task.id, experiment.number, attempt)
    return sorted(folder.glob("measurements/*/requests.jsonl"))


def _starts(detail: TaskDetail) -> Iterator[tuple[ExperimentView, int, float]]:
    for experiment in detail.experiments:
        for start in experiment.starts:
            if start.ready:
                yield experiment, start.attempt, start.ready


def _after(home: Home, detail: TaskDetail) -> Iterator[float]:
    """Seconds from the last request's end until the measurement was in the journal."""
    stored = [event.at for event in detail.events if event.kind == "measurement"]
    ended = [
        max(request.end for request in read_timeline(timeline))
        for experiment, attempt, _ in _starts(detail)
        for timeline in _timelines(home, detail, experiment, attempt)
    ]
    for end in sorted(ended):
        later = [at for at in stored if at >= end]
        if later:
            yield min(later) - end


def main() -> None:
    home = Home.find()
    detail = asyncio.run(_read(home, sys.argv[1]))
    first, *before = _before(home, detail)
    after = list(_after(home, detail))
    print(f"first start, with the import of genai-bench   {first:.3f} s")
    for name, values in (
        ("engine ready to first request", before),
        ("last request to stored", after),
    ):
        print(f"{name:<32} median {statistics.median(values):.3f} s  worst {max(values):.3f} s")


if __name__ == "__main__":
    main()
