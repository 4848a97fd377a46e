"""How numbers and times are written where people read them."""

from __future__ import annotations

import math
import time

from core.metrics import Measurement
from core.store.views import TaskView
from core.values import TaskState

NONE = "–"


def clock(at: float) -> str:
    """Local time, to the minute."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def duration(seconds: float) -> str:
    """1h50m, 3m12s, 41s, 0.8s; nothing takes less than none, whatever the clock was set to."""
    seconds = max(0.0, seconds)
    if seconds < 10:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"


def left(task: TaskView, now: float) -> str:
    """`about 1h50m left` of a task that is at work; empty while nothing is known."""
    ends = [at for at in (task.expected, task.deadline) if at is not None]
    if task.state is not TaskState.RUNNING or not ends:
        return ""
    return f"about {duration(max(0.0, min(ends) - now))} left"


def plain(value: float | None, decimals: int = 1, factor: float = 1.0) -> str:
    """With a fixed number of decimals, after a change of unit; – when there is none."""
    return NONE if value is None else f"{value * factor:.{decimals}f}"


def percent(share: float, decimals: int = 1) -> str:
    """`38.1 %` of 0.381."""
    return f"{_rounded(share, decimals):.{decimals}f} %"


def signed(share: float, decimals: int = 1) -> str:
    """`+38.1` of 0.381, in per cent."""
    return f"{_rounded(share, decimals):+.{decimals}f}"


def met(share: float | None) -> str:
    """A share of requests in per cent, rounded down: 99.96 % of them are not all of them."""
    return NONE if share is None else f"{math.floor(share * 1000 + 1e-9) / 10:.1f} %"


def excess(share: float) -> str:
    """How far beyond a limit, with two digits that count: `38 %`, `0.4 %`."""
    return f"{share * 100:.2g} %" if abs(share) < 0.1 else f"{share * 100:.0f} %"


def count(items: int, one: str, many: str = "") -> str:
    """`1 repeat`, `3 repeats`."""
    return f"{items} {one if items == 1 else many or one + 's'}"


def low(data: Measurement, statistic: str) -> bool:
    """Whether a figure rests on too few requests to mean much."""
    return statistic in data.low_statistics


def _rounded(share: float, decimals: int) -> float:
    # Adding 0.0 takes the sign from a zero: `-0` would be a difference.
    return round(share * 100, decimals) + 0.0
