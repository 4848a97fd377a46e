"""The numbers that an engine refuses whatever the model is, and the names that it knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Limits:
    """`low` and `high` are allowed themselves, `above` and `below` are not; `also` always is."""

    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None
    also: float | None = None

    def allow(self, number: float) -> bool:
        """Whether the engine may take this number; no end allows everything on its side."""
        if number == self.also:
            return True
        return not (
            (self.low is not None and number < self.low)
            or (self.high is not None and number > self.high)
            or (self.above is not None and number <= self.above)
            or (self.below is not None and number >= self.below)
        )

    def __str__(self) -> str:
        ends = (
            ("{:g} or more", self.low),
            ("more than {:g}", self.above),
            ("{:g} at most", self.high),
            ("less than {:g}", self.below),
        )
        said = " and ".join(text.format(end) for text, end in ends if end is not None)
        return said if self.also is None else f"{said}, or {self.also:g}"


def limits(engine: str, flag: str) -> Limits | None:
    """Of a flag under its full name; None: nothing is known."""
    return _limits().get(engine, {}).get(flag)


def named(engine: str, flag: str) -> tuple[str, ...]:
    """The values that an engine knows by name where its help lists none; others may do too."""
    return tuple(_file("named.yaml").get(engine, {}).get(flag, ()))


@cache
def _limits() -> Mapping[str, Mapping[str, Limits]]:
    return {
        engine: {flag: Limits(**ends) for flag, ends in flags.items()}
        for engine, flags in _file("limits.yaml").items()
    }


@cache
def _file(name: str) -> Mapping[str, Mapping[str, Any]]:
    file = resources.files(__name__.rpartition(".")[0]).joinpath(name)
    found: Mapping[str, Mapping[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found
