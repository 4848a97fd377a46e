"""Best so far over time, in the few lines that the head of a task has for it."""

from __future__ import annotations

from core.store.views import Overview
from tui.glyphs import utf8_here
from tui.line import Line, Span, Tone, fit, line
from tui.views import words
from tui.views.axes import drawable
from tui.views.canvas import Canvas

_LEAST_CELLS = 30


def best_chart(
    overview: Overview, now: float, cells: int, rows: int, *, utf8: bool | None = None
) -> list[Line]:
    """At most `rows` lines (three are enough) of at most `cells`: the best of those that meet
    the SLO since the task began, the baseline marked, the number of the best at the right.
    """
    task = overview.task
    steps = [step for step in overview.steps if drawable(step[1])]
    if not steps:
        return [fit(line(Span("no result that meets the SLO yet", Tone.DIM)), cells)][
            : max(0, rows)
        ]
    base = _base(overview)
    if cells <= 0:
        return []
    levels = [score for _, score in steps] + ([] if base is None else [base])
    decimals = words.places(levels, 4)
    low, high = min(levels), max(levels)
    top, bottom = words.number(high, decimals).text, words.number(low, decimals).text
    labels = max(len(top) + 5, len(task.unit), len(bottom))
    if cells < labels + _LEAST_CELLS - 10 or rows < 2:
        return [_in_words(steps[-1][1], decimals, task.unit, cells)][: max(0, rows)]
    tail = f" #{task.best}" if task.best is not None else ""
    canvas = Canvas(cells - labels - 2 - len(tail), rows, utf8=_utf8(utf8))
    end = task.ended or max(now, steps[-1][0])
    _step(canvas, steps, (task.started or task.submitted, end), (low, high))
    return _with_labels(canvas, overview, (low, high), (top, bottom), labels, tail, _utf8(utf8))


def _base(overview: Overview) -> float | None:
    score = overview.task.baseline_score
    return score if score is not None and drawable(score) else None


def _utf8(asked: bool | None) -> bool:
    return utf8_here() if asked is None else asked


def _in_words(score: float, decimals: int, unit: str, cells: int) -> Line:
    said = f"best {words.number(score, decimals).text} {unit}"
    return fit(line(Span(said, Tone.BEST)), cells)


def _step(
    canvas: Canvas,
    steps: list[tuple[float, float]],
    time: tuple[float, float],
    levels: tuple[float, float],
) -> None:
    """Level until the next best came, then up to it."""
    before: tuple[int, int] | None = None
    for at, score in steps:
        x, y = _across(canvas, at, time), _height(canvas, score, levels)
        if before is not None:
            canvas.segment(before, (x, before[1]), Tone.BEST)
            canvas.segment((x, before[1]), (x, y), Tone.BEST)
        before = (x, y)
    if before is not None:
        canvas.segment(before, (canvas.width - 1, before[1]), Tone.BEST)


def _across(canvas: Canvas, at: float, time: tuple[float, float]) -> int:
    start, end = time
    part = (at - start) / (end - start) if end > start else 0.0
    return round(min(1.0, max(0.0, part)) * (canvas.width - 1))


def _height(canvas: Canvas, score: float, levels: tuple[float, float]) -> int:
    """From above; in the middle when there is one level only."""
    low, high = levels
    part = (score - low) / (high - low) if high > low else 0.5
    return round((1 - part) * (canvas.height - 1))


def _with_labels(
    canvas: Canvas,
    overview: Overview,
    levels: tuple[float, float],
    texts: tuple[str, str],
    labels: int,
    tail: str,
    utf8: bool,
) -> list[Line]:
    task, base = overview.task, _base(overview)
    last = next(score for _, score in reversed(overview.steps) if drawable(score))
    if base is not None:
        row = _height(canvas, base, levels) // canvas.down
        _name_baseline(canvas, row)
    at_end = _height(canvas, last, levels) // canvas.down
    left = [""] * canvas.rows
    if levels[0] < levels[1]:
        left[0], left[-1] = f"best{texts[0]:>{labels - 4}}", f"{texts[1]:>{labels}}"
    else:
        left[at_end] = f"best{texts[0]:>{labels - 4}}"
    ticks = {row for row, text in enumerate(left) if text}
    if (unit := next((row for row, text in enumerate(left) if row and not text), 0)) > 0:
        left[unit] = task.unit
    edge, tick = ("│", "┤") if utf8 else ("|", "+")
    drawn = canvas.lines()
    return [
        line(
            Span(f"{left[row]:<{labels}} {tick if row in ticks else edge}", Tone.DIM),
            *drawn[row],
            Span(tail, Tone.BEST) if row == at_end else "",
        )
        for row in range(canvas.rows)
    ]


def _name_baseline(canvas: Canvas, row: int) -> None:
    text = "← baseline"
    free = [c for c in range(canvas.cells - len(text)) if not canvas.covered(c, row, len(text) + 1)]
    if free:
        canvas.text(free[0] + 1, row, text, Tone.BASE)
