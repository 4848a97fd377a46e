"""Plots as lines of text: points, lines and limits between two labelled axes.

Drawn here and not by textual-plot: that needs numpy, at the cost of its import in each start
of the console, and it is a widget of its own, where every view here makes lines in tones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from tui.glyphs import utf8_here
from tui.line import Line, Span, Tone, fit, line, pad, width, wrap
from tui.views.axes import Axis, Scale, fits, scale
from tui.views.canvas import Canvas

__all__ = ["Axis", "Limit", "Note", "Series", "xy"]

_LEAST_CELLS, _LEAST_ROWS = 24, 6
_TITLED = 8  # rows from which the axis below has a line for its title
_GAP = 3  # cells between the entries of a legend


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one kind, told from others by `mark` (one cell, empty: only a line) and by
    `name`, and by the tone where there are colours. `joined`: with lines between them, in
    the order given. A point that is not finite is left out and interrupts the line.

    Lines lie under the marks, but for one without marks of its own, which lies over them. A
    series without a name is not in the legend: points that another one has, too, put on top.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    tone: Tone
    mark: str
    joined: bool = True


@dataclass(frozen=True, slots=True)
class Limit:
    """A line across the plot at a value of y, or of x when `vertical`, with its name on it."""

    value: float
    name: str
    vertical: bool = False
    tone: Tone = Tone.BAD


@dataclass(frozen=True, slots=True)
class Note:
    """A few words beside a point."""

    x: float
    y: float
    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where things go: a canvas and the scales of its two sides."""

    canvas: Canvas
    x: Scale
    y: Scale

    def dot(self, x: float, y: float) -> tuple[int, int] | None:
        """The dot of a point; None when it is not in the frame."""
        across, up = self.x.part(x), self.y.part(y)
        if across is None or up is None:
            return None
        high, wide = self.canvas.height - 1, self.canvas.width - 1
        return round(across * wide), round((1 - up) * high)

    def cell(self, x: float, y: float) -> tuple[int, int] | None:
        found = self.dot(x, y)
        return found and (found[0] // self.canvas.across, found[1] // self.canvas.down)


def xy(
    series: Sequence[Series],
    cells: int,
    rows: int,
    *,
    x: Axis,
    y: Axis,
    limits: Sequence[Limit] = (),
    notes: Sequence[Note] = (),
    utf8: bool | None = None,
) -> list[Line]:
    """At most `rows` lines of at most `cells`: legend, plot, axes.

    Too small a room, or nothing to draw, gives a sentence. `utf8` None: as the terminal is.
    """
    if cells <= 0 or rows <= 0:
        return []
    if cells < _LEAST_CELLS or rows < _LEAST_ROWS:
        return wrap("Too small a room for a plot.", cells, Tone.DIM)[:rows]
    plain = not (utf8_here() if utf8 is None else utf8)
    if not any(_drawable(one, x, y) for one in series):
        title = _legend(y.title, (), cells, plain)
        return [*title, *wrap("Nothing to draw yet.", cells, Tone.DIM)][:rows]
    head = _legend(y.title, series, cells, plain)[: max(1, rows // 4)]
    below = 3 if rows >= _TITLED and x.title else 2
    frame, labels = _framed(series, (cells, rows - len(head) - below), (x, y), limits, plain)
    _draw(frame, series, limits, notes)
    return [*head, *_sides(frame, labels, plain), *_below(frame, labels, x, below, plain)]


def _drawable(one: Series, x: Axis, y: Axis) -> bool:
    return any(fits(p[0], x) and fits(p[1], y) for p in one.points)


def _framed(
    series: Sequence[Series],
    room: tuple[int, int],
    axes: tuple[Axis, Axis],
    limits: Sequence[Limit],
    plain: bool,
) -> tuple[_Frame, int]:
    """The frame, and how many cells the labels at its left side take."""
    (cells, rows), (x, y) = room, axes
    points = [p for one in series for p in one.points if fits(p[0], x) and fits(p[1], y)]
    # A limit is worth seeing also when no point is near it.
    aside = [limit.value for limit in limits if limit.vertical and fits(limit.value, x)]
    level = [limit.value for limit in limits if not limit.vertical and fits(limit.value, y)]
    up = scale(y, [*(p[1] for p in points), *level], max(2, rows // 2 if rows < 14 else rows // 3))
    assert up is not None  # there are points
    labels = max((len(text) for text in up.labels), default=0)
    canvas = Canvas(cells - labels - 2, rows, utf8=not plain)
    across = scale(
        x, [*(p[0] for p in points), *aside], max(2, canvas.cells // (6 if x.log else 8))
    )
    assert across is not None
    return _Frame(canvas, across, up), labels


def _draw(
    frame: _Frame, series: Sequence[Series], limits: Sequence[Limit], notes: Sequence[Note]
) -> None:
    for limit in limits:
        _draw_limit(frame, limit)
    _draw_series(frame, series)
    for limit in limits:
        _name_limit(frame, limit)
    for note in notes:
        if (place := frame.cell(note.x, note.y)) is not None:
            _beside(frame.canvas, place, note.text, note.tone)


def _draw_series(frame: _Frame, series: Sequence[Series]) -> None:
    lines = [one for one in series if one.joined]
    for one in (one for one in lines if one.mark):
        _join(frame, one)
    for one in (one for one in series if one.name):
        _mark(frame, one)
    for one in (one for one in lines if not one.mark):
        _join(frame, one, over=True)
    for one in (one for one in series if not one.name):
        _mark(frame, one)


def _join(frame: _Frame, one: Series, *, over: bool = False) -> None:
    before: tuple[int, int] | None = None
    for point in one.points:
        place = frame.dot(*point)
        if place is not None and place != before:
            frame.canvas.segment(before or place, place, one.tone, over=over)
        before = place


def _mark(frame: _Frame, one: Series) -> None:
    for point in one.points if one.mark or not one.joined else ():
        if (place := frame.dot(*point)) is None:
            continue
        if one.mark:
            canvas = frame.canvas
            mark = _sample(one, canvas.across == 1)
            canvas.mark(place[0] // canvas.across, place[1] // canvas.down, mark, one.tone)
        else:
            frame.canvas.dot(*place, one.tone)


def _draw_limit(frame: _Frame, limit: Limit) -> None:
    """Dashes, so that nobody takes it for a measurement."""
    canvas = frame.canvas
    part = (frame.x if limit.vertical else frame.y).part(limit.value)
    if part is None:
        return
    if limit.vertical:
        at = round(part * (canvas.width - 1))
        for step in range(canvas.height):
            if step % 3 < 2:
                canvas.dot(at, step, limit.tone, "|")
        return
    at = round((1 - part) * (canvas.height - 1))
    for step in range(canvas.width):
        if step % 4 < 2:
            canvas.dot(step, at, limit.tone, "-")


def _name_limit(frame: _Frame, limit: Limit) -> None:
    canvas = frame.canvas
    part = (frame.x if limit.vertical else frame.y).part(limit.value)
    if part is None:
        return
    size = cell_len(limit.name)
    if limit.vertical:
        column = round(part * (canvas.width - 1)) // canvas.across
        sides = [column + 2, column - size - 1]
        places = [(c, r) for r in range(canvas.rows) for c in sides]
    else:
        row = round((1 - part) * (canvas.height - 1)) // canvas.down
        right = canvas.cells - size - 1
        places = [(c, r) for c in (right, right // 2, 1) for r in (row - 1, row + 1)]
    _put(canvas, places, limit.name, limit.tone)


def _beside(canvas: Canvas, place: tuple[int, int], text: str, tone: Tone) -> None:
    (column, row), size = place, cell_len(text)
    right, left, over = column + 2, column - size - 1, column - size // 2
    places = [(right, row), (left, row), (over, row - 1), (over, row + 1)]
    places += [(c, row + r) for r in (-1, 1, -2, 2) for c in (right, left)]
    _put(canvas, places, text, tone)


def _put(canvas: Canvas, places: Sequence[tuple[int, int]], text: str, tone: Tone) -> None:
    """Where it covers least; nowhere when it fits nowhere."""
    size = cell_len(text)
    if not text or not places:
        return
    covered = [canvas.covered(column, row, size) for column, row in places]
    best = covered.index(min(covered))
    if covered[best] <= canvas.cells * canvas.rows:
        canvas.text(*places[best], text, tone)


def _sample(one: Series, plain: bool) -> str:
    """The mark; a small dot's stand-in elsewhere, a dash, would look like a limit here."""
    line_or_dot = "⠤" if one.joined else "·"
    mark = one.mark[:1] or ("." if plain else line_or_dot)
    return "." if plain and mark == "·" else mark


def _legend(title: str, series: Sequence[Series], cells: int, plain: bool) -> list[Line]:
    """The title of the axis at the left, then mark and name of each series."""
    rows: list[Line] = [fit(line(Span(title, Tone.DIM)), cells)]
    for one in series:
        if not one.name or not one.points:
            continue
        entry = line(Span(_sample(one, plain), one.tone), Span(f" {one.name}", Tone.DIM))
        gap = _GAP if rows[-1] else 0
        if width(rows[-1]) + gap + width(entry) <= cells:
            rows[-1] = (*rows[-1], *line(" " * gap), *entry)
        else:
            rows.append(fit(entry, cells))
    return rows


def _sides(frame: _Frame, labels: int, plain: bool) -> list[Line]:
    """The canvas with the axis at its left."""
    rows = frame.canvas.rows
    said: dict[int, str] = {}
    for tick, text in zip(frame.y.ticks, frame.y.labels, strict=True):
        if (part := frame.y.part(tick)) is not None:
            said[round((1 - part) * (frame.canvas.height - 1)) // frame.canvas.down] = text
    edge, tick_mark = ("|", "+") if plain else ("│", "┤")
    drawn = frame.canvas.lines()
    return [
        line(
            Span(f"{said.get(row, ''):>{labels}} {tick_mark if row in said else edge}", Tone.DIM),
            *drawn[row],
        )
        for row in range(rows)
    ]


def _below(frame: _Frame, labels: int, x: Axis, lines: int, plain: bool) -> list[Line]:
    """The axis, the labels of its ticks, and its title."""
    canvas, corner = frame.canvas, labels + 1
    flat, tick_mark, joint = ("-", "+", "+") if plain else ("─", "┬", "└")
    edge = [flat] * canvas.cells
    said = [" "] * (corner + 1 + canvas.cells)
    end = 0  # of the last label written
    for tick, text in zip(frame.x.ticks, frame.x.labels, strict=True):
        if (part := frame.x.part(tick)) is None:
            continue
        column = round(part * (canvas.width - 1)) // canvas.across
        edge[column] = tick_mark
        start = min(corner + 1 + column - len(text) // 2, len(said) - len(text))
        if start >= end and start >= 0:
            said[start : start + len(text)] = text
            end = start + len(text) + 1
    axis = Span(" " * corner + joint + "".join(edge), Tone.DIM)
    found: list[Line] = [(axis,), (Span("".join(said).rstrip(), Tone.DIM),)]
    if lines > len(found):
        found.append(pad(line(Span(x.title, Tone.DIM)), corner + 1 + canvas.cells, right=True))
    return found
