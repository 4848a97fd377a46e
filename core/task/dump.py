"""A Task out as YAML that reads back to an equal Task."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from core.paths import replace_file
from core.task.model import (
    Budget,
    Choice,
    DockerOptions,
    Fixed,
    Own,
    Parameter,
    Range,
    Slo,
    Task,
    Workload,
)
from core.task.tree import FLOAT, INTEGER
from core.task.units import write_seconds

_WIDE = 10_000  # characters: such a line is never broken


class _Dumper(yaml.SafeDumper):
    """SafeDumper that also quotes what only YAML 1.2 reads as a number."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


for _name, _pattern in (("int", INTEGER), ("float", FLOAT)):
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", _pattern, list("-+.0123456789"))


def dump(task: Task) -> str:
    """The task as a file; what equals the default is left out."""
    engine = list(task.engines) if task.others else task.engine
    document: dict[str, Any] = {"name": task.name, "model": task.model, "engine": engine}
    plain = Task(model=task.model, engine=task.engine, name=task.name)
    for name in Task.__dataclass_fields__:
        value = getattr(task, name)
        written = name in document or name in {"others", "own"}
        if not written and value != getattr(plain, name):
            document[name] = section(name, value)
    for name in Own.__dataclass_fields__:
        own = {one: said for one in task.own if (said := getattr(task.own[one], name))}
        if own:
            sections = {one: section(name, said) for one, said in own.items()}
            document[name] = _with_sections(task, document.get(name), sections)
    return yaml_text(document)


def yaml_text(document: Mapping[str, Any], *, compact: bool = False) -> str:
    """Plain values as YAML in their order, texts quoted where they would read as another value.

    `compact`: what holds nothing but scalars stands in one line.
    """
    return yaml.dump(
        dict(document),
        Dumper=_Dumper,
        default_flow_style=None if compact else False,
        sort_keys=False,
        allow_unicode=True,
        width=_WIDE if compact else 100,
    )


def save(task: Task, path: Path) -> None:
    """Write the task's file, whole or not at all."""
    replace_file(path, dump(task).encode("utf-8"))


def section(name: str, value: Any) -> Any:
    """A field of a Task as plain values of its file."""
    match name:
        case "parameters":
            return {flag: _parameter(one) for flag, one in value.items()}
        case "quantization" | "parallel":
            return {axis: list(values) for axis, values in value.items()}
        case "workload":
            return _workload(value)
        case "slo":
            return _slo(value)
        case "docker":
            return _docker(value)
        case "budget":
            return _budget(value)
        case "timeouts":
            return _times(value, tuple(value.__dataclass_fields__))
        case "objective":
            return str(value)
        case "command" | "mounts" | "rules" | "presets" | "expanded":
            return list(value)
    return value


def _with_sections(task: Task, shared: Any, own: dict[str, Any]) -> dict[str, Any]:
    """What is said for single engines, beside what holds for all: flags, or one value each."""
    if shared is None or isinstance(shared, dict):
        return {**(shared or {}), **own}
    return {one: own.get(one, shared) for one in task.engines}


def _parameter(parameter: Parameter) -> Any:
    plain = _unconditional(parameter)
    if not parameter.when:
        return plain
    if isinstance(parameter, Range):
        return {**plain, "when": parameter.when}
    name = "value" if isinstance(parameter, Fixed) else "values"
    return {name: plain, "when": parameter.when}


def _unconditional(parameter: Parameter) -> Any:
    if isinstance(parameter, Fixed):
        return parameter.value
    if isinstance(parameter, Choice):
        return list(parameter.values)
    written: dict[str, Any] = {"low": parameter.low, "high": parameter.high}
    if parameter.step is not None:
        written["step"] = parameter.step
    if parameter.log:
        written["log"] = True
    if parameter.points is not None:
        written["points"] = parameter.points
    return written


def _workload(workload: Workload) -> dict[str, Any]:
    auto = workload.concurrency == "auto"
    weighted = dict(zip(workload.scenarios, workload.weights, strict=False))
    written: dict[str, Any] = {
        "scenarios": weighted or list(workload.scenarios),
        "concurrency": "auto" if auto else list(workload.concurrency),
        "requests": workload.requests,
        **_times(workload, ("max_duration",)),
    }
    if workload.dataset is not None:
        written["dataset"] = workload.dataset
    if workload.early_stop:
        written["early_stop"] = True
    return written


def _budget(budget: Budget) -> dict[str, Any]:
    written: dict[str, Any] = {
        "experiments": budget.experiments,
        **_times(budget, ("duration",)),
        "repeats": budget.repeats,
    }
    if budget.gpu_hours is not None:
        written["gpu_hours"] = budget.gpu_hours
    return written


def _slo(slo: Slo) -> dict[str, Any]:
    latency = re.compile(r"(ttft|tpot|e2e)_")
    return {
        name: write_seconds(limit) if latency.match(name) else limit
        for name, limit in slo.limits.items()
    }


def _docker(docker: DockerOptions) -> dict[str, str]:
    values = {name: getattr(docker, name) for name in DockerOptions.__dataclass_fields__}
    return {name: value for name, value in values.items() if value is not None}


def _times(values: Any, names: tuple[str, ...]) -> dict[str, str]:
    given = {name: getattr(values, name) for name in names}
    return {name: write_seconds(value) for name, value in given.items() if value is not None}
