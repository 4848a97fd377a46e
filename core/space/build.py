"""From a task and its engine to a space, or an InputError that names what does not fit."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping

from core.engines.base import Engine
from core.space.rules import compile_rule
from core.space.space import Space
from core.task import Choice, Fixed, Task
from core.values import Configuration, InputError, Scalar


def build(task: Task, engine: Engine) -> Space:
    """The space of `task` on `engine`.

    InputError: a flag that is set by the program, one that is given twice, an axis that the
    engine does not have, a wrong rule, or rules that leave nothing.
    """
    _refuse_reserved("parameters", task.parameters, engine)
    _refuse_reserved("baseline", task.baseline, engine)
    quantization = _axes("quantization", task.quantization, engine)
    parallel = _axes("parallel", task.parallel, engine)
    parameters = dict(task.parameters)
    for section, axes in (("quantization", quantization), ("parallel", parallel)):
        for axis, (flag, values) in axes.items():
            if flag in parameters:
                raise InputError(f"{section}.{axis}: {flag} is set twice; keep one of them")
            parameters[flag] = Choice(values)
    names = {name: name for name in parameters}
    names |= {axis: flag for axis, (flag, _) in {**quantization, **parallel}.items()}
    space = Space(
        engine=engine,
        baseline=_baseline(task, engine, dict(parallel.values())),
        parameters=parameters,
        parallel=frozenset(flag for flag, _ in parallel.values()),
        rules=tuple(compile_rule(rule, names) for rule in dict.fromkeys(task.rules)),
        limit=task.gpus or None,
    )
    _refuse_empty(space)
    return space


def _refuse_reserved(section: str, names: Iterable[str], engine: Engine) -> None:
    for name in names:
        if name.removeprefix("no-") in engine.reserved:
            raise InputError(f"{section}.{name}: set by autotuner-tui; remove it")


def _axes(
    section: str, given: Mapping[str, tuple[Scalar, ...]], engine: Engine
) -> dict[str, tuple[str, tuple[Scalar, ...]]]:
    """Axis to its flag and values."""
    for axis in given:
        if axis not in engine.axes:
            known = ", ".join(engine.axes) or "none"
            raise InputError(f"{section}.{axis}: {engine.name} has no such axis; it has: {known}")
    return {axis: (engine.axes[axis], values) for axis, values in given.items()}


def _baseline(
    task: Task, engine: Engine, parallel: Mapping[str, tuple[Scalar, ...]]
) -> Configuration:
    """Fixed scalars, the smallest parallelism, and on top the user's own flags."""
    flags: dict[str, Scalar | None] = {
        name: one.value for name, one in task.parameters.items() if isinstance(one, Fixed)
    }
    sizes = {flag: min(values, key=lambda size: float(size)) for flag, values in parallel.items()}
    flags |= {flag: size for flag, size in sizes.items() if size != 1}
    return engine.configuration({**flags, **task.baseline})


def _refuse_empty(space: Space) -> None:
    if space.limit and (needed := space.engine.gpus(space.baseline)) > space.limit:
        raise InputError(
            f"gpus: the baseline needs {needed} GPUs and the task may use {space.limit}; "
            "raise gpus or lower the parallelism"
        )
    if space.size is None:
        space.sample(random.Random(0))  # raises when nothing can be found
    elif space.size == 0:
        counts = ", ".join(f'"{rule}" removes {n}' for rule, n in space.removed.items() if n)
        raise InputError(f"rules: no configuration is left: {counts}")
