"""A task's budget: as its file has it, as a person types it, and what of it is spent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from core.store.views import TaskView
from core.task.units import seconds
from core.values import InputError, TaskState
from tui.views import words

_NAMES = ("experiments", "duration", "gpu_hours", "repeats")


@dataclass(frozen=True, slots=True)
class Budget:
    """As a task file spells it; empty where it says nothing."""

    experiments: str = ""
    duration: str = ""
    gpu_hours: str = ""
    repeats: str = ""


def budget_in(text: str) -> Budget:
    """That of a task file, YAML; an empty one where it cannot be read."""
    try:
        said = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        said = None
    budget = said.get("budget") if isinstance(said, Mapping) else None
    if not isinstance(budget, Mapping):
        return Budget()
    found = (budget.get(name) for name in _NAMES)
    return Budget(*("" if value is None else str(value) for value in found))


@dataclass(frozen=True, slots=True)
class Limits:
    """`experiments` and `repeats` None: as many as now. `duration` (seconds) and `gpu_hours`
    None: no limit.
    """

    experiments: int | None
    duration: float | None
    gpu_hours: float | None
    repeats: int | None

    def arguments(self) -> dict[str, object]:
        """Those of the runner's `budget`."""
        found: dict[str, object] = {
            "experiments": self.experiments,
            "duration": self.duration,
            "gpu_hours": self.gpu_hours,
        }
        return found if self.repeats is None else found | {"repeats": self.repeats}


def limits_of(texts: tuple[str, ...]) -> Limits:
    """The four lines of the dialog, in the order of a Budget. InputError says what is wrong."""
    experiments, duration, hours, repeats = (text.strip() for text in texts)
    length = seconds(duration) if duration else None
    if duration and not length:
        raise InputError(f"duration: {duration!r} needs a unit, such as 90m or 2h")
    return Limits(
        _whole("experiments", experiments, 1), length, _hours(hours), _whole("repeats", repeats, 0)
    )


def _whole(name: str, text: str, least: int) -> int | None:
    if text and not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= least):
        raise InputError(f"{name}: {text!r} is no whole number from {least} up")
    return int(text) if text else None


def _hours(text: str) -> float | None:
    if not text:
        return None
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not math.isfinite(hours) or hours <= 0:
        raise InputError(f"GPU-hours: {text!r} is no number above 0, such as 8 or 1.5")
    return hours


def spent(task: TaskView, budget: Budget, now: float) -> str:
    """`budget: 2h10m of 4h`: the limits beside the number of experiments, which stands in the
    head.
    """
    said = []
    if limit := seconds(budget.duration):
        said.append(f"{_gone(task, limit, now)}{budget.duration}")
    if budget.gpu_hours:
        said.append(f"{budget.gpu_hours} GPU-hours")
    return f"budget {', '.join(said)}" if said and not task.state.final else ""


def _gone(task: TaskView, limit: float, now: float) -> str:
    """The deadline moves by each pause: what is not left until then is spent."""
    if task.state is not TaskState.RUNNING or task.deadline is None:
        return ""
    return f"{words.near(min(limit, max(0.0, limit - (task.deadline - now))))} of "
