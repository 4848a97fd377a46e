"""The GPUs: a table with gauges, a line on all of them, a few lines on one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from core.gpu import Gpu, GpuProcess
from core.values import TaskState
from tui.history import SPAN, History, gpu_key, memory_share
from tui.line import Line, Span, Tone, apart, fit, line, wrap
from tui.snapshot import Snapshot
from tui.views import words
from tui.views.bars import GIB, gauge, spark, tone
from tui.views.layout import Column, Grid, Row
from tui.views.plot import Axis, Note, Series, xy

_OLD = 10.0  # seconds after which figures are said to be old
_NOTHING = Span("free", Tone.DIM)


def gpu_grid(gpus: Sequence[Gpu], history: History, cells: int) -> Grid:
    """One row a GPU; gauges and histories are longer where there is room."""
    bar, past = (8, 10) if cells < 100 else (14, 20)
    columns = (
        Column("#", right=True),
        Column("name", rank=4),
        Column("memory", "GiB"),
        Column("util", "%", right=True),
        Column("power", "W", right=True, rank=1),
        Column("temp", "°C", right=True, rank=2),
        Column("last 2 min", "util", rank=3),
        Column("who", grow=True, least=14),
    )
    parts = [
        [line(str(gpu.index)) for gpu in gpus],
        [line(short_name(gpu)) for gpu in gpus],
        _memory(gpus, bar),
        _whole([None if gpu.utilisation is None else gpu.utilisation * 100 for gpu in gpus]),
        _power(gpus),
        _whole([gpu.temperature for gpu in gpus]),
        [line(spark(history.levels(gpu_key(gpu), past))) for gpu in gpus],
        [who(gpu) for gpu in gpus],
    ]
    rows = zip((gpu_key(gpu) for gpu in gpus), zip(*parts, strict=True), strict=True)
    return Grid(columns, tuple(Row(key, row) for key, row in rows))


def short_name(gpu: Gpu) -> str:
    return gpu.name.removeprefix("NVIDIA ")


def who(gpu: Gpu) -> Line:
    """Who uses a GPU: what tells a stranger comes first, so that a cut leaves it."""
    if gpu.lost:
        return line(Span("✖ lost", Tone.BAD))
    ours = ", ".join(dict.fromkeys(one.ours for one in gpu.processes if one.ours))
    foreign = [one for one in gpu.processes if not one.ours]
    parts: list[Span | str] = [Span(ours, Tone.RUN)] if ours else []
    if foreign:
        more = f" +{len(foreign) - 1}" if foreign[1:] else ""
        first = f"not ours: pid {foreign[0].pid} {foreign[0].name}{more}"
        parts += [", " if ours else "", Span(first, Tone.WARN)]
    if gpu.used_unseen:
        return line(Span("not ours: cannot be seen", Tone.WARN))
    return line(*parts) or (_NOTHING,)


def head_line(view: Snapshot, now: float, cells: int) -> Line:
    """How many of which, and their sums; or what is wrong with the figures."""
    live = view.live
    counted = Counter(short_name(gpu) for gpu in live.gpus)
    names = ", ".join(f"{count} × {name}" for name, count in counted.items())
    left = line(" ", Span(names, Tone.STRONG)) if names else ()
    if live.at and now - live.at > _OLD:
        old = f"seen {words.duration(now - live.at)} ago"
        why = "" if view.runner.alive else ", no runner is at work"
        return apart(left, line(Span(f"{old}{why} ", Tone.WARN)), cells)
    if not live.gpus:
        return ()
    if live.gpu_note:
        return apart(left, line(Span(f"{live.gpu_note} ", Tone.WARN)), cells)
    return apart(left, line(Span(f"{_sums(live.gpus)} ", Tone.DIM)), cells)


def no_gpus(view: Snapshot, cells: int) -> tuple[Line, ...]:
    """What stands in the table's place."""
    if view.live.gpu_note:
        return (
            (),
            *wrap(f"No GPU: {view.live.gpu_note}.", cells),
            (),
            *wrap("Everything else works: engines run on the CPU or are simulated.", cells),
        )
    if view.runner.alive or not view.loaded:
        return (line(Span("reading …", Tone.DIM)),)
    return (
        (),
        line("No figures yet: the runner reads them, and none is at work."),
        line(Span("autotuner-tui run TASK.yaml", Tone.KEY), "   starts one"),
    )


def about_gpu(gpu: Gpu | None, cells: int) -> list[Line]:
    """Up to three lines on one GPU: its full name, its identity, everyone who uses it."""
    if gpu is None:
        return []
    number = Span(f" GPU {gpu.index}  ", Tone.STRONG)
    title = line(number, gpu.name, Span(f"  {gpu.uuid}", Tone.DIM))
    if gpu.lost:
        said = "It fell off the bus; the kernel's log says why (Xid). Reset it or restart."
        return [title, *((Span(" "), *part) for part in wrap(said, cells - 1, Tone.BAD))]
    users = " · ".join(_user(one) for one in gpu.processes)
    said = users or ("its memory is in use by nobody to be seen" if gpu.used_unseen else "")
    below = wrap(said, cells - 1, tone(gpu))
    return [fit(title, cells), *((Span(" "), *part) for part in below[:2])]


def past_plot(gpu: Gpu | None, history: History, cells: int, rows: int) -> list[Line]:
    """Utilisation and memory of one GPU over the last two minutes."""
    if gpu is None or cells <= 0 or rows <= 0:
        return []
    points = history.points.get(gpu_key(gpu), ())
    busy = _past([(at - history.at, v) for at, v, _ in points])
    full = _past([(at - history.at, v) for at, _, v in points])
    series = (Series("memory", full, Tone.BASE, ""), Series("utilisation", busy, Tone.RUN, ""))
    if not busy and not full:
        said = "This GPU tells neither how busy it is nor how full."
        return wrap(said, cells, Tone.DIM)[:rows]
    # The names stand on the lines, too: their colours are not to be the only difference.
    notes = [
        Note(one.points[-1][0] - 2, one.points[-1][1], f"{one.name} {one.points[-1][1]:.0f} %",
             one.tone)
        for one in series if one.points
    ]  # fmt: skip
    return xy(
        series, cells, rows, notes=notes,
        x=Axis("seconds, 0 is now", low=-SPAN, high=0.0), y=Axis("%", low=0.0, high=100.0),
    )  # fmt: skip


def _past(points: Sequence[tuple[float, float | None]]) -> tuple[tuple[float, float], ...]:
    """In per cent; a gap where nobody looked for a while."""
    found: list[tuple[float, float]] = []
    for at, level in points:
        if level is None:
            continue
        if found and at - found[-1][0] > _OLD:
            found.append((math.nan, math.nan))
        found.append((at, min(1.0, max(0.0, level)) * 100))
    return tuple(found)


def work_of(view: Snapshot, gpu: Gpu) -> tuple[str, int] | None:
    """Task and number of the experiment of ours on a GPU; None: there is none, or its task is
    not known any more. Of tasks with the same name the running, then the newest one.
    """
    for one in gpu.processes:
        name, _, number = (one.ours or "").rpartition(" #")
        named = [task for task in view.tasks if task.name == name]
        if named and number.isdecimal():
            running = (task for task in named if task.state is TaskState.RUNNING)
            return next(running, named[0]).id, int(number)
    return None


def _user(one: GpuProcess) -> str:
    held = "" if one.memory is None else f" {one.memory / GIB:.1f} GiB"
    return f"pid {one.pid} {one.name}{held} ({one.ours or 'not ours'})"


def _memory(gpus: Sequence[Gpu], bar: int) -> list[Line]:
    """Gauge and numbers, lined up on the decimal points."""
    used = [_gib(gpu.memory_used if memory_share(gpu) is not None else None) for gpu in gpus]
    total = [_gib(gpu.memory_total if memory_share(gpu) is not None else None) for gpu in gpus]
    most = max((len(text) for text in used), default=0)
    room = max((len(text) for text in total), default=0)
    lines = []
    for gpu, now, of in zip(gpus, used, total, strict=True):
        part = memory_share(gpu)
        if part is None:
            lines.append(line(" " * (bar + 1), Span(now.rjust(most), Tone.DIM)))
        else:
            numbers = f" {now.rjust(most)}/{of.rjust(room)}"
            lines.append(line(*gauge(part, bar, tone(gpu)), numbers))
    return lines


def _power(gpus: Sequence[Gpu]) -> list[Line]:
    """With the limit, where the driver tells it."""
    lines = []
    for gpu in gpus:
        drawn = words.number(gpu.power, 0)
        known = gpu.power is not None and gpu.power_limit is not None
        limit = f"/{words.number(gpu.power_limit, 0).text}" if known else ""
        lines.append(line(drawn, Span(limit, Tone.DIM)))
    return lines


def _gib(count: int | None) -> str:
    span = words.number(None if count is None else count / GIB, 1)
    return words.after_point(span, 1).text


def _whole(values: Sequence[float | None]) -> list[Line]:
    return [(words.number(value, 0),) for value in values]


def _sums(gpus: Sequence[Gpu]) -> str:
    known = [gpu for gpu in gpus if memory_share(gpu) is not None]
    parts = []
    if known:
        used = sum(gpu.memory_used or 0 for gpu in known) / GIB
        total = sum(gpu.memory_total or 0 for gpu in known) / GIB
        parts.append(f"{used:,.0f} of {total:,.0f} GiB".replace(",", " "))
    power = [gpu.power for gpu in gpus if gpu.power is not None]
    if power:
        parts.append(f"{sum(power) / 1000:.1f} kW")
    return " · ".join(parts)
