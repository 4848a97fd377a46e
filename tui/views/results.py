"""The results of a task as a table: flags that vary, figures, what to make of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from core import score
from core.metrics import Measurement
from core.store.views import Overview, ResultPage, ResultQuery, ResultRow, TaskView
from core.values import ExperimentState, Objective
from tui.line import Line, Span, Tone, apart, line, width
from tui.views import words
from tui.views.gains import lower_is_better
from tui.views.layout import Column, Grid, Row
from tui.views.trust import any_low, legend, low, marks
from tui.views.verdict import best_alike, confirming, gain_decimals, worth


@dataclass(frozen=True, slots=True)
class Scale:
    """How many decimals each column has, whether GPUs are told apart, and whether there is a
    percentile that rests on too few requests.

    It follows from the task, not from the rows in view, so that nothing jumps while one
    scrolls; what only rows tell (decimals of flags, GPU counts, `low`) grows.
    """

    score: int = 0
    throughput: int = 0
    ttft: int = 0
    tpot: int = 1
    e2e: int = 2
    flags: tuple[tuple[str, int], ...] = ()
    gpus: frozenset[int] = frozenset()
    low: bool = False

    def grown(self, overview: Overview, rows: Sequence[ResultRow]) -> Scale:
        """As the task stands now, with what these rows add."""
        known = dict(self.flags)
        for name in overview.flags:
            found = [_decimals(row.parameters.get(name)) for row in rows]
            known[name] = max([known.get(name, 0), *found])
        gpus = self.gpus | {row.gpus for row in rows}
        low = self.low or any_low(row.measured.data for row in rows if row.measured)
        return replace(_measured(overview), flags=tuple(known.items()), gpus=gpus, low=low)


def _measured(overview: Overview) -> Scale:
    """From the best; until there is one, what is usual."""
    task, data = overview.task, _of_best(overview)
    known = task.best_score or task.baseline_score
    digits = words.places([known], 4) if known else (3 if task.unit == "s" else 0)
    digits = worth(task, known, digits)
    if data is None:
        return Scale(score=digits)
    return Scale(
        digits,
        worth(task, data.throughput, words.places([data.throughput], 4)),
        words.places([_ms(data.ttft.p95)]),
        words.places([_ms(data.tpot.p95)]),
        words.places([data.e2e.p95]),
    )


@dataclass(frozen=True, slots=True)
class Field:
    """A column of results: `name` is what a query calls it. `falling`: sorted by it for the
    first time, the largest comes first.
    """

    name: str
    column: Column
    cell: Callable[[ResultRow], Line]
    falling: bool = False

    @property
    def title(self) -> str:
        """What hiding calls it; the gain has no name of its own in a query."""
        return self.name or self.column.title

    @property
    def label(self) -> str:
        """With its unit, for a list to choose from."""
        return f"{self.column.title} {self.column.unit}".strip()


def fields(overview: Overview, scale: Scale) -> tuple[Field, ...]:
    """Every column there is, from left to right, without the remark at the end."""
    flags = [_flag(name, dict(scale.flags).get(name, 0)) for name in overview.flags]
    number = Column("#", right=True)
    shared = (*_scores(overview.task, scale), *_latencies(scale), *_others(scale))
    engine = Field("engine", Column("engine", rank=1), lambda row: line(row.engine))
    return (
        Field("number", number, lambda row: line(str(row.number)), falling=True),
        *([engine] if len(overview.task.engines) > 1 else []),
        *flags,
        *shared,
    )


def result_grid(
    overview: Overview, rows: Sequence[ResultRow], query: ResultQuery, scale: Scale,
    hidden: Collection[str] = (),
) -> Grid:  # fmt: skip
    """These rows; the column they are sorted by says so and stays when the room is short."""
    shown = [one for one in fields(overview, scale) if one.title not in hidden]
    columns = [_header(one, query) for one in shown]
    columns.append(Column("SLO", grow=True, least=20))
    cells = [
        Row(str(row.number), (*(one.cell(row) for one in shown), _remark(overview, row)))
        for row in rows
    ]
    return Grid(tuple(columns), tuple(cells))


def _header(field: Field, query: ResultQuery) -> Column:
    if field.name != query.sort:
        return field.column
    arrow = "↓" if query.descending else "↑"
    return replace(field.column, title=field.column.title + arrow, rank=0)


def _of_best(overview: Overview) -> Measurement | None:
    best = overview.best
    if best is None or best.chosen is None or not 0 <= best.chosen < len(best.measurements):
        return None
    return best.measurements[best.chosen].data


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


def _decimals(value: object) -> int:
    return len(f"{value:g}".partition(".")[2]) if isinstance(value, float) else 0


def _flag(name: str, decimals: int) -> Field:
    """A flag's values; numbers line up on their decimal point."""

    def cell(row: ResultRow) -> Line:
        value = row.parameters.get(name)
        span = words.NONE if value is None else Span(words.value(value))
        return (span if isinstance(value, str) else words.after_point(span, decimals),)

    return Field(name, Column(words.short(name), right=True, rank=2), cell)


def _scores(task: TaskView, scale: Scale) -> tuple[Field, ...]:
    alike, decimals = best_alike(task), gain_decimals(task)

    def scored(row: ResultRow) -> Line:
        span = _number(row.score, scale.score)
        return (replace(span, tone=Tone.BEST) if row.number in alike else span,)

    def gained(row: ResultRow) -> Line:
        gain = words.gain(gain_of(task, row), decimals)
        return (words.after_point(Span(gain) if gain else words.NONE, decimals),)

    column = Column("score", task.unit, right=True)
    found = [
        Field("score", column, scored, falling=not lower_is_better(task)),
        Field("", Column("Δ base", "%", right=True, rank=4), gained),
    ]
    if task.unit != "tok/s":
        output = Column("output", "tok/s", right=True, rank=5)
        found.append(
            _figure("throughput", output, lambda m: m.throughput, scale.throughput, falling=True)
        )
    return tuple(found)


def _latencies(scale: Scale) -> tuple[Field, ...]:
    def p95(unit: str, title: str, rank: int) -> Column:
        return Column(title, f"p95 {unit}", right=True, rank=rank)

    found = (
        _figure("ttft_p95", p95("ms", "TTFT", 1), lambda m: _ms(m.ttft.p95), scale.ttft),
        _figure("tpot_p95", p95("ms", "TPOT", 1), lambda m: _ms(m.tpot.p95), scale.tpot),
        _figure("e2e_p95", p95("s", "E2E", 7), lambda m: m.e2e.p95, scale.e2e),
    )
    return tuple(map(_doubted, found)) if scale.low else found


def _doubted(field: Field) -> Field:
    """With the mark of a percentile that too few requests stand behind."""

    def cell(row: ResultRow) -> Line:
        mark = low(row.measured.data, "p95") if row.measured else Span(" ")
        return (*field.cell(row), mark)

    return replace(field, cell=cell)


def _others(scale: Scale) -> tuple[Field, ...]:
    load = Column("load", right=True, rank=3)
    met = Column("SLO met", "%", right=True, rank=5)
    errors = Column("errors", "%", right=True, rank=6)
    gpus = Column("GPUs", right=True, rank=4)
    found = (
        _figure("concurrency", load, lambda m: m.concurrency, 0),
        Field("attainment", met, _met, falling=True),
        _figure("error_rate", errors, lambda m: m.error_rate * 100, 1),
    )
    if len(scale.gpus) < 2:
        return found
    return (*found, Field("gpus", gpus, lambda row: line(str(row.gpus))))


def _met(row: ResultRow) -> Line:
    """Nothing where no limit is one that a single request can meet."""
    share = row.measured.data.attainment if row.measured else None
    return () if share is None else (words.after_point(Span(words.share(share)), 1),)


def _figure(
    name: str, column: Column, pick: Callable[[Measurement], float | None], decimals: int,
    *, falling: bool = False,
) -> Field:  # fmt: skip
    def cell(row: ResultRow) -> Line:
        return (_number(pick(row.measured.data) if row.measured else None, decimals),)

    return Field(name, column, cell, falling)


def _number(value: float | None, decimals: int) -> Span:
    return words.after_point(words.number(value, decimals), decimals)


def gain_of(task: TaskView, row: ResultRow) -> float | None:
    """Against the baseline; 0.38 is 38 % better. None for the baseline itself."""
    if row.baseline or row.score is None or task.baseline_score is None:
        return None
    return score.gain(Objective(task.objective), row.score, task.baseline_score)


def _remark(overview: Overview, row: ResultRow) -> Line:
    """Also of one that is started again, which keeps its state."""
    said = remark(overview.task, row)
    busy = overview.busy
    again = busy is not None and busy.number == row.number and confirming(overview)
    return (*said, Span(" ▸ confirming", Tone.RUN)) if again else said


def remark(task: TaskView, row: ResultRow) -> Line:
    """Mark and word: met or what was missed first, best, baseline; what went wrong, or is in
    doubt. What cannot be told apart from the best is marked as it is.
    """
    if row.failure:
        base = Span("  baseline", Tone.BASE) if row.baseline else ""
        return line(Span(f"✖ {words.failure(row.failure)}", Tone.BAD), base)
    if row.state not in (ExperimentState.SUCCEEDED, ExperimentState.INFEASIBLE):
        return (words.experiment_state(row.state),)
    met = row.state is ExperimentState.SUCCEEDED
    parts: list[Span | str] = [Span("✔", Tone.GOOD) if met else Span("✖", Tone.BAD)]
    if row.number in (alike := best_alike(task)):
        parts.append(Span(" ≈ best" if len(alike) > 1 else " best", Tone.BEST))
    if row.baseline:
        parts.append(Span(" baseline", Tone.BASE))
    if breach := _breach(row):
        parts.append(Span(f" {breach}", Tone.BAD))
    if row.measured and (doubts := marks(row.measured.data)):
        parts.append(Span(f" {', '.join(doubts)}", Tone.WARN))
    return line(*parts)


def _breach(row: ResultRow) -> str:
    breaches = row.measured.breaches if row.measured else ()
    return words.breach(breaches[0]) if breaches else ""


def nothing(overview: Overview, page: ResultPage) -> tuple[Line, ...]:
    """What stands where there are no rows."""
    if page.total:
        said = "No experiment is like that. ", Span("esc", Tone.KEY), " takes the filter away."
        return (), line(*said)
    if overview.task.state.final:
        return (), line(Span("No experiment was made.", Tone.DIM))
    return (
        (),
        line(Span("No experiment yet: the first one appears here when it begins.", Tone.DIM)),
    )


def bar_line(
    page: ResultPage, text: str, marks: int, trouble: str | None, cells: int,
    *, low: bool = False, spent: str = "",
) -> Line:  # fmt: skip
    """Over the table: how many rows of how many, what they are filtered by, what is marked;
    where there is room what a mark for few requests means and what of the budget is `spent`.
    """
    whole = words.count(page.total)
    if text.strip():
        left = line(f" {words.count(page.matching)} of {whole}  ", Span(text, Tone.KEY))
    else:
        left = line(Span(f" {whole} experiment{'' if page.total == 1 else 's'}", Tone.DIM))
    if trouble:
        left = (*left, Span(f"  ✖ {trouble}", Tone.BAD))
    right = line(Span(f"• {marks} marked", Tone.KEY), " ") if marks else ()
    if low and width(left) + width(legend()) + width(right) + 5 <= cells:
        left = (*left, Span("   "), *legend())
    if spent and width(left) + len(spent) + width(right) + 5 <= cells:
        right = (Span(f"{spent} ", Tone.DIM), *right)
    return apart(left, right, cells)
