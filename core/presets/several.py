"""What presets give a task of several engines: sections of one engine, and those all share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from core.engines import registry
from core.presets.model import Part
from core.task import Choice, Parameter, Task
from core.task.model import Own
from core.values import InputError


def several(task: Task, wholes: Mapping[str, Part]) -> dict[str, Any]:
    """The fields of a task of several engines that change; `wholes` is all of each engine.

    Formats that differ between engines become flags of each. InputError where engines would
    differ in what a task has only once: its parallelism and its environment.
    """
    parts = tuple(wholes.values())
    quantization = {
        axis: values
        for axis, values in parts[0].quantization.items()
        if all(part.quantization.get(axis) == values for part in parts)
    }
    if any(part.parallel != parts[0].parallel for part in parts):
        raise InputError("presets: they give the engines different parallelism; write it out")
    environment: dict[str, str] = {}
    for name, value in (pair for part in parts for pair in part.environment.items()):
        if environment.setdefault(name, value) != value:
            raise InputError(f"presets: {name} would differ between engines; write it out")
    return {
        "own": {
            engine: _own(task, engine, _with_formats(part, engine, quantization))
            for engine, part in wholes.items()
        },
        "quantization": quantization,
        "parallel": parts[0].parallel,
        "rules": tuple(dict.fromkeys(rule for part in parts for rule in part.rules)),
        "environment": environment,
    }


def _with_formats(part: Part, engine: str, shared: Mapping[str, Any]) -> dict[str, Parameter]:
    """The flags of one engine, with those of formats that are not shared."""
    axes = registry.find(engine).axes
    formats: dict[str, Parameter] = {
        axes.get(axis, axis): Choice(values)
        for axis, values in part.quantization.items()
        if axis not in shared
    }
    return {**part.parameters, **formats}


def _own(task: Task, engine: str, flags: Mapping[str, Parameter]) -> Own:
    """What this engine has beside the flags that the task gives all."""
    own = {name: value for name, value in flags.items() if task.parameters.get(name) != value}
    return replace(task.own.get(engine, Own()), parameters=own)
