"""A task's head and its table of results."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.metrics import Measurement
from core.store.views import ExperimentView, TaskDetail, TaskView
from core.values import ExperimentState, TaskState
from tui.line import Line, Span, Tone, apart, line
from tui.snapshot import at_work, experiment
from tui.views import words
from tui.views.gains import delta, lower_is_better
from tui.views.layout import Column, Grid, Row
from tui.views.phases import parameters, phase_line
from tui.views.tasks import outcome

_LABEL = 7


def head_lines(detail: TaskDetail, now: float, cells: int) -> list[Line]:
    """Five lines: what, best so far, its flags, the running experiment, its phases."""
    task = detail.task
    return [_title(task, now, cells), *_best_lines(detail), *_now_lines(detail, now, cells)]


def _title(task: TaskView, now: float, cells: int) -> Line:
    about = (task.engine, task.model, task.objective)
    what = " · ".join(about if cells >= 100 else about[:2])
    right: list[Span | str] = [words.task_state(task.state, task.verdict)]
    right.append(f" {words.progress(task.done, task.planned)}")
    if task.state is TaskState.RUNNING and task.deadline is not None:
        left = words.duration(max(0.0, task.deadline - now))
        right.append(Span(f"  at most {left} left", Tone.DIM))
    if task.simulated:
        right += ["  ", words.SIMULATED]
    name = line(" ", Span(task.name, Tone.STRONG), Span(f" · {what}", Tone.DIM))
    return apart(name, line(*right, " "), cells)


def _label(text: str) -> Span:
    return Span(f" {text:<{_LABEL - 1}}", Tone.DIM)


def _best_lines(detail: TaskDetail) -> list[Line]:
    task = detail.task
    best = experiment(detail, task.best)
    if best is None or best.score is None:
        none = "none" if task.state.final else "none yet"
        return [line(_label("best"), Span(none, Tone.DIM)), ()]
    score = words.number(best.score, words.places([best.score], 4)).text
    parts: list[Span | str] = [_label("best"), Span(f"#{best.number}  {score}", Tone.BEST)]
    parts.append(f" {task.unit}")
    gain = words.gain(delta(task))
    if best.baseline:
        parts.append("  the baseline itself")
    elif gain:
        parts.append(f"  {gain} % against the baseline")
    if task.verdict and not best.baseline:
        parts += ["  ", words.verdict(task.verdict), Span(_certainty(task), Tone.DIM)]
    return [line(*parts), line(_label(""), *parameters(best))]


def _certainty(task: TaskView) -> str:
    if task.verdict is None or task.verdict.interval is None:
        return ""
    low, high = (words.gain(end) for end in task.verdict.interval)
    return f" ({low} … {high} %)"


def _now_lines(detail: TaskDetail, now: float, cells: int) -> list[Line]:
    busy = at_work(detail)
    if busy is None:
        return [line(_label("now"), *_ended(detail.task)), ()]
    note = Span(f"   {detail.task.note}", Tone.DIM) if detail.task.note else ""
    return [
        line(_label("now"), Span(f"#{busy.number}  ", Tone.RUN), *parameters(busy), note),
        line(_label(""), *phase_line(busy, now, cells - _LABEL)),
    ]


def _ended(task: TaskView) -> Line:
    """How long a task took that has a best; what `outcome` says of any other."""
    if task.state is TaskState.COMPLETED and task.best is not None and task.started and task.ended:
        return line(Span(f"done in {words.duration(task.ended - task.started)}", Tone.DIM))
    return outcome(task)


def varying(experiments: Sequence[ExperimentView]) -> tuple[str, ...]:
    """Flags that are not the same in all experiments beside the baseline."""
    tried = [view.parameters for view in experiments if not view.baseline]
    names = dict.fromkeys(name for flags in tried for name in flags)
    return tuple(n for n in names if len({repr(flags.get(n)) for flags in tried}) > 1)


def chosen(view: ExperimentView) -> Measurement | None:
    """The measurement that gave the score."""
    if view.chosen is None or not 0 <= view.chosen < len(view.measurements):
        return None
    return view.measurements[view.chosen].data


def ordered(detail: TaskDetail, by_score: bool) -> list[ExperimentView]:
    """Newest first, or best first: what meets the SLO, then what misses it, then the rest."""
    newest = sorted(detail.experiments, key=lambda view: -view.number)
    if not by_score:
        return newest
    sign = 1 if lower_is_better(detail.task) else -1

    def rank(view: ExperimentView) -> tuple[int, float]:
        if view.score is None:
            return (2, 0.0)
        return (0 if view.feasible else 1, sign * view.score)

    return sorted(newest, key=rank)


def result_grid(detail: TaskDetail, by_score: bool) -> Grid:
    """The results: only parameters that vary, then the numbers, then what to make of them."""
    views = ordered(detail, by_score)
    flags = varying(detail.experiments)
    data = [chosen(view) for view in views]

    def numbers(pick: Callable[[Measurement], float | None], digits: int = 3) -> list[Line]:
        return [(s,) for s in words.numbers([pick(m) if m else None for m in data], digits)]

    flag_columns = [Column(words.short(flag), right=True, rank=2) for flag in flags]
    flag_cells = [_flag_cells(views, flag) for flag in flags]
    columns = (
        Column("#" if by_score else "#▾", right=True),
        *flag_columns,
        Column("score▾" if by_score else "score", detail.task.unit, right=True),
        *([Column("output", "tok/s", right=True, rank=4)] if detail.task.unit != "tok/s" else []),
        Column("TTFT", "p95 ms", right=True, rank=1),
        Column("TPOT", "p95 ms", right=True, rank=1),
        Column("E2E", "p95 s", right=True, rank=6),
        Column("load", right=True, rank=3),
        Column("errors", "%", right=True, rank=5),
        Column("SLO", grow=True, least=25),
    )
    cells = [
        [line(str(view.number)) for view in views],
        *flag_cells,
        _scores(detail, views),
        *([numbers(lambda m: m.throughput, 4)] if detail.task.unit != "tok/s" else []),
        numbers(lambda m: _ms(m.ttft.p95)),
        numbers(lambda m: _ms(m.tpot.p95)),
        numbers(lambda m: m.e2e.p95),
        [line(str(m.concurrency)) if m else (words.NONE,) for m in data],
        numbers(lambda m: m.error_rate * 100, 2),
        [_remark(detail, view) for view in views],
    ]
    keys = [str(view.number) for view in views]
    return Grid(
        columns, tuple(Row(k, c) for k, c in zip(keys, zip(*cells, strict=True), strict=True))
    )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


def _flag_cells(views: Sequence[ExperimentView], flag: str) -> list[Line]:
    """A flag's values; numbers line up on their decimal point."""
    spans = [
        Span(words.value(view.parameters[flag])) if flag in view.parameters else words.NONE
        for view in views
    ]
    if any(isinstance(view.parameters.get(flag, 0), str) for view in views):
        return [(span,) for span in spans]
    decimals = max(len(span.text.partition(".")[2]) for span in spans)
    return [(words.after_point(span, decimals),) for span in spans]


def _scores(detail: TaskDetail, views: Sequence[ExperimentView]) -> list[Line]:
    spans = words.numbers([view.score for view in views], 4)
    best = detail.task.best
    return [
        (Span(span.text, Tone.BEST) if view.number == best else span,)
        for span, view in zip(spans, views, strict=True)
    ]


def _remark(detail: TaskDetail, view: ExperimentView) -> Line:
    """Mark and word: met or what was missed first, best, baseline; what went wrong."""
    if view.failure:
        return (Span(f"✖ {words.failure(view.failure)}", Tone.BAD),)
    if view.state not in (ExperimentState.SUCCEEDED, ExperimentState.INFEASIBLE):
        return (words.experiment_state(view.state),)
    met = view.state is ExperimentState.SUCCEEDED
    parts: list[Span | str] = [Span("✔", Tone.GOOD) if met else Span("✖", Tone.BAD)]
    if view.number == detail.task.best:
        parts.append(Span(" best", Tone.BEST))
    if view.baseline:
        parts.append(Span(" baseline", Tone.BASE))
    if breach := _breach(view):
        parts.append(Span(f" {breach}", Tone.BAD))
    return line(*parts)


def _breach(view: ExperimentView) -> str:
    if view.chosen is None or not 0 <= view.chosen < len(view.measurements):
        return ""
    return next((b.replace("_", " ") for b in view.measurements[view.chosen].breaches), "")
