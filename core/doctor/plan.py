"""The plan of a task: how many experiments, what they cost, what is left to confirm the best."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

from core.doctor.report import Check, warning
from core.engines import registry
from core.engines.boxes import Host
from core.engines.registry import launch
from core.score import LEAST_REPEATS, LOOKS, MOST_CONTENDERS, most_starts
from core.space import Space
from core.task import Task
from core.task.units import write_seconds

# What a start is taken to cost when nothing was measured yet, and the loads that a search for
# the best one measures at most.
_START_SECONDS = 60.0
_MOST_LOADS = 7
# The share of a budget that is kept for the confirmation.
_KEPT = 0.4


@dataclass(frozen=True, slots=True)
class Confirmation:
    """How often up to `configurations` and the baseline are started again at most, and the
    `seconds` that all of it takes.
    """

    repeats: int
    configurations: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """`configurations` None when too many to count; `seconds` is an upper estimate, of which
    confirmation is a part. `gpu_hours` is what that comes to, where there is a limit to it.
    """

    configurations: int | None
    experiments: int
    removed: Mapping[str, int]
    baseline: str
    seconds: float
    confirmation: Confirmation
    gpu_hours: float | None = None


def plan(task: Task, space: Space, host: Host) -> Plan:
    """What the task will do, and what it costs when a start takes a minute."""
    confirmation = _confirmation(task, space)
    seconds = _search_seconds(task, space) + confirmation.seconds
    limit = _limit(task, space)
    seconds = seconds if limit is None else min(seconds, limit)
    kept = min(confirmation.seconds, seconds)
    hours = seconds * _gpus(task, space) / 3600
    return Plan(
        configurations=space.size,
        experiments=space.planned(task.budget.experiments),
        removed=space.removed,
        baseline=launch(task, space.baseline, host).shell(),
        seconds=seconds,
        confirmation=dataclasses.replace(confirmation, seconds=kept),
        gpu_hours=None if task.budget.gpu_hours is None else hours,
    )


def unconfirmed(task: Task, space: Space) -> list[Check]:
    """Said when the budget may not be enough for a verdict that is sure of itself."""
    repeats, limit = task.budget.repeats, _limit(task, space)
    if not _confirmation(task, space).configurations:
        return []
    if repeats < LEAST_REPEATS:
        text = f"repeats: {repeats}: the verdict will be unconfirmed"
        return [warning("budget", text, f"{LEAST_REPEATS} or more confirm it")]
    least = 2 * LEAST_REPEATS * _start_seconds(task, LOOKS)
    enough = min(least / _KEPT, least + _search_seconds(task, space))
    if limit is None or enough <= limit:
        return []
    text = (
        f"{write_seconds(round(limit))} may leave no room for {LEAST_REPEATS} repeats of the best "
        "and the baseline: the verdict will then be unconfirmed"
    )
    wanted = write_seconds(math.ceil(enough / 60) * 60)
    advice = f"{wanted} is enough, when a start takes a minute; or measure less at each load"
    return [warning("budget", text, advice)]


def _search_seconds(task: Task, space: Space) -> float:
    """Every configuration at every load."""
    levels = task.workload.concurrency
    loads = _MOST_LOADS if levels == "auto" else len(levels)
    return space.planned(task.budget.experiments) * _start_seconds(task, loads)


def _start_seconds(task: Task, loads: int) -> float:
    """One start, with so many measurements of each scenario."""
    work = task.workload
    return _START_SECONDS + loads * work.max_duration * len(work.scenarios)


def _confirmation(task: Task, space: Space) -> Confirmation:
    others = min(MOST_CONTENDERS, space.planned(task.budget.experiments) - 1)
    repeats = task.budget.repeats
    if not repeats or others < 1:
        return Confirmation(repeats, 0, 0.0)
    seconds = most_starts(others, repeats) * _start_seconds(task, LOOKS)
    return Confirmation(repeats, others, seconds)


def _gpus(task: Task, space: Space) -> int:
    """Of one start, as the baseline needs them."""
    return registry.find(task.engine).gpus(space.baseline)


def _limit(task: Task, space: Space) -> float | None:
    """Seconds that the budget allows; None when it allows any time."""
    budget = task.budget
    hours = None if budget.gpu_hours is None else budget.gpu_hours * 3600 / _gpus(task, space)
    return min((one for one in (budget.duration, hours) if one is not None), default=None)
