"""Readers of the task's nested mappings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from core.task import places, scenarios
from core.task.errors import Problem, RefusedError, nearest
from core.task.fields import (
    Section,
    boolean,
    duration,
    entries,
    gather,
    items,
    positive,
    scalar,
    share,
    text,
    whole,
)
from core.task.model import (
    METRICS,
    STATISTICS,
    Budget,
    DockerOptions,
    Slo,
    Timeouts,
    Workload,
)
from core.task.parameters import distinct
from core.task.tree import Node
from core.values import looks_secret, url_credentials

_LATENCY_LIMITS = tuple(f"{metric}_{statistic}" for metric in METRICS for statistic in STATISTICS)
_LIMITS = (*_LATENCY_LIMITS, "error_rate", "throughput_min", "attainment")
_WORKLOAD = tuple(Workload.__dataclass_fields__)
_STRATEGIES = ("auto", "grid", "ofat", "random", "tpe")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REFERENCE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
_SIZE = re.compile(r"[0-9]+[bkmgBKMG]?")


def workload(node: Node, base: Path) -> Workload:
    default = Workload()
    section = Section(node, tuple(name for name in _WORKLOAD if name != "weights"))
    plain: tuple[tuple[str, ...], tuple[float, ...]] = (default.scenarios, ())
    scenarios, weights = section.take("scenarios", _scenarios, plain)
    found = Workload(
        scenarios=scenarios,
        weights=weights,
        concurrency=section.take("concurrency", _concurrency, default.concurrency),
        requests=section.take("requests", whole(1, 10_000_000), default.requests),
        max_duration=section.take("max_duration", duration, default.max_duration),
        dataset=section.take("dataset", places.dataset(base), None),
        early_stop=section.take("early_stop", boolean, default.early_stop),
    )
    section.close()
    return found


def _scenarios(node: Node) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """A list, or a mapping of each scenario to its weight."""
    if isinstance(node.value, dict):
        weights = gather(node.value.values(), positive)
        return _one_kind(node, [_checked(node, key) for key in node.value]), tuple(weights)
    return _one_kind(node, gather(items(node), _scenario)), ()


def _one_kind(node: Node, given: list[str]) -> tuple[str, ...]:
    found = distinct(node, given)
    kinds = sorted({scenarios.kind(one) for one in found})
    if len(kinds) > 1:
        raise node.refuse(f"one engine serves one kind of model; this mixes {' and '.join(kinds)}")
    return tuple(found)


def _scenario(node: Node) -> str:
    return _checked(node, text(node))


def _checked(node: Node, written: str) -> str:
    scenario = written.replace(" ", "")
    if problem := scenarios.problem(scenario):
        raise node.refuse(problem)
    return scenario


def _concurrency(node: Node) -> Literal["auto"] | tuple[int, ...]:
    if node.value == "auto":
        return "auto"
    if isinstance(node.value, str):
        raise node.refuse(f"expected auto or a list like [1, 8, 32], got {node.kind}")
    return tuple(sorted(distinct(node, gather(items(node), whole(1, 100_000)))))


def slo(node: Node) -> Slo:
    section = Section(node, _LIMITS)
    readers = {
        **dict.fromkeys(_LATENCY_LIMITS, duration),
        "error_rate": share,
        "attainment": share,
        "throughput_min": positive,
    }
    # 0.0 only stands in for a refused limit: close() raises then.
    limits = {name: section.take(name, readers[name], 0.0) for name in _LIMITS if section.has(name)}
    section.close()
    return Slo(limits)


def budget(node: Node) -> Budget:
    default = Budget()
    section = Section(node, ("experiments", "duration", "gpu_hours", "repeats"))
    found = Budget(
        experiments=section.take("experiments", whole(1, 1_000_000), default.experiments),
        duration=section.take("duration", duration, None),
        gpu_hours=section.take("gpu_hours", positive, None),
        repeats=section.take("repeats", whole(0, 100), default.repeats),
    )
    section.close()
    return found


def timeouts(node: Node) -> Timeouts:
    default = Timeouts()
    section = Section(node, ("pull", "download", "start", "measurement", "stop"))
    found = Timeouts(
        pull=section.take("pull", duration, default.pull),
        download=section.take("download", duration, default.download),
        start=section.take("start", duration, default.start),
        measurement=section.take("measurement", duration, default.measurement),
        stop=section.take("stop", duration, default.stop),
    )
    section.close()
    return found


def docker(node: Node) -> DockerOptions:
    section = Section(node, ("shm_size", "ipc", "network"))
    found = DockerOptions(
        shm_size=section.take("shm_size", _size, None),
        ipc=section.take("ipc", text, None),
        network=section.take("network", text, None),
    )
    section.close()
    return found


def _size(node: Node) -> str:
    if not isinstance(node.value, str) or not _SIZE.fullmatch(node.value):
        raise node.refuse(f"expected a size like 16g or 512m, got {node.kind}")
    return node.value


def environment(node: Node) -> dict[str, str]:
    """Names to values as they were written; `${NAME}` stays for the settings to resolve."""
    found: dict[str, str] = {}
    problems: list[Problem] = []
    for name, value in entries(node).items():
        try:
            if not _VARIABLE.fullmatch(name):
                raise node.key_refused(name, f"'{name}' is not a variable's name")
            found[name] = _variable(name, value)
        except RefusedError as refused:
            problems.extend(refused.problems)
    if problems:
        raise RefusedError(*problems)
    return found


def _variable(name: str, node: Node) -> str:
    if scalar(node) is None:
        raise node.refuse("expected a value, got nothing")
    value = node.text
    if "${" in _REFERENCE.sub("", value):
        raise node.refuse("a reference is written ${NAME}")
    secret = looks_secret(name) or bool(url_credentials(_REFERENCE.sub("", value)))
    if secret and value and not _REFERENCE.fullmatch(value):
        # The problem must not show the value.
        raise node.refuse(
            f"a secret does not belong in a task file; write ${{{name}}} "
            f"and set {name} in the environment or in .env"
        )
    return value


def strategy(node: Node) -> str:
    word = text(node)
    if word not in _STRATEGIES:
        raise node.refuse(f"unknown strategy '{word}'{nearest(word, _STRATEGIES)}")
    return word
