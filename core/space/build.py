"""From a task and its engine to a space, or an InputError that names what does not fit."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterable, Mapping

from core.engines.base import PARALLEL, Engine
from core.space.conditions import conditions
from core.space.facts import UNKNOWN, Facts
from core.space.rules import Rule, compile_rule
from core.space.space import Space
from core.task import Choice, Fixed, Task
from core.values import Configuration, InputError, Scalar


def build(task: Task, engine: Engine, facts: Facts = UNKNOWN) -> Space:
    """The space of `task` on `engine`, as far as `facts` are known.

    InputError: a flag that is set by the program, one that is given twice, an axis that the
    engine does not have, a wrong rule or condition, or rules that leave nothing.
    """
    _refuse_reserved("parameters", task.parameters, engine)
    _refuse_reserved("baseline", task.baseline, engine)
    parameters = dict(task.parameters)
    given: dict[str, str] = {}
    for section, axes in (("quantization", task.quantization), ("parallel", task.parallel)):
        for axis, values in axes.items():
            flag = _flag(section, axis, engine)
            if flag in parameters:
                raise InputError(f"{section}.{axis}: {flag} is set twice; keep one of them")
            parameters[flag] = Choice(values)
            given[axis] = flag
    names = _names(parameters, given, engine)
    by_itself = {**_by_itself(engine, names), **facts.values}
    space = Space(
        engine=engine,
        baseline=Configuration(engine.name),
        parameters=parameters,
        parallel=frozenset(given[axis] for axis in task.parallel),
        rules=(
            *(compile_rule(rule, names, facts.values) for rule in dict.fromkeys(task.rules)),
            *_engine_rules(task, engine, names, by_itself),
        ),
        limit=task.gpus or None,
        conditions=conditions(parameters, names, by_itself),
        axis_names={flag: axis for axis, flag in given.items()},
    )
    space = dataclasses.replace(space, baseline=_baseline(task, space))
    _refuse_empty(space)
    return space


def _refuse_reserved(section: str, names: Iterable[str], engine: Engine) -> None:
    for name in names:
        if name.removeprefix("no-") in engine.reserved:
            raise InputError(f"{section}.{name}: set by autotuner-tui; remove it")


def _flag(section: str, axis: str, engine: Engine) -> str:
    if axis in engine.axes:
        return engine.axes[axis]
    known = ", ".join(engine.axes) or "none"
    raise InputError(f"{section}.{axis}: {engine.name} has no such axis; it has: {known}")


def _names(parameters: Iterable[str], given: Mapping[str, str], engine: Engine) -> dict[str, str]:
    """What rules may write, and the flag that it stands for: also an axis whose flag is a
    parameter itself, but a switch is no size then.
    """
    flags = {name: name for name in parameters}
    axes = {
        axis: flag
        for axis, flag in engine.axes.items()
        if flag in flags and axis not in engine.switches
    }
    return {**flags, **axes, **given}


def _by_itself(engine: Engine, names: Mapping[str, str]) -> dict[str, Scalar | None]:
    """What the engine does along each axis that the task leaves alone."""
    return {axis: 1 if axis in PARALLEL else "auto" for axis in engine.axes if axis not in names}


def _engine_rules(
    task: Task, engine: Engine, names: Mapping[str, str], known: Mapping[str, Scalar | None]
) -> tuple[Rule, ...]:
    """Those of the engine that look at something this task sets, or varies."""
    present = {*task.parameters, *task.environment}
    compiled = (
        compile_rule(rule.text, names, known, exact=True, reason=rule.reason)
        for rule in engine.rules
        if not rule.unless & present
    )
    return tuple(one for one in compiled if one.names and one.names <= set(names.values()))


def _baseline(task: Task, space: Space) -> Configuration:
    """What is fixed, the smallest parallelism, and on top the user's own flags."""
    axes = ((space.engine.axes[axis], values) for axis, values in task.quantization.items())
    point: dict[str, Scalar | None] = {flag: values[0] for flag, values in axes if len(values) == 1}
    for flag, one in task.parameters.items():
        if isinstance(one, Fixed):
            point[flag] = one.value
    for axis, sizes in task.parallel.items():
        point[space.engine.axes[axis]] = min(sizes)
    settled = space.passed(space.settled({**point, **task.baseline}))
    return space.engine.configuration({**settled, **task.baseline})


def _refuse_empty(space: Space) -> None:
    if space.limit and (needed := space.engine.gpus(space.baseline)) > space.limit:
        raise InputError(
            f"gpus: the baseline needs {needed} GPUs and the task may use {space.limit}; "
            "raise gpus or lower the parallelism"
        )
    if space.size is None:
        space.sample(random.Random(0))  # raises when nothing can be found
    elif space.size == 0:
        why = {rule.text: f" ({rule.reason})" for rule in space.rules if rule.reason}
        counts = ", ".join(
            f'"{rule}" removes {n}{why.get(rule, "")}' for rule, n in space.removed.items() if n
        )
        raise InputError(f"rules: no configuration is left: {counts}")
