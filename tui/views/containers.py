"""The containers: a table of ours and of others that hold GPUs, and one of them in full."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from core.store.views import ContainerView, LiveView
from tui.asking import Environment
from tui.line import Line, Span, Tone, apart, fit, labelled, line, wrap
from tui.snapshot import Snapshot
from tui.views import words
from tui.views.bars import GIB
from tui.views.environment import environment_lines
from tui.views.layout import Column, Grid, Row

ENDED = frozenset({"created", "exited", "dead"})
"""States in which nothing runs in a container."""

_LABEL = 16
_OLD = 10.0  # seconds after which figures are said to be old
_ONE_DECIMAL = 1

_STATES = {
    "created": Span("◌ created", Tone.DIM),
    "running": Span("● running", Tone.RUN),
    "paused": Span("‖ paused", Tone.WARN),
    "restarting": Span("◌ restarting", Tone.WARN),
    "removing": Span("◌ removing", Tone.DIM),
    "exited": Span("▪ exited", Tone.WARN),
    "dead": Span("✖ dead", Tone.BAD),
}


def container_grid(view: Snapshot, now: float) -> Grid:
    """One row a container, ours first; others are dimmed."""
    columns = (
        Column("Container", grow=True, least=14),
        Column("Task", rank=1),
        Column("Image", rank=4),
        Column("State"),
        Column("Up", right=True, rank=3),
        Column("Ports", rank=5),
        Column("CPU", "cores", right=True, rank=2),
        Column("Memory", "GiB", right=True),
        Column("GPUs"),
    )
    containers = sorted(view.live.containers, key=lambda one: not one.ours)
    cpu = _column([one.cpu for one in containers])
    memory = _column([None if one.memory is None else one.memory / GIB for one in containers])
    indices = _indices(view.live)
    rows = []
    for index, one in enumerate(containers):
        cells = (
            line(one.name or one.id[:12]),
            fit(line(owner(view, one)), 26),
            fit(line(short_image(one.image)), 36),
            line(state(one)),
            line(_uptime(one, now)),
            line(", ".join(_port(port) for port in one.ports)),
            (cpu[index],),
            (memory[index],),
            line(", ".join(indices.get(name, _short_gpu(name)) for name in one.gpus)),
        )
        rows.append(Row(one.id, cells if one.ours else tuple(_dimmed(cell) for cell in cells)))
    return Grid(columns, tuple(rows))


def head_line(view: Snapshot, now: float, cells: int) -> Line:
    """How many of whom; or how old that is."""
    live = view.live
    ours = sum(one.ours for one in live.containers)
    others = len(live.containers) - ours
    left: Line = ()
    if live.containers:
        more = f"  {others} of others on GPUs" if others else ""
        left = line(Span(f" {ours} of ours", Tone.STRONG), Span(more, Tone.DIM) if more else "")
    if live.at and now - live.at > _OLD:
        why = "" if view.runner.alive else ", no runner is at work"
        old = f"seen {words.duration(now - live.at)} ago{why} "
        return apart(left, (Span(old, Tone.WARN),), cells)
    return left


def no_containers(view: Snapshot, cells: int) -> tuple[Line, ...]:
    """What stands in the table's place."""
    live, cells = view.live, max(20, min(76, cells))
    if live.container_note:
        return (
            (),
            *wrap(f"No containers: {live.container_note}", cells),
            (),
            line(Span("autotuner-tui doctor", Tone.KEY), "   says what is missing and what to do"),
            line("Tasks with `deploy: process` need no Docker."),
        )
    if not live.at and (view.runner.alive or not view.loaded):
        return (line(Span("reading …", Tone.DIM)),)
    if not live.at:
        return (
            (),
            line("Not looked yet: the runner does that, and none is at work."),
            line(Span("autotuner-tui run TASK.yaml", Tone.KEY), "   starts one"),
        )
    expected = (
        "No containers. A task with `deploy: docker` starts a clean one for each experiment; "
        "it appears here with its GPUs, CPU and memory. Containers of others are shown, "
        "greyed, when they hold GPUs."
    )
    return ((), *wrap(expected, cells))


def container_report(
    view: Snapshot, one: ContainerView, now: float, cells: int, seen: Environment | None = None
) -> list[Line]:
    """Everything about one container, its environment at the end; `seen` is that beside what it
    was meant to get.
    """
    mark = "" if one.ours else Span("  not ours: read-only", Tone.WARN)
    title = apart(line(Span(one.name, Tone.STRONG), mark), (state(one),), cells)
    up = _uptime(one, now)
    indices = _indices(view.live)
    gpus = ", ".join(f"{indices[n]}:{n}" if n in indices else n for n in one.gpus)
    facts = {
        "task": owner(view, one) if one.ours else "",
        "image": one.image,
        "id": one.id[:12],
        "up": "" if up is words.NONE else up.text,
        "ports": ", ".join(one.ports),
        "GPUs": gpus or "none",
        "CPU": "" if one.cpu is None else f"{one.cpu:.1f} cores",
        "memory": "" if one.memory is None else f"{one.memory / GIB:.1f} GiB",
    }
    environment = _environment(one, cells) if seen is None else environment_lines(seen, cells)
    return [title, (), *_entries(facts, cells), (), *environment]


def about_container(one: ContainerView | None, cells: int) -> list[Line]:
    """Two lines: what a narrow table has no room for."""
    if one is None:
        return []
    title = line(Span(f" {one.name}", Tone.STRONG), f"  {short_image(one.image)}")
    ports = f"ports {', '.join(one.ports)}" if one.ports else "no ports"
    mark = "" if one.ours else Span("not ours: read-only  ", Tone.WARN)
    facts = line(" ", mark, Span(f"{ports} · id {one.id[:12]}", Tone.DIM))
    return [fit(title, cells), fit(facts, cells)]


def owner(view: Snapshot, one: ContainerView) -> str:
    """`qwen3-8b-chat #8`: whose container it is; empty when nobody knows."""
    if not one.ours or one.task is None:
        return ""
    task = view.task(one.task)
    number = "" if one.experiment is None else f" #{one.experiment}"
    return f"{task.name if task else one.task}{number}"


def state(one: ContainerView) -> Span:
    """Shape and word."""
    return _STATES.get(one.state, Span(one.state))


def short_image(image: str) -> str:
    """Without registry and digest; of a bare digest, its beginning."""
    if image.startswith("sha256:"):
        return image[:19]
    name = image.partition("@")[0]
    registry, slash, rest = name.partition("/")
    return rest if slash and re.search(r"[.:]|^localhost$", registry) else name


def _environment(one: ContainerView, cells: int) -> list[Line]:
    title = line(Span("environment", Tone.STRONG), Span("  as it has it; secrets hidden", Tone.DIM))
    lines = [title]
    for name, value in one.environment:
        lines += labelled(Span(f"  {name}=", Tone.DIM), value, cells)
    return lines if one.environment else [*lines, line(Span("  empty", Tone.DIM))]


def _entries(facts: Mapping[str, str], cells: int) -> list[Line]:
    lines: list[Line] = []
    for name, text in facts.items():
        if text:
            lines += labelled(Span(f"{name:<{_LABEL}}", Tone.DIM), text, cells)
    return lines


def _uptime(one: ContainerView, now: float) -> Span:
    if one.state != "running" or one.started is None:
        return words.NONE
    return Span(words.duration(max(0.0, now - one.started)))


def _port(published: str) -> str:
    """`8000` for one on this machine's loopback, else with its address."""
    return published.partition(" ")[0].removeprefix("127.0.0.1:")


def _indices(live: LiveView) -> dict[str, str]:
    """GPU numbers by UUID."""
    return {gpu.uuid: str(gpu.index) for gpu in live.gpus if gpu.uuid}


def _short_gpu(name: str) -> str:
    return name[:12] if name.startswith(("GPU-", "MIG-")) else name


def _column(values: Sequence[float | None]) -> list[Span]:
    return [words.after_point(words.number(v, _ONE_DECIMAL), _ONE_DECIMAL) for v in values]


def _dimmed(cell: Line) -> Line:
    return tuple(Span(span.text, Tone.DIM) for span in cell)
