"""A curve over the load, drawn with characters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_COLUMNS = 60
_ROWS = 12
_BOTH = "*"


@dataclass(frozen=True, slots=True)
class Dot:
    """One load of a curve; `mark` is the character it is drawn with."""

    load: int
    value: float
    mark: str


def plot(dots: Sequence[Dot]) -> str:
    """The values upwards from 0, the loads to the right, each doubling as wide as the next.

    Where two curves meet stands `*`. Empty when nothing was measured.
    """
    dots = [dot for dot in dots if math.isfinite(dot.value) and dot.value >= 0]
    if not dots:
        return ""
    top = max(dot.value for dot in dots) or 1.0
    loads = sorted({dot.load for dot in dots})
    grid = [[" "] * (_COLUMNS + 1) for _ in range(_ROWS + 1)]
    for dot in dots:
        row, column = _ROWS - round(dot.value / top * _ROWS), _column(dot.load, loads)
        there = grid[row][column]
        grid[row][column] = dot.mark if there in (" ", dot.mark) else _BOTH
    names = {0: f"{top:.4g}", _ROWS // 2: f"{top / 2:.4g}", _ROWS: "0"}
    width = max(map(len, names.values()))
    lines = [
        f"{names.get(place, ''):>{width}} |{''.join(cells)}".rstrip()
        for place, cells in enumerate(grid)
    ]
    return "\n".join([*lines, f"{'':{width}} +{'-' * (_COLUMNS + 1)}", _axis(loads, width)])


def _column(load: int, loads: Sequence[int]) -> int:
    low, high = math.log2(loads[0]), math.log2(loads[-1])
    return 0 if high == low else round((math.log2(load) - low) / (high - low) * _COLUMNS)


def _axis(loads: Sequence[int], width: int) -> str:
    """The loads under their columns, as many as have room."""
    text = " " * (width + 2)
    for load in loads:
        place = width + 2 + _column(load, loads)
        if len(text) == width + 2 or place > len(text):
            text = text.ljust(place) + str(load)
    return f"{text}  load"
