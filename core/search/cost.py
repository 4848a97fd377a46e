"""How long an experiment is likely to take: starts differ with what has to be compiled."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median
from typing import TYPE_CHECKING

from core.engines.base import Engine
from core.search.base import Trial
from core.space import Space
from core.values import Configuration

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_START, _MEASURING = 120.0, 60.0  # seconds, while nothing is known
_MEASUREMENTS = 2.5  # of an experiment, as the search for its load ends early for most
_FAILS_AT = 0.5  # of the time of a start, while no failure is known

_Kind = tuple[int, bool]
"""GPUs, and whether an earlier start has compiled what this one needs."""


def expected_seconds(
    spaces: Sequence[Space],
    history: Sequence[Trial],
    found: Sequence[Configuration],
    chance: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Of each configuration; `chance` is that of its start."""
    import numpy as np

    engines = {space.engine.name: space.engine for space in spaces}
    took: dict[_Kind, list[float]] = {}
    compiled: set[tuple[object, ...]] = set()
    for trial in history:
        engine = engines.get(trial.configuration.engine)
        if engine is None or trial.failed or trial.starting is None:
            continue
        kind, needed = _kind(engine, trial.configuration, compiled)
        took.setdefault(kind, []).append(trial.starting)
        compiled.add(needed)
    kinds = [_kind(engines[one.engine], one, compiled)[0] for one in found]
    likely = {kind: _likely(took, kind) for kind in set(kinds)}
    crashes = [trial.starting for trial in history if trial.failed and trial.starting is not None]
    measured = [trial.measuring for trial in history if trial.measuring is not None]
    start = np.array([likely[kind] for kind in kinds])
    crash = fmean(crashes) if crashes else _FAILS_AT * start
    measuring = _MEASUREMENTS * (fmean(measured) if measured else _MEASURING)
    seconds: NDArray[np.float64] = chance * (start + measuring) + (1 - chance) * crash
    return np.maximum(seconds, 1e-3)


def _kind(
    engine: Engine, configuration: Configuration, compiled: set[tuple[object, ...]]
) -> tuple[_Kind, tuple[object, ...]]:
    needed = (engine.name, *(flag for flag in configuration.flags if flag[0] in engine.compiles))
    return (engine.gpus(configuration), needed in compiled), needed


def _likely(took: dict[_Kind, list[float]], kind: _Kind) -> float:
    """The median of its kind; else of those that compile alike; else of all."""
    if kind in took:
        return median(took[kind])
    alike = [one for (_, was), own in took.items() if was == kind[1] for one in own]
    every = alike or [one for own in took.values() for one in own]
    return median(every) if every else _START
