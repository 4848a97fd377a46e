"""What a task knew beforehand, as it was when it was first asked: the same after any restart."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from core.paths import Home, replace_file
from core.score.level import Level
from core.search.base import Trial
from core.search.prior import Prior
from core.values import Configuration

FILE = "prior.json"


def freeze(home: Home, task: str, prior: Prior | None) -> None:
    """Also that there was nothing."""
    replace_file(home.task(task) / FILE, json.dumps(_written(prior)).encode())


def thaw(home: Home, task: str) -> tuple[bool, Prior | None]:
    """Whether it was frozen, and what. A file that is none is as if it were not there."""
    try:
        found = json.loads((home.task(task) / FILE).read_text(encoding="utf-8"))
        return True, _read(found)
    except (OSError, ValueError, TypeError, KeyError):
        return False, None


def _written(prior: Prior | None) -> dict[str, Any] | None:
    if prior is None:
        return None
    return {"source": prior.source, "trials": [_fields(trial) for trial in prior.trials]}


def _fields(trial: Trial) -> dict[str, Any]:
    levels = {
        scenario: [dataclasses.asdict(level) for level in own]
        for scenario, own in trial.levels.items()
    }
    plain = ("score", "feasible", "violation", "failed", "starting", "measuring")
    configuration = trial.configuration
    return {name: getattr(trial, name) for name in plain} | {
        "engine": configuration.engine,
        "parameters": dict(configuration.parameters),
        "levels": levels,
    }


def _read(found: Mapping[str, Any] | None) -> Prior | None:
    if found is None:
        return None
    return Prior(tuple(_trial(dict(one)) for one in found["trials"]), str(found["source"]))


def _trial(fields: dict[str, Any]) -> Trial:
    configuration = Configuration.of(fields.pop("engine"), fields.pop("parameters"))
    levels = {
        scenario: tuple(Level(**one) for one in own)
        for scenario, own in fields.pop("levels").items()
    }
    return Trial(configuration, **fields, levels=levels)
