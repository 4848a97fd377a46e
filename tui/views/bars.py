"""Gauges and histories of the height of one line, and the GPUs' place in the status line."""

from __future__ import annotations

from collections.abc import Sequence

from core.gpu import Gpu
from core.store.views import LiveView
from tui.history import memory_share
from tui.line import Line, Span, Tone, line, width
from tui.views import words

GIB = 1 << 30
_HEIGHTS = "▁▂▃▄▅▆▇█"


def tone(gpu: Gpu) -> Tone:
    """That of who uses it: the experiment's, a stranger's, nobody's."""
    if any(one.ours is None for one in gpu.processes):
        return Tone.WARN
    return Tone.RUN if gpu.processes else Tone.PLAIN


def gauge(part: float, cells: int, filled: Tone) -> Line:
    """`part` (0..1) of `cells`, in whole cells; what is no number is nothing."""
    cells = max(0, cells)
    full = round(min(1.0, max(0.0, part)) * cells) if part == part else 0
    return (Span("█" * full, filled), Span("▁" * (cells - full), Tone.DIM))


def spark(levels: Sequence[float | None]) -> Span:
    """Levels (0..1) side by side; a blank where nothing is known."""
    marks = (
        " " if v is None or v != v else _HEIGHTS[min(7, int(min(1.0, max(0.0, v)) * 8))]
        for v in levels
    )
    return Span("".join(marks), Tone.DIM)


def gauges(live: LiveView, cells: int) -> Line:
    """All GPUs for the status line, in as much detail as `cells` allow; at last nothing."""
    if not live.gpus:
        return ()
    for size, memory in ((10, True), (5, True), (4, False)):
        shown = [_short(gpu, size, memory) for gpu in live.gpus]
        joined = tuple(span for one in shown for span in (*one, Span("  ")))[:-1]
        if width(joined) <= cells:
            return joined
    together = _together(live.gpus)
    return together if width(together) <= cells else ()


def _short(gpu: Gpu, size: int, memory: bool) -> Line:
    name = Span(f"gpu{gpu.index} ", Tone.DIM)
    if gpu.lost:
        return (name, Span("lost", Tone.BAD))
    part = memory_share(gpu)
    bar = (words.NONE,) if part is None else gauge(part, size, tone(gpu))
    numbers = f" {_gib([gpu])}" if memory and part is not None else ""
    return line(name, *bar, numbers, f" {_percent(gpu.utilisation)}")


def _together(gpus: Sequence[Gpu]) -> Line:
    known = [gpu for gpu in gpus if memory_share(gpu) is not None]
    busy = [gpu.utilisation for gpu in gpus if gpu.utilisation is not None]
    mean = sum(busy) / len(busy) if busy else None
    count = f"{len(gpus)} GPU{'' if len(gpus) == 1 else 's'}"
    lost = sum(gpu.lost for gpu in gpus)
    return line(
        Span(count, Tone.DIM),
        f" {_gib(known)}" if known else "",
        f" {_percent(mean)}",
        Span(f" {lost} lost", Tone.BAD) if lost else "",
    )


def _gib(gpus: Sequence[Gpu]) -> str:
    used, total = (
        f"{sum(values) / GIB:.0f}"
        for values in ([g.memory_used or 0 for g in gpus], [g.memory_total or 0 for g in gpus])
    )
    return f"{used:>{len(total)}}/{total}G"


def _percent(part: float | None) -> str:
    return "   –" if part is None else f"{part:4.0%}"
