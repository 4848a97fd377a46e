"""A table of configurations as a world that can be tuned: what a start and a load give there."""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from core.engines.base import Engine
from core.score.level import Level
from core.space import Space
from core.task import Choice
from core.task.units import seconds
from core.values import Configuration, InputError, Scalar

ENGINE = Engine("table", (), 0, lambda *_: (), axes={}, reserved=frozenset(), simulated=True)
_KINDS = ("categorical", "ordered")
_PER_SECOND = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
_SECTIONS = ("parameters", "load", "status", "metrics", "cost", "baseline")


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of a start, of one measurement, and of a start that crashes."""

    start: float
    measurement: float
    crash: float


@dataclass(frozen=True, slots=True)
class Mapped:
    """What the columns of a table are. `metrics`: a limit's name, or `throughput`, to its column
    and what one unit of the column is in seconds (tokens/s: 1).
    """

    parameters: Mapping[str, str]
    load: str
    status: str
    good: frozenset[str]
    metrics: Mapping[str, tuple[str, float]]
    cost: Cost
    baseline: Mapping[str, str]


def mapping(path: Path) -> Mapped:
    """InputError for what is missing or not understood."""
    given = yaml.safe_load(path.read_text())
    unknown = sorted(set(given) - set(_SECTIONS)) if isinstance(given, dict) else ["no mapping"]
    if unknown:
        raise InputError(f"{path}: {unknown[0]} is not one of {', '.join(_SECTIONS)}")
    status = given.get("status", "status")
    status = status if isinstance(status, dict) else {"column": status}
    good = status.get("ok", "ok")
    try:
        return Mapped(
            parameters={str(k): _kind(path, v) for k, v in given["parameters"].items()},
            load=given["load"],
            status=status["column"],
            good=frozenset(map(str, good if isinstance(good, list) else [good])),
            metrics={name: _column(path, one) for name, one in given["metrics"].items()},
            cost=Cost(**{name: _seconds(path, one) for name, one in given["cost"].items()}),
            baseline={k: str(v) for k, v in given.get("baseline", {}).items()},
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: {error} is missing or not as expected") from None


def _kind(path: Path, kind: str) -> str:
    if kind not in _KINDS:
        raise InputError(f"{path}: a parameter is {' or '.join(_KINDS)}, not {kind}")
    return kind


def _column(path: Path, given: str | Mapping[str, str]) -> tuple[str, float]:
    if isinstance(given, str):
        return given, 1.0
    if (unit := given.get("unit", "s")) not in _PER_SECOND:
        raise InputError(f"{path}: unit {unit} is not one of {', '.join(_PER_SECOND)}")
    return given["column"], _PER_SECOND[unit]


def _seconds(path: Path, given: object) -> float:
    if (found := seconds(str(given))) is None:
        raise InputError(f"{path}: cost {given} is no duration such as 4m or 90s")
    return found


@dataclass(frozen=True, slots=True)
class Truth:
    """One configuration at one load. `strains`: each limit's metric relative to it."""

    value: float
    strains: Mapping[str, float]

    @property
    def strain(self) -> float:
        return max(self.strains.values(), default=0.0)


@dataclass(frozen=True)
class World:
    """`curves` has, for each configuration's key, what each load gives; None: it fails."""

    space: Space
    curves: Mapping[str, Mapping[int, Truth | None]]
    loads: Sequence[int]
    limits: Mapping[str, float]
    cost: Cost

    def known(self, configuration: Configuration) -> bool:
        return configuration.key in self.curves

    def starts(self, configuration: Configuration) -> bool:
        """It does not when no load works."""
        return any(self.curves[configuration.key].values())

    @property
    def optimum(self) -> float:
        """The best value of the table that meets every limit."""
        every = (truth for curve in self.curves.values() for truth in curve.values() if truth)
        return max((one.value for one in every if one.strain <= 1), default=0.0)

    def measure(
        self, configuration: Configuration, load: int, looks: int, noise: float, seed: int
    ) -> Level:
        """All looks at a load, pooled; every figure with its own noise, always the same."""
        truth = self.curves[configuration.key][load]
        if truth is None:
            return Level(load, None, None, {}, failed=True, looks=looks)
        rng = random.Random(f"{seed}/{configuration.key}/{load}")
        names = ["", *truth.strains]
        drawn = [[math.exp(rng.gauss(0, noise)) for _ in names] for _ in range(looks)]
        by = dict(
            zip(names, (sum(column) / looks for column in zip(*drawn, strict=True)), strict=True)
        )
        value = truth.value * by[""]
        strains = {name: strain * by[name] for name, strain in truth.strains.items()}
        return Level(load, value, value, strains, looks=looks)


def world(table: Path, mapped: Mapped, limits: Mapping[str, float]) -> World:
    """InputError for a limit or a column that is not there."""
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise InputError(f"{table}: there is no row")
    used = [
        *mapped.parameters,
        mapped.load,
        mapped.status,
        *(c for c, _ in mapped.metrics.values()),
    ]
    if missing := [name for name in used if name not in rows[0]]:
        raise InputError(f"{table}: there is no column {missing[0]}")
    if missing := [name for name in limits if name not in mapped.metrics]:
        raise InputError(f"--slo: the mapping has no metric {missing[0]}")
    values = {name: _values(rows, name, kind) for name, kind in mapped.parameters.items()}
    curves: dict[str, dict[int, Truth | None]] = {}
    for row in rows:
        point = {name: values[name][row[name]] for name in values}
        curve = curves.setdefault(ENGINE.configuration(point).key, {})
        curve[int(float(row[mapped.load]))] = _truth(row, mapped, limits)
    loads = sorted({load for curve in curves.values() for load in curve})
    for curve in curves.values():
        curve.update({load: curve.get(load) for load in loads})
    first = {name: values[name][rows[0][name]] for name in values}
    first |= {name: values[name][value] for name, value in mapped.baseline.items()}
    space = Space(
        ENGINE, ENGINE.configuration(first),
        {name.replace("_", "-"): Choice(tuple(own.values())) for name, own in values.items()},
    )  # fmt: skip
    return World(space, curves, loads, limits, mapped.cost)


def _values(rows: Sequence[Mapping[str, str]], name: str, kind: str) -> dict[str, Scalar]:
    """What stands in the column to the value it is; ordered ones ascend."""
    written = dict.fromkeys(row[name] for row in rows)
    if kind == "categorical":
        return {text: f"{text}" for text in written}
    try:
        numbers = {text: float(text) for text in written}
    except ValueError:
        raise InputError(f"{name}: an ordered column holds numbers") from None
    whole = all(number.is_integer() for number in numbers.values())
    return {
        text: int(number) if whole else number
        for text, number in sorted(numbers.items(), key=lambda item: item[1])
    }


def _truth(row: Mapping[str, str], mapped: Mapped, limits: Mapping[str, float]) -> Truth | None:
    if row[mapped.status] not in mapped.good:
        return None

    def metric(name: str) -> float:
        column, unit = mapped.metrics[name]
        return float(row[column]) * unit

    return Truth(metric("throughput"), {name: metric(name) / limits[name] for name in limits})
