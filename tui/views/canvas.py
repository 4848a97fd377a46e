"""A field of cells to draw in: eight dots in each with braille, one mark in each without."""

from __future__ import annotations

from rich.cells import cell_len

from tui.line import Line, Span, Tone

# The bits of a braille cell, by column and row from the top.
_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_BRAILLE = 0x2800


class Canvas:
    """`cells` by `rows`, in each cell `across` by `down` dots, counted from the upper left.

    What is drawn later takes a cell's tone; marks and texts lie over the dots. Whatever lies
    outside is left out.
    """

    def __init__(self, cells: int, rows: int, *, utf8: bool) -> None:
        self.cells = max(0, cells)
        self.rows = max(0, rows)
        self.across, self.down = (2, 4) if utf8 else (1, 1)
        self._utf8 = utf8
        self._dots = [0] * (self.cells * self.rows)
        self._tones = [Tone.PLAIN] * len(self._dots)
        self._plain = [" "] * len(self._dots)
        self._marks: dict[int, tuple[str, Tone]] = {}

    @property
    def width(self) -> int:
        """In dots."""
        return self.cells * self.across

    @property
    def height(self) -> int:
        """In dots."""
        return self.rows * self.down

    def dot(self, x: int, y: int, tone: Tone, plain: str = ".") -> None:
        """`plain` stands for it without braille."""
        if 0 <= x < self.width and 0 <= y < self.height:
            place = y // self.down * self.cells + x // self.across
            self._dots[place] |= _BITS[x % self.across][y % self.down]
            self._tones[place], self._plain[place] = tone, plain

    def segment(
        self, start: tuple[int, int], end: tuple[int, int], tone: Tone, *, over: bool = False
    ) -> None:
        """A straight line of dots from one dot to another; `over` takes marks away."""
        (x, y), (last_x, last_y) = start, end
        steps = max(abs(last_x - x), abs(last_y - y))
        for step in range(steps + 1):
            part = step / steps if steps else 0.0
            across, up = round(x + (last_x - x) * part), round(y + (last_y - y) * part)
            if over:
                self._marks.pop(up // self.down * self.cells + across // self.across, None)
            self.dot(across, up, tone)

    def mark(self, column: int, row: int, mark: str, tone: Tone) -> None:
        """One character of one cell."""
        if 0 <= column < self.cells and 0 <= row < self.rows:
            self._marks[row * self.cells + column] = (_single(mark), tone)

    def text(self, column: int, row: int, text: str, tone: Tone) -> None:
        for step, character in enumerate(text):
            self.mark(column + step, row, character, tone)

    def covered(self, column: int, row: int, cells: int) -> int:
        """How much of what is drawn a text of so many cells would cover; a great deal when it
        does not fit."""
        if not (0 <= row < self.rows and column >= 0 and column + cells <= self.cells):
            return self.cells * self.rows + 1
        first = row * self.cells + column
        places = range(first, first + cells)
        return sum(5 if p in self._marks else bool(self._dots[p]) for p in places)

    def lines(self) -> list[Line]:
        return [self._line(row) for row in range(self.rows)]

    def _line(self, row: int) -> Line:
        spans: list[Span] = []
        run, run_tone = "", Tone.PLAIN
        for place in range(row * self.cells, (row + 1) * self.cells):
            character, tone = self._cell(place, run_tone)
            if tone is not run_tone and run:
                spans.append(Span(run, run_tone))
                run = ""
            run, run_tone = run + character, tone
        return (*spans, Span(run, run_tone)) if run else tuple(spans)

    def _cell(self, place: int, around: Tone) -> tuple[str, Tone]:
        if place in self._marks:
            return self._marks[place]
        bits = self._dots[place]
        if not bits:
            return " ", around  # a blank goes with its neighbour: fewer spans
        return (chr(_BRAILLE + bits) if self._utf8 else self._plain[place]), self._tones[place]


def _single(mark: str) -> str:
    """A printable character of one cell."""
    first = mark[:1]
    return first if first.isprintable() and cell_len(first) == 1 else "?"
