"""The Pareto front: most throughput per GPU for the least latency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.store.views import Point
from tui.line import Line, Span, Tone, fit, line, pad, width, wrap
from tui.views import words
from tui.views.axes import drawable
from tui.views.layout import Column, Grid, Row, as_lines
from tui.views.plot import Axis, Limit, Note, Series, xy

BESIDE = 100
"""Cells from which the list stands beside the plot."""
_SHORTEST_FLAGS = 12  # cells
_ENOUGH = 200  # cells for the numbers of the list
_SHORTEST = 12  # rows of a plot that has a list below it


@dataclass(frozen=True, slots=True)
class Latency:
    """One of a point's latencies; `factor` turns seconds into `unit`."""

    field: str
    title: str
    unit: str
    factor: float


LATENCIES = (
    Latency("ttft_p95", "TTFT p95", "ms", 1000.0),
    Latency("tpot_p95", "TPOT p95", "ms", 1000.0),
    Latency("e2e_p95", "E2E p95", "s", 1.0),
)


@dataclass(frozen=True, slots=True)
class Spot:
    """A measured point: latency in the unit of the axis, output tokens/s per GPU."""

    point: Point
    latency: float
    per_gpu: float


@dataclass(frozen=True, slots=True)
class Front:
    """`best` is the front, by latency; `dominated` meets the SLO too, `missed` does not.

    When nothing meets the SLO, the front is that of everything measured (`strict` False).
    """

    best: tuple[Spot, ...]
    dominated: tuple[Spot, ...]
    missed: tuple[Spot, ...]
    strict: bool


def front(points: Iterable[Point], latency: Latency) -> Front:
    """Points with another that is at least as good in both and better in one are dominated."""
    spots = [spot for point in points if (spot := _spot(point, latency)) is not None]
    meets = [spot for spot in spots if spot.point.feasible]
    missed = [spot for spot in spots if not spot.point.feasible]
    strict = bool(meets) or not spots
    best, dominated = _divided(meets if strict else missed)
    return Front(best, dominated, tuple(missed) if strict else (), strict)


def _spot(point: Point, latency: Latency) -> Spot | None:
    value: float | None = getattr(point, latency.field)
    if value is None or point.per_gpu is None:
        return None
    spot = Spot(point, value * latency.factor, point.per_gpu)
    return spot if drawable(spot.latency) and drawable(spot.per_gpu) else None


def _divided(spots: Sequence[Spot]) -> tuple[tuple[Spot, ...], tuple[Spot, ...]]:
    best: list[Spot] = []
    dominated: list[Spot] = []
    for spot in sorted(spots, key=lambda s: (s.latency, -s.per_gpu, s.point.number)):
        if best and spot.per_gpu <= best[-1].per_gpu:
            twin = (spot.latency, spot.per_gpu) == (best[-1].latency, best[-1].per_gpu)
            (best if twin else dominated).append(spot)
        else:
            best.append(spot)
    return tuple(best), tuple(dominated)


def pareto_plot(
    points: Sequence[Point],
    best: int | None,
    latency: Latency,
    limits: Mapping[str, float],
    flags: Sequence[str],
    cells: int,
    rows: int,
) -> list[Line]:
    """The front joined, the rest as shapes; its configurations beside it or below."""
    found = front(points, latency)
    if not found.best:
        said = "No experiment has throughput and latency yet."
        return [fit(line(Span(said, Tone.DIM)), cells)][: max(0, rows)]
    if cells <= 0 or rows <= 0:
        return []
    listed = _listed(found, best, latency, flags)
    if cells >= BESIDE:
        longest = max(width(flags) for _, flags in listed.rows)
        room = min(max(longest, _SHORTEST_FLAGS) + listed.indent, cells * 9 // 20)
        plot = _plot(found, best, latency, limits, cells - room - 3, rows)
        return _beside(plot, _cut(listed.lines(room, whole=True), room, rows), cells - room)
    below = listed.lines(cells, whole=False)
    below = _cut(below, cells, max(0, min(len(below), rows - _SHORTEST, rows // 3)))
    plot = _plot(found, best, latency, limits, cells, rows - len(below))
    return [*plot, *below]


@dataclass(frozen=True, slots=True)
class _List:
    """The front's configurations: a header, and for each its numbers and its flags."""

    head: Line
    rows: tuple[tuple[Line, Line], ...]

    @property
    def indent(self) -> int:
        return width(self.head)

    def lines(self, cells: int, *, whole: bool) -> list[Line]:
        """One line for each, or as many as its flags need when they are to be `whole`."""
        lines = [fit((*self.head, Span("on the front", Tone.DIM)), cells)]
        room = cells - self.indent
        for numbers, flags in self.rows:
            if not whole or width(flags) <= room:
                lines.append(fit((*numbers, *flags), cells))
                continue
            first, *more = wrap("".join(span.text for span in flags), max(1, room))
            lines.append((*numbers, *first))
            lines += [(Span(" " * self.indent), *part) for part in more]
        return lines


def _plot(
    found: Front,
    best: int | None,
    latency: Latency,
    limits: Mapping[str, float],
    cells: int,
    rows: int,
) -> list[Line]:
    edge = _edge(found, latency, limits)
    near = tuple(spot for spot in found.missed if edge is None or spot.latency <= edge)
    beyond = len(found.missed) - len(near)
    more = f" ({beyond} that miss the SLO lie further right)" if beyond else ""
    series = (
        Series("misses the SLO", _pairs(near), Tone.DIM, "×", joined=False),
        Series("dominated", _pairs(found.dominated), Tone.DIM, "·", joined=False),
        Series("front" if found.strict else "front, none meets the SLO", _pairs(found.best),
               Tone.GOOD if found.strict else Tone.WARN, "●"),
        *_marked(found, best),
    )  # fmt: skip
    return xy(
        series, cells, rows,
        x=Axis(f"{latency.title}, {latency.unit}{more}", high=edge), y=Axis("tok/s/GPU"),
        limits=_limits(latency, limits), notes=_notes(found, best),
    )  # fmt: skip


def _edge(found: Front, latency: Latency, limits: Mapping[str, float]) -> float | None:
    """Where the plot ends, so that what misses the SLO by far does not squeeze the rest."""
    near = [spot.latency for spot in (*found.best, *found.dominated)]
    near += [spot.latency for spot in found.missed if spot.point.baseline]
    if (limit := limits.get(latency.field)) is not None:
        near.append(limit * latency.factor)
    most = max(near) + (max(near) - min(near)) * 0.25
    return most if any(spot.latency > most for spot in found.missed) else None


def _pairs(spots: Iterable[Spot]) -> tuple[tuple[float, float], ...]:
    return tuple((spot.latency, spot.per_gpu) for spot in spots)


def _all(found: Front) -> tuple[Spot, ...]:
    return (*found.best, *found.dominated, *found.missed)


def _marked(found: Front, best: int | None) -> tuple[Series, ...]:
    base = [s for s in _all(found) if s.point.baseline and s.point.number != best]
    chosen = [s for s in _all(found) if s.point.number == best]
    return (
        Series("baseline", _pairs(base), Tone.BASE, "○", joined=False),
        Series("", _pairs(chosen), Tone.BEST, "●", joined=False),
    )


def _limits(latency: Latency, limits: Mapping[str, float]) -> tuple[Limit, ...]:
    if (limit := limits.get(latency.field)) is None:
        return ()
    value = limit * latency.factor
    said = f"SLO {words.number(value, words.places([value], 2)).text} {latency.unit}"
    return (Limit(value, said, vertical=True),)


def _notes(found: Front, best: int | None) -> list[Note]:
    notes = []
    for spot in _all(found):
        name = "best" if spot.point.number == best else "baseline" if spot.point.baseline else ""
        if name:
            tone = Tone.BEST if name == "best" else Tone.BASE
            said = f"{name} #{spot.point.number}  {_numbers(spot)}"
            notes.append(Note(spot.latency, spot.per_gpu, said, tone))
    return notes


def _numbers(spot: Spot) -> str:
    per_gpu = words.number(spot.per_gpu, words.places([spot.per_gpu])).text
    return f"{per_gpu} at {words.number(spot.latency, words.places([spot.latency])).text}"


def _listed(found: Front, best: int | None, latency: Latency, flags: Sequence[str]) -> _List:
    """Most throughput first."""
    spots = found.best[::-1]
    latencies = words.numbers([spot.latency for spot in spots])
    per_gpu = words.numbers([spot.per_gpu for spot in spots], 4)
    differ = _differing([spot.point for spot in spots if not spot.point.baseline], flags)
    columns = (
        Column("#", right=True),
        Column("tok/s/GPU", right=True),
        Column(f"{latency.title.replace(' p95', '')} {latency.unit}", right=True),
        Column("", least=0),
    )
    rows = []
    for spot, speed, time in zip(spots, per_gpu, latencies, strict=True):
        number = str(spot.point.number)
        mark = Span(number, Tone.BEST if spot.point.number == best else Tone.PLAIN)
        rows.append(Row(number, ((mark,), (speed,), (time,), (Span(" "),))))
    head, *lines = as_lines(Grid(columns, tuple(rows)), _ENOUGH)
    shown = [_flags(spot.point, differ) for spot in spots]
    return _List(head, tuple(zip(lines, shown, strict=True)))


def _differing(points: Sequence[Point], flags: Sequence[str]) -> tuple[str, ...]:
    """Of the flags, those that are not the same on the whole front; all of them for one point."""
    found = tuple(f for f in flags if len({repr(p.parameters.get(f)) for p in points}) > 1)
    return found or tuple(flags)


def _flags(point: Point, flags: Sequence[str]) -> Line:
    if point.baseline:
        return (Span("baseline", Tone.BASE),)
    shown = [name for name in flags if name in point.parameters] or list(point.parameters)
    text = " ".join(f"{words.short(n)}={words.value(point.parameters[n])}" for n in shown)
    return (Span(text) if text else Span("the engine's defaults", Tone.DIM),)


def _cut(lines: Sequence[Line], cells: int, rows: int) -> list[Line]:
    if len(lines) <= rows:
        return list(lines)
    if rows <= 1:
        return []
    more = Span("… and more", Tone.DIM)
    return [*lines[: rows - 1], fit(line(more), cells)]


def _beside(left: Sequence[Line], right: Sequence[Line], at: int) -> list[Line]:
    rows = max(len(left), len(right))
    blank: Line = ()
    return [
        (*pad(left[n] if n < len(left) else blank, at), *(right[n] if n < len(right) else blank))
        for n in range(rows)
    ]
