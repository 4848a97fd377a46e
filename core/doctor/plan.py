"""The plan of a task: how many experiments, what they cost, what is left to confirm the best."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core.doctor.memory import ruled_out
from core.doctor.report import Check, warning
from core.doctor.varied import varied
from core.engines.boxes import Host
from core.engines.registry import launch
from core.gpu.values import Gpu
from core.hub.facts import ModelFacts
from core.score import LEAST_REPEATS, LOOKS, MOST_CONTENDERS, most_starts
from core.search.choose import listed
from core.space import Space, Spaces
from core.space.space import GPUS
from core.task import Task
from core.task.units import write_seconds

# What a start is taken to cost when nothing was measured yet, and the loads that a search for
# the best one measures at most.
_START_SECONDS = 60.0
_MOST_LOADS = 7
# The share of a budget that is kept for the confirmation.
_KEPT = 0.4
_REASONS = {
    GPUS: "more GPUs than the task may use",
    "memory": "too large for a GPU's memory",
    "parallelism": "the model's heads or layers do not divide",
}


@dataclass(frozen=True, slots=True)
class Model:
    """What is known of a task's model, and the GPUs of this machine."""

    facts: ModelFacts | None = None
    gpus: Sequence[Gpu] = ()


@dataclass(frozen=True, slots=True)
class Confirmation:
    """How often up to `configurations` and the baseline are started again at most, and the
    `seconds` that all of it takes.
    """

    repeats: int
    configurations: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Part:
    """What one engine has in a plan: its configurations, what each rule removed of them, and
    the command of its baseline.

    `sampled` 0: `removed` counts all that the parameters give; else it counts what so many
    random ones gave. `duplicates` have the command line of another configuration. `varied` has,
    by flag, the words that its values become.
    """

    engine: str
    configurations: int | None
    removed: Mapping[str, int]
    baseline: str
    sampled: int = 0
    duplicates: int = 0
    varied: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """`engines` has a part for each that is compared, `baseline` is the first one's command.

    `reasons` says why, for what is `removed` by no rule of the task's own; `sampled` and
    `duplicates` are as those of a part. `configurations` None when too many to count; `seconds`
    is an upper estimate, of which confirmation is a part. `gpu_hours` is what that comes to, where
    there is a limit to it.
    """

    configurations: int | None
    experiments: int
    removed: Mapping[str, int]
    baseline: str
    seconds: float
    confirmation: Confirmation
    engines: tuple[Part, ...]
    gpu_hours: float | None = None
    sampled: int = 0
    duplicates: int = 0
    reasons: Mapping[str, str] = field(default_factory=dict)


_NOTHING = Model()


def plan(task: Task, space: Spaces, host: Host, model: Model = _NOTHING) -> Plan:
    """What the task will do, and what it costs when a start takes a minute."""
    confirmation = _confirmation(task, space)
    seconds = _search_seconds(task, space) + confirmation.seconds
    limit = _limit(task, space)
    seconds = seconds if limit is None else min(seconds, limit)
    kept = min(confirmation.seconds, seconds)
    hours = seconds * _gpus(space) / 3600
    engines = tuple(_part(task, part, host, model) for part in space.parts)
    removed = _together([part.removed for part in engines])
    return Plan(
        configurations=space.size,
        experiments=_planned(task, space),
        removed=removed,
        baseline=engines[0].baseline,
        seconds=seconds,
        confirmation=dataclasses.replace(confirmation, seconds=kept),
        engines=engines,
        gpu_hours=None if task.budget.gpu_hours is None else hours,
        sampled=_sampled(space.parts),
        duplicates=space.duplicates,
        reasons={name: why for name, why in _reasons(space).items() if name in removed},
    )


def _part(task: Task, space: Space, host: Host, model: Model) -> Part:
    engine = space.engine.name
    command = launch(task.of(engine), space.baseline, host).shell()
    unfit = ruled_out(task, space, model.facts, model.gpus)
    return Part(
        engine=engine,
        configurations=space.size,
        removed={**space.removed, **unfit},
        baseline=command,
        sampled=_sampled((space,)),
        duplicates=space.duplicates,
        varied=varied(space),
    )


def _together(parts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in parts:
        for rule, count in part.items():
            found[rule] = found.get(rule, 0) + count
    return found


def _sampled(parts: Sequence[Space]) -> int:
    """How many points were looked at, where one part is too large to look at all of them."""
    counted = all(part.size is not None for part in parts)
    return 0 if counted else sum(part.survey.points for part in parts)


def _reasons(space: Spaces) -> dict[str, str]:
    rules = (rule for part in space.parts for rule in part.rules if rule.reason)
    return _REASONS | {rule.text: rule.reason for rule in rules}


def _planned(task: Task, space: Spaces) -> int:
    return space.planned(task.budget.experiments, drawn=not listed(task, space))


def unconfirmed(task: Task, space: Spaces) -> list[Check]:
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


def _search_seconds(task: Task, space: Spaces) -> float:
    """Every configuration at every load."""
    levels = task.workload.concurrency
    loads = _MOST_LOADS if levels == "auto" else len(levels)
    return _planned(task, space) * _start_seconds(task, loads)


def _start_seconds(task: Task, loads: int) -> float:
    """One start, with so many measurements of each scenario."""
    work = task.workload
    return _START_SECONDS + loads * work.max_duration * len(work.scenarios)


def _confirmation(task: Task, space: Spaces) -> Confirmation:
    others = min(MOST_CONTENDERS, _planned(task, space) - 1)
    repeats = task.budget.repeats
    if not repeats or others < 1:
        return Confirmation(repeats, 0, 0.0)
    seconds = most_starts(others, repeats) * _start_seconds(task, LOOKS)
    return Confirmation(repeats, others, seconds)


def _gpus(space: Spaces) -> int:
    """Of one start, as the baseline needs them."""
    return space.parts[0].engine.gpus(space.baseline)


def _limit(task: Task, space: Spaces) -> float | None:
    """Seconds that the budget allows; None when it allows any time."""
    budget = task.budget
    hours = None if budget.gpu_hours is None else budget.gpu_hours * 3600 / _gpus(space)
    return min((one for one in (budget.duration, hours) if one is not None), default=None)
