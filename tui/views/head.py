"""The head of a task: what it is, the best so far, what is tried now and why."""

from __future__ import annotations

from core.store.views import ExperimentView, Overview, TaskView
from core.values import TaskState
from tui.line import Line, Span, Tone, apart, fit, line, width
from tui.views import words
from tui.views.gains import delta
from tui.views.phases import parameters, phase_line
from tui.views.progress import best_chart
from tui.views.tasks import outcome

HEIGHT = 5
"""Lines of a head without a chart."""
_LABEL = 7


def head_lines(overview: Overview, now: float, cells: int, rows: int = HEIGHT) -> list[Line]:
    """What, best so far, its flags, then the experiment at work and its phases. Lines beyond
    these five hold a chart of the best over time.
    """
    best, busy = _best_lines(overview, cells), _now_lines(overview, now, cells)
    chart = _chart(overview, now, cells, rows - HEIGHT)
    return [_title(overview.task, now, cells), *best, *busy, *chart]


def _chart(overview: Overview, now: float, cells: int, rows: int) -> list[Line]:
    if rows < 4:
        return []
    room = cells - _LABEL - 1
    return [(), *(line(_label(""), *part) for part in best_chart(overview, now, room, rows - 1))]


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


def _best_lines(overview: Overview, cells: int) -> list[Line]:
    task, best = overview.task, overview.best
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
    return [line(*parts), _best_flags(overview, best, cells)]


def _best_flags(overview: Overview, best: ExperimentView, cells: int) -> Line:
    """Its flags, and at the right what was measured with them where there is room."""
    flags = fit(line(_label(""), *parameters(best, overview.flags or None)), cells)
    measured = _figures(best)
    if width(flags) + width(measured) + 4 > cells:
        return flags
    return apart(flags, line(*measured, " "), cells)


def _figures(best: ExperimentView) -> Line:
    if best.chosen is None or not 0 <= best.chosen < len(best.measurements):
        return ()
    data = best.measurements[best.chosen].data
    said = [f"load {data.concurrency}"]
    for name, value in (("TTFT", data.ttft.p95), ("TPOT", data.tpot.p95)):
        if value is not None:
            ms = words.number(value * 1000, words.places([value * 1000])).text
            said.append(f"{name} p95 {ms} ms")
    return line(Span("  ".join(said), Tone.DIM))


def _certainty(task: TaskView) -> str:
    if task.verdict is None or task.verdict.interval is None:
        return ""
    low, high = (words.gain(end) for end in task.verdict.interval)
    return f" ({low} … {high} %)"


def _now_lines(overview: Overview, now: float, cells: int) -> list[Line]:
    busy, task = overview.busy, overview.task
    if busy is None:
        return [line(_label("now"), *_ended(task)), ()]
    note = Span(f"   {task.note}", Tone.DIM) if task.note else ""
    flags = parameters(busy, overview.flags or None)
    return [
        line(_label("now"), Span(f"#{busy.number}  ", Tone.RUN), *flags, note),
        line(_label(""), *phase_line(busy, now, cells - _LABEL)),
    ]


def _ended(task: TaskView) -> Line:
    """How long a task took that has a best; what `outcome` says of any other."""
    if task.state is TaskState.COMPLETED and task.best is not None and task.started and task.ended:
        return line(Span(f"done in {words.duration(task.ended - task.started)}", Tone.DIM))
    return outcome(task)
