"""The head of a task: what it is, the best so far and its verdict, what is tried now and why."""

from __future__ import annotations

from core.metrics import Measurement
from core.store.views import ExperimentView, Overview, ResultRow, TaskView
from core.values import TaskState
from tui.line import Line, Span, Tone, apart, fit, line, width, wrap
from tui.views import words
from tui.views.curves import chosen_measurement
from tui.views.left import left_in_words
from tui.views.phases import parameters, phase_line
from tui.views.progress import best_chart
from tui.views.tasks import outcome
from tui.views.trust import LOW
from tui.views.verdict import closest_text, confirming, verdict_line, worth

HEIGHT = 5
"""Lines of a head without a chart."""
_LABEL = 7


def head_lines(
    overview: Overview,
    now: float,
    cells: int,
    rows: int = HEIGHT,
    closest: ResultRow | None = None,
) -> list[Line]:
    """What, best so far, its verdict, then the experiment at work and its phases. Lines beyond
    these five hold a chart of the best over time. `closest`: where nothing is feasible, the
    row that misses least.
    """
    busy = _now_lines(overview, now, cells)
    best = _best_lines(overview, closest, cells, HEIGHT - 1 - len(busy))
    best += [()] * (HEIGHT - 1 - len(busy) - len(best))
    chart = _chart(overview, now, cells, rows - HEIGHT)
    return [fit(one, cells) for one in (_title(overview, now, cells), *best, *busy, *chart)]


def _chart(overview: Overview, now: float, cells: int, rows: int) -> list[Line]:
    if rows < 4:
        return []
    room = cells - _LABEL - 1
    return [(), *(line(_label(""), *part) for part in best_chart(overview, now, room, rows - 1))]


def _title(overview: Overview, now: float, cells: int) -> Line:
    task = overview.task
    about = (task.engine, task.model, task.objective)
    what = " · ".join(about if cells >= 100 else about[:2])
    right: list[Span | str] = [words.task_state(task, confirming=confirming(overview))]
    right.append(f" {words.progress(task.done, task.planned)}")
    if left := left_in_words(task, now):
        right.append(Span(f"  {left}", Tone.DIM))
    if task.simulated:
        right += ["  ", words.SIMULATED]
    name = line(" ", Span(task.name, Tone.STRONG), Span(f" · {what}", Tone.DIM))
    return apart(name, line(*right, " "), cells)


def _label(text: str) -> Span:
    return Span(f" {text:<{_LABEL - 1}}", Tone.DIM)


def _best_lines(overview: Overview, closest: ResultRow | None, cells: int, most: int) -> list[Line]:
    """The best with its flags; its verdict in at most the rest of `most` lines."""
    task, best = overview.task, overview.best
    if task.verdict and task.verdict.kind == "none_feasible":
        return [
            line(_label("best"), *verdict_line(task)),
            *_nearest(best, closest, cells)[: most - 1],
        ]
    if best is None or best.score is None:
        none = "none" if task.state.final else "none yet"
        return [line(_label("best"), Span(none, Tone.DIM))]
    decimals = worth(task, best.score, words.places([best.score], 4))
    score = words.number(best.score, decimals).text
    role = Span("  the baseline itself", Tone.BASE) if best.baseline else ""
    about = line(_label("best"), Span(f"#{best.number}  {score}", Tone.BEST), f" {task.unit}", role)
    flags = line("  ", *parameters(best, overview.flags or None)) if not best.baseline else ()
    return [(*about, *flags), *_judged(task, best, cells, most - 1)]


def _nearest(best: ExperimentView | None, closest: ResultRow | None, cells: int) -> list[Line]:
    if best is not None:
        said = closest_text(best.number, chosen_measurement(best))
    elif closest is not None:
        said = closest_text(closest.number, closest.measured)
    else:
        return []
    return [line(_label(""), *part) for part in wrap(said, cells - _LABEL - 1, Tone.BAD)]


def _judged(task: TaskView, best: ExperimentView, cells: int, most: int) -> list[Line]:
    """The verdict, wrapped where there are lines for it; beside its last one what was measured,
    as much as there is room for.
    """
    said = verdict_line(task)
    tone = said[0].tone if said else Tone.DIM
    text = "".join(span.text for span in said)
    lines = wrap(text, cells - _LABEL - 1, tone)
    if len(lines) > max(1, most):
        lines = [*lines[: max(0, most - 1)], fit(said, cells - _LABEL - 1)][-max(1, most) :]
    shown = [line(_label(""), *one) for one in lines]
    if not shown:
        return []
    room = cells - width(shown[-1]) - 4
    return [*shown[:-1], apart(shown[-1], _figures(best, room), cells)]


def _figures(best: ExperimentView, room: int) -> Line:
    """As many of the figures as fit, the most important first."""
    data = _told(best)
    if data is None:
        return ()
    found = [f"load {data.concurrency}"]
    if data.attainment is not None:
        found.append(f"SLO met {words.share(data.attainment)} %")
    for name, value in (("TTFT", data.ttft.p95), ("TPOT", data.tpot.p95)):
        if value is not None:
            ms = words.number(value * 1000, words.places([value * 1000])).text
            mark = LOW if "p95" in data.low_statistics else ""
            found.append(f"{name} p95 {ms}{mark} ms")
    while found and width(line("  ".join(found))) > room:
        found.pop()
    return line(Span("  ".join(found), Tone.DIM), " ") if found else ()


def _told(best: ExperimentView) -> Measurement | None:
    """What was measured at the load of its score: all repeats pooled, where there were any."""
    chosen = chosen_measurement(best)
    if chosen is None:
        return None
    pooled = best.confirmed.measurements if best.confirmed else ()
    same = (one.data for one in pooled if one.data.scenario == chosen.data.scenario)
    return next(same, chosen.data)


def _now_lines(overview: Overview, now: float, cells: int) -> list[Line]:
    busy, task = overview.busy, overview.task
    if busy is None:
        ended = line(_label("now"), *_ended(task))
        cure = task.failure.advice if task.failure else ""
        return [ended, line(_label(""), cure)] if cure else [ended]
    number = Span(f"#{busy.number}  ", Tone.RUN)
    flags = parameters(busy, overview.flags or None)
    about: Line
    if confirming(overview):
        about = line(number, Span(task.note or "started again to confirm it"), "   ", *flags)
    else:
        note = Span(f"   {task.note}", Tone.DIM) if task.note else ""
        about = line(number, *flags, note)
    return [
        line(_label("now"), *about),
        line(_label(""), *phase_line(busy, now, cells - _LABEL)),
    ]


def _ended(task: TaskView) -> Line:
    """How long a task took that has a best; what `outcome` says of any other."""
    if task.state is TaskState.COMPLETED and task.started and task.ended and task.verdict:
        return line(Span(f"done in {words.duration(task.ended - task.started)}", Tone.DIM))
    return outcome(task)
