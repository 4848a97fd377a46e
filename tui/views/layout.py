"""Tables as lines: which columns fit, how wide they are, what is cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from tui.line import Line, Span, Tone, line, pad, width

GAP = 2


@dataclass(frozen=True, slots=True)
class Column:
    """`unit` is the header's second line. Columns of the highest `rank` go first when the
    room is short; rank 0 stays. One that may `grow` takes the rest and is cut when needed.
    """

    title: str
    unit: str = ""
    right: bool = False
    rank: int = 0
    grow: bool = False
    least: int = 4


@dataclass(frozen=True, slots=True)
class Row:
    """One row; `key` tells it from the others whatever its place."""

    key: str
    cells: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table before it is drawn."""

    columns: tuple[Column, ...] = ()
    rows: tuple[Row, ...] = ()

    @property
    def head(self) -> int:
        """Lines of the header."""
        return 2 if any(column.unit for column in self.columns) else 1


@dataclass(frozen=True, slots=True)
class Plan:
    """Which columns are drawn, and how wide."""

    columns: tuple[tuple[int, Column, int], ...]

    def header(self) -> tuple[Line, Line]:
        titles = [(Span(c.title, Tone.DIM),) for _, c, _ in self.columns]
        units = [line(Span(c.unit, Tone.DIM)) for _, c, _ in self.columns]
        return self._joined(titles), self._joined(units)

    def row(self, row: Row) -> Line:
        return self._joined([row.cells[index] for index, _, _ in self.columns])

    def _joined(self, cells: Sequence[Line]) -> Line:
        parts: list[Span] = []
        for cell, (_, column, size) in zip(cells, self.columns, strict=True):
            parts += [*pad(cell, size, right=column.right), Span(" " * GAP)]
        return tuple(parts[:-1])


def plan(grid: Grid, cells: int, floors: Sequence[int] = ()) -> Plan:
    """Columns that are empty everywhere are left out, then the highest ranks until all fits.

    `floors` are the widths that columns had with other rows of the same table (see `widths`):
    none becomes narrower than that.
    """
    floors = floors or (0,) * len(grid.columns)
    shown = [(i, c, max(floors[i], _natural(grid, i))) for i, c in enumerate(grid.columns)]
    if grid.rows:
        shown = [s for s in shown if floors[s[0]] or _widest(grid, s[0])]
    while _least(shown) > cells and any(c.rank for _, c, _ in shown):
        shown.remove(max(shown, key=lambda s: (s[1].rank, s[0])))
    spare = cells - sum(size + GAP for _, _, size in shown) + GAP
    return Plan(tuple((i, c, _stretched(c, size, spare)) for i, c, size in shown))


def widths(grid: Grid, floors: Sequence[int] = ()) -> tuple[int, ...]:
    """The width of each column's widest cell, of `floors` where that is more; 0: no cell."""
    found = [_widest(grid, index) for index in range(len(grid.columns))]
    return tuple(map(max, found, floors or found))


def _natural(grid: Grid, index: int) -> int:
    column = grid.columns[index]
    return max(cell_len(column.title), cell_len(column.unit), _widest(grid, index))


def _widest(grid: Grid, index: int) -> int:
    return max((width(row.cells[index]) for row in grid.rows), default=0)


def _least(shown: Sequence[tuple[int, Column, int]]) -> int:
    sizes = (min(size, c.least) if c.grow else size for _, c, size in shown)
    return sum(size + GAP for size in sizes) - GAP


def _stretched(column: Column, size: int, spare: int) -> int:
    return max(min(size, column.least), size + spare) if column.grow else size


def as_lines(grid: Grid, cells: int) -> list[Line]:
    """The whole table, for a page that is not a list to walk through."""
    chosen = plan(grid, cells)
    return [*chosen.header()[: grid.head], *(chosen.row(row) for row in grid.rows)]
