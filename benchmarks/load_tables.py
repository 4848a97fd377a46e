"""Curves over load read from a table of measurements or predictions."""

from __future__ import annotations

import csv
import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load_families import At, Curve, Point


@dataclass(frozen=True, slots=True)
class Columns:
    """Names in the table. A `status` other than `ok` is a failure; `ignored` columns neither tell
    configurations apart nor are measured.
    """

    load: str = "batch"
    ttft: str = "ttft_ms"
    tpot: str = "tpot_ms"
    throughput: str = "tps"
    status: str = "status"
    ignored: tuple[str, ...] = ("tps_gpu", "mem_gb", "kv_warn", "dt", "err")


def read(path: Path, limits: Mapping[str, Mapping[str, float]], columns: Columns) -> list[Curve]:
    """One curve for each configuration of the table. Limits in the table's unit of time.

    Loads between those of the table are interpolated, log-linearly.
    """
    own = {columns.load, columns.ttft, columns.tpot, columns.throughput, columns.status}
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    grouped: dict[tuple[str, ...], dict[int, Point | None]] = defaultdict(dict)
    names = [name for name in rows[0] if name not in own and name not in columns.ignored]
    for row in rows:
        grouped[tuple(row[name] for name in names)][int(row[columns.load])] = _point(row, columns)
    return [
        Curve(
            family=path.stem,
            name=f"{path.stem} {' '.join(key)}",
            at=_between(points),
            limits=limits,
            ladder=tuple(sorted(points)),
        )
        for key, points in grouped.items()
    ]


def _point(row: Mapping[str, str], columns: Columns) -> Point | None:
    if row[columns.status] != "ok":
        return None
    return Point(
        float(row[columns.ttft]),
        float(row[columns.tpot]),
        float(row[columns.throughput]),
    )


def _between(points: Mapping[int, Point | None]) -> At:
    """A crash at the next higher load of the table is a crash between, too."""
    loads: Sequence[int] = sorted(points)

    def at(load: int) -> Point | None:
        place = bisect_right(loads, load) - 1
        low = points[loads[max(place, 0)]]
        if place == len(loads) - 1 and load != loads[-1]:
            return None
        if low is None or loads[max(place, 0)] >= load:
            return low
        high = points[loads[place + 1]]
        if high is None:
            return None
        share = math.log(load / loads[place]) / math.log(loads[place + 1] / loads[place])
        return Point(
            *(
                getattr(low, name) ** (1 - share) * getattr(high, name) ** share
                for name in ("ttft", "tpot", "throughput")
            )
        )

    return at
