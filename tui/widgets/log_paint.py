"""A log's lines as the terminal gets them: our own styles, printable text, nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, pairwise

from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from core.logs import Paint, Pattern, Piece, Sign
from core.logs.paint import Colour
from tui.glyphs import shown
from tui.line import Tone
from tui.widgets.base import Styles
from tui.widgets.log_items import LogLine

GUTTER = 3
_MATCHES = 100  # of a line, that are marked
_MATCH = Style(bold=True, underline=True)
_SIGNS = {
    Sign.NONE: (" ", Tone.PLAIN),
    Sign.WARNING: ("!", Tone.WARN),
    Sign.ERROR: ("✖", Tone.BAD),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """How lines are laid out: `cells` for text, from the `left`th on when they are not broken.
    `time`: with the time as it was written; `colours`: with those the log asks for.
    """

    cells: int = 80
    wrap: bool = False
    time: bool = True
    left: int = 0
    colours: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the screen. `mark` stands before the line; `under`: the cursor's or selected.
    `row` counts within the line; `thumb`: the scroll bar's.
    """

    line: LogLine | None = None
    row: int = 0
    mark: str = " "
    under: bool = False
    thumb: bool = False


def rows(line: LogLine, layout: Layout) -> int:
    """How many rows a line takes."""
    return len(_breaks(visible(line, layout), layout.cells)) if layout.wrap else 1


def visible(line: LogLine, layout: Layout) -> str:
    """The text of a line with or without its time."""
    if layout.time or line.time is None:
        return line.text
    return line.text[: line.time[0]] + line.text[line.time[1] :]


def paint(
    row: Row, layout: Layout, pattern: Pattern | None, styles: Styles, cursor: Style
) -> Strip:
    """The whole row, as wide as the text and what stands at its sides."""
    plain = styles(Tone.PLAIN)
    line = row.line or LogLine(0, "")
    glyph, tone = _SIGNS[line.sign] if row.row == 0 else (" ", Tone.PLAIN)
    under = cursor if row.under else Style.null()
    base = styles(_SIGNS[line.sign][1]) + under
    segments = [
        Segment(shown(row.mark), styles(Tone.STRONG) + under),
        Segment(shown(glyph) + " ", styles(tone) + under),
        *_text(_cut(line, row.row, layout), layout, pattern, base),
    ]
    strip = Strip(segments).adjust_cell_length(layout.cells + GUTTER, plain + under)
    return Strip([*strip, Segment(" ", plain + cursor if row.thumb else plain)])


def _cut(line: LogLine, row: int, layout: Layout) -> tuple[LogLine, int, int]:
    """The line, and which of its visible characters stand in a row."""
    text = visible(line, layout)
    if not layout.wrap:
        return line, 0, len(text)
    starts = [*_breaks(text, layout.cells), len(text)]
    return line, *(starts[row : row + 2] if row < len(starts) - 1 else (0, 0))


def _text(
    cut: tuple[LogLine, int, int], layout: Layout, pattern: Pattern | None, base: Style
) -> Sequence[Segment]:
    line, first, last = cut
    parts = _sliced(_without_time(line, layout), first, last)
    text = visible(line, layout)
    spans = list(islice(pattern.spans(text), _MATCHES)) if pattern else []
    segments = [
        Segment(shown(text), base + style(look, layout.colours) + (_MATCH if hit else Style.null()))
        for text, look, hit in _marked(parts, spans, first)
    ]
    if layout.wrap:
        return segments
    width = sum(cell_len(segment.text) for segment in segments)
    strip = Strip(segments).crop(layout.left, layout.left + layout.cells)
    if width > layout.left + layout.cells and layout.cells > 1:
        return [*strip.crop(0, layout.cells - 1), Segment(shown("…"), base)]
    return list(strip)


def _without_time(line: LogLine, layout: Layout) -> Iterator[Piece]:
    if layout.time or line.time is None:
        yield from line.pieces
        return
    yield from _sliced(line.pieces, 0, line.time[0])
    yield from _sliced(line.pieces, line.time[1], len(line.text))


def _sliced(parts: Sequence[Piece] | Iterator[Piece], first: int, last: int) -> Iterator[Piece]:
    """The characters from `first` up to and without `last`."""
    at = 0
    for part in parts:
        text = part.text[max(0, first - at) : max(0, last - at)]
        if text:
            yield Piece(text, part.paint)
        at += len(part.text)


def _marked(
    parts: Iterator[Piece], spans: Sequence[tuple[int, int]], at: int
) -> Iterator[tuple[str, Paint, bool]]:
    """Pieces split where a match begins or ends; the first one is at `at` in the line."""
    edges = sorted({edge for span in spans for edge in span})
    for part in parts:
        end = at + len(part.text)
        cuts = [at, *(edge for edge in edges if at < edge < end), end]
        for first, last in pairwise(cuts):
            hit = any(begin <= first < stop for begin, stop in spans)
            yield part.text[first - at : last - at], part.paint, hit
        at = end


@lru_cache(512)
def _breaks(text: str, cells: int) -> tuple[int, ...]:
    """Where the rows of a broken line begin: after a blank if one is near; no row is wider than
    `cells`, unless that is less than one character."""
    starts = [0]
    while (end := _end(text, starts[-1], cells)) < len(text):
        blank = text.rfind(" ", starts[-1] + cells * 2 // 3, end)
        starts.append(end if blank < 0 else blank + 1)
    return tuple(starts)


def _end(text: str, start: int, cells: int) -> int:
    """Where a row that begins at `start` is full."""
    if text.isascii():
        return start + cells
    for at in range(start, len(text)):
        cells -= cell_len(text[at])
        if cells < 0:
            return max(at, start + 1)
    return len(text)


@lru_cache(256)
def style(look: Paint, colours: bool = True) -> Style:
    """As the renderer issues it anew; the sixteen base colours are the terminal's or theme's."""
    return Style(
        color=_colour(look.fore) if colours else None,
        bgcolor=_colour(look.back) if colours else None,
        bold=look.bold or None,
        dim=look.dim or None,
        italic=look.italic or None,
        underline=look.underline or None,
        reverse=look.reverse or None,
    )


def _colour(colour: Colour | None) -> Color | None:
    if colour is None:
        return None
    return Color.from_ansi(colour) if isinstance(colour, int) else Color.from_rgb(*colour)
