"""The line on top and the line of keys at the bottom."""

from __future__ import annotations

import time
from collections.abc import Sequence

from core.store.views import CommandView
from core.values import TaskState
from tui.keys.keymap import Key
from tui.line import Line, Span, Tone, apart, line, width
from tui.snapshot import Snapshot
from tui.views import words
from tui.views.bars import gauges

_WAITING = frozenset({TaskState.QUEUED, TaskState.RUNNING})
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")  # not the locale's: width is planned

_FRESH = 10.0
_WIDE = 100  # cells from which the day stands before the time of day


def status_line(view: Snapshot, now: float, cells: int) -> Line:
    """Runner, what it was asked, what it works on or what went wrong, and the time of day."""
    parts: list[Span | str] = [Span(" autotuner", Tone.STRONG), "  ", *_runner(view, now), "   "]
    task = view.running()
    if view.error:
        parts.append(Span(f"✖ {view.error}", Tone.BAD))
    elif view.commands:
        parts.append(_asked(view.commands, now))
    elif task:
        parts += [f"{task.name} ", Span(words.progress(task.done, task.planned), Tone.DIM)]
    left, clock = line(*parts), line(Span(_clock(now, cells), Tone.DIM))
    if view.runner.alive and now - view.live.at < _FRESH:
        shown = gauges(view.live, cells - width(left) - width(clock) - 5)
        left = (*left, Span("   "), *shown) if shown else left
    return apart(left, clock, cells)


def _asked(commands: Sequence[CommandView], now: float) -> Span:
    """What waits longest, and how many more wait."""
    first = commands[0]
    more = f" and {len(commands) - 1} more" if len(commands) > 1 else ""
    age = words.duration(float(round(max(0.0, now - first.asked))))
    return Span(f"▸ {first.verb} asked {age}{more}", Tone.WARN)


def _clock(now: float, cells: int) -> str:
    local = time.localtime(now)
    day = f"{_DAYS[local.tm_wday]} " if cells >= _WIDE else ""
    return f"{day}{time.strftime('%H:%M', local)} "


def _runner(view: Snapshot, now: float) -> Line:
    if not view.loaded:
        return line(Span("…", Tone.DIM))
    if not view.runner.alive:
        waits = any(task.state in _WAITING for task in view.tasks)
        return line(Span(f"○ no runner{', work waits for one' if waits else ''}", Tone.DIM))
    since = view.runner.since
    age = f" {words.duration(max(0.0, now - since))}" if since else ""
    return line(Span("●", Tone.RUN), f" runner{age}")


def key_line(keys: Sequence[Key], cells: int) -> Line:
    """Keys from the left, the last one (help) at the right edge; what does not fit is left out."""
    *first, last = [line(Span(key, Tone.KEY), Span(f" {text}", Tone.DIM)) for key, text in keys]
    room = cells - width(last) - 3
    left: Line = (Span(" "),)
    for part in first:
        if width(left) + width(part) > room:
            break
        left = (*left, *part, Span("  "))
    return apart(left, (*last, Span(" ")), cells)
