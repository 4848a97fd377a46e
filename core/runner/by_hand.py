"""A person's own configuration: read, held against the task, counted in its plan."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from core.search.base import Barred
from core.search.choose import listed
from core.space import Space, Spaces
from core.space.values import grid_values
from core.task import Task
from core.task.errors import RefusedError
from core.task.fields import scalar
from core.task.parameters import flags
from core.task.tree import read_tree
from core.values import AutotunerError, Configuration, Scalar


@dataclass(frozen=True, slots=True)
class ByHand:
    """A configuration of a task's engine. `added`: what every experiment of the task has and
    the person did not say; `forbidden`: the rule that no experiment of a strategy breaks.
    """

    configuration: Configuration
    added: dict[str, Scalar]
    forbidden: str | None


def part(space: Spaces, engine: object) -> Space:
    """That of the engine which is meant: the first where none is named. AutotunerError for one
    that the task does not have.
    """
    known = {one.engine.name: one for one in space.parts}
    if engine is None:
        return space.parts[0]
    if not isinstance(engine, str) or engine not in known:
        raise AutotunerError(f"engine: the task has no {engine}; it has: {', '.join(known)}")
    return known[engine]


def read(parameters: object, space: Space) -> ByHand:
    """Flags laid over what is the same in every experiment; null: the flag is not passed.

    AutotunerError for what is no mapping of flags to values, a flag that is set by the
    program, or more GPUs than the task may use.
    """
    given = _flags(parameters)
    engine = space.engine
    for name in given:
        if name.removeprefix("no-") in engine.reserved:
            raise AutotunerError(f"{name}: set by autotuner-tui; remove it")
    common = _common(space)
    point = space.settled({**common, **given}, given)
    configuration = engine.configuration(space.passed(point))
    needed = engine.gpus(configuration)
    if space.limit and needed > space.limit:
        raise AutotunerError(f"it needs {needed} GPUs and the task may use {space.limit}")
    passed = configuration.parameters
    added = {name: passed[name] for name in common if name in passed and name not in given}
    return ByHand(configuration, added, _forbidden(space, point))


def planned(task: Task, space: Spaces, keys: Collection[str], barred: Barred | None = None) -> int:
    """How many experiments there will be; `keys` are those of the experiments there are, and
    what is barred is not tried: of a strategy that draws more than the grid has, who knows.
    """
    budget = task.budget.experiments
    counted = space.size is not None and listed(task, space)
    if not counted or ((space.size or 0) >= budget and barred is None):
        return max(budget, len(keys))
    open_ = (one.key for one in space.grid() if barred is None or not barred(one))
    every = {*(one.key for one in space.baselines), *keys, *open_}
    return max(len(keys), min(budget, len(every)))


def _flags(parameters: object) -> dict[str, Scalar | None]:
    """By the rules of the task file: one spelling, no secrets."""
    if not isinstance(parameters, Mapping) or not parameters:
        raise AutotunerError("expected flags with their values, such as max-num-seqs: 64")
    try:
        # JSON is YAML, and keeps which value is a number and which is a text.
        return flags(read_tree(json.dumps(dict(parameters), ensure_ascii=False)), scalar)
    except RefusedError as refused:
        first = min(refused.problems)
        said = f"{first.path}: {first.message}" if first.path else first.message
        raise AutotunerError(said) from None


def _common(space: Space) -> dict[str, Scalar | None]:
    """What every experiment is given, and the smallest parallelism."""
    found: dict[str, Any] = {}
    for name, parameter in space.parameters.items():
        values = grid_values(parameter)
        if name in space.parallel:
            found[name] = min(values, key=lambda size: float(size or 0))
        elif len(values) == 1:
            found[name] = values[0]
    return found


def _forbidden(space: Space, point: Mapping[str, Scalar | None]) -> str | None:
    return next((rule.text for rule in space.rules if not rule.allows(point)), None)
