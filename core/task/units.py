"""Durations and percentages as people write them, and back."""

from __future__ import annotations

import re
from decimal import Decimal

_NUMBER = r"([0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,3})?)"
_DURATION = re.compile(rf"^{_NUMBER}\s*(ms|s|m|h)$")
_PERCENT = re.compile(rf"^{_NUMBER}\s*%$")
_SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600)}


def seconds(text: str) -> float | None:
    """`500ms`, `1.5s`, `3m`, `4h` in seconds; None when it is not a duration."""
    match = _DURATION.match(text.strip())
    return float(Decimal(match[1]) * _SECONDS[match[2]]) if match else None


def fraction(text: str) -> float | None:
    """`1%` as 0.01; None when it is not a percentage."""
    match = _PERCENT.match(text.strip())
    return float(Decimal(match[1]) / 100) if match else None


def write_seconds(value: float) -> str:
    """The shortest spelling that reads back to exactly `value`."""
    for unit in ("h", "m", "s", "ms"):
        count = Decimal(repr(value)) / _SECONDS[unit]
        if count == count.to_integral_value() and seconds(text := f"{int(count)}{unit}") == value:
            return text
    return f"{value!r}s"
