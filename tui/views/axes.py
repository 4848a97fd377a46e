"""Axes: from values to places, with ticks at 1, 2 or 5 times a power of ten, or of two."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from tui.views import words

_HUGE = 1e300  # larger numbers are not drawn: their differences would overflow
_TINY = 1e-300
_LONGEST = 9  # cells of a tick's label


@dataclass(frozen=True, slots=True)
class Axis:
    """`title` names what is shown and its unit: `TTFT p95, ms`.

    `low` and `high` fix an end, in the unit; None: as the values are, widened to the next
    tick. `log`: by ratio, with ticks at powers of two; values of zero and less are left out.
    `ticks`: where they are wanted instead.
    """

    title: str = ""
    low: float | None = None
    high: float | None = None
    log: bool = False
    ticks: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis for certain values; `labels` has one text for each of `ticks`."""

    low: float
    high: float
    log: bool
    ticks: tuple[float, ...]
    labels: tuple[str, ...]

    def part(self, value: float) -> float | None:
        """Where on the axis, 0..1; None: not on it."""
        if not drawable(value) or (self.log and value <= _TINY):
            return None
        if self.log:
            low, high = math.log2(self.low), math.log2(self.high)
            part = (math.log2(value) - low) / (high - low)
        else:
            part = (value - self.low) / (self.high - self.low)
        # Rounding to a tick may have put an end a hair inside the outermost value.
        return min(1.0, max(0.0, part)) if -1e-6 <= part <= 1 + 1e-6 else None


def drawable(value: float) -> bool:
    return math.isfinite(value) and abs(value) <= _HUGE


def fits(value: float, axis: Axis) -> bool:
    """Whether it can stand on such an axis at all."""
    return drawable(value) and (not axis.log or value > _TINY)


def scale(axis: Axis, values: Iterable[float], most: int) -> Scale | None:
    """For these values, with about `most` ticks; None when there is nothing to show."""
    shown = [value for value in values if fits(value, axis)]
    if not shown:
        return None
    low = _fixed(axis.low, axis.log, min(shown))
    high = max(low, _fixed(axis.high, axis.log, max(shown)))
    found = _by_ratio(low, high, most) if axis.log else _linear(axis, low, high, most)
    if wanted := tuple(tick for tick in axis.ticks if found.part(tick) is not None):
        return replace(found, ticks=wanted, labels=tuple(f"{tick:.6g}" for tick in wanted))
    return found


def _fixed(end: float | None, log: bool, else_: float) -> float:
    return end if end is not None and fits(end, Axis(log=log)) else else_


def _linear(axis: Axis, low: float, high: float, most: int) -> Scale:
    if high - low <= max(abs(low), abs(high)) * 1e-9 + _TINY:
        room = abs(low) * 0.1 or 1.0
        low, high = low - (axis.low is None) * room, high + room
    step = _nice((high - low) / max(1, most))
    if axis.low is None:
        low = math.floor(low / step + 1e-9) * step
    if axis.high is None:
        high = math.ceil(high / step - 1e-9) * step
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    ticks = tuple(n * step + 0.0 for n in range(first, last + 1))
    return Scale(low, high, False, ticks, tuple(_label(v, step) for v in ticks))


def _nice(rough: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below `rough`."""
    power: float = 10.0 ** math.floor(math.log10(max(rough, _TINY)))
    return next((n * power for n in (1, 2, 5) if n * power >= rough * (1 - 1e-9)), 10 * power)


def _by_ratio(low: float, high: float, most: int) -> Scale:
    if high / low < 1.000001:
        low, high = low / 2, high * 2
    first, last = math.ceil(math.log2(low) - 1e-9), math.floor(math.log2(high) + 1e-9)
    every = max(1, math.ceil((last - first + 1) / max(1, most)))
    ticks = tuple(2.0**n for n in range(first, last + 1, every))
    return Scale(low, high, True, ticks, tuple(f"{v:.4g}" for v in ticks))


def _label(value: float, step: float) -> str:
    decimals = max(0, -math.floor(math.log10(step) + 1e-9)) if step < 1 else 0
    text = words.number(0.0 if abs(value) < step / 2 else value, min(decimals, _LONGEST)).text
    return text if len(text) <= _LONGEST else f"{value:.3g}"
