"""The untried configurations that a strategy thinks about."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from core.search.base import Barred, Trial, rank
from core.space import Space
from core.space.values import draw, grid_values
from core.task import Range
from core.values import Configuration, InputError

_WHOLE = 1500  # a space with no more is looked at whole
_DRAWN = 300
_AROUND = 6  # of the best trials, whose neighbours are looked at
_NEAR = 12  # values of a number that are its neighbours


def candidates(
    spaces: Sequence[Space], history: Sequence[Trial], rng: random.Random, out: Barred, *,
    minimize: bool,
) -> list[Configuration]:  # fmt: skip
    """Not `out`, each once. Of a large space some at random, and the neighbours of the best."""
    found: dict[str, Configuration] = {}
    for space in spaces:
        if space.size is not None and space.size <= _WHOLE:
            found.update((one.key, one) for one in space.grid())
        else:
            found.update((one.key, one) for one in _drawn(space, rng, _DRAWN // len(spaces)))
            found.update((one.key, one) for one in _around(space, history, rng, minimize))
    return [one for one in found.values() if not out(one)]


def _drawn(space: Space, rng: random.Random, count: int) -> Iterator[Configuration]:
    try:
        for _ in range(count):
            yield space.sample(rng)
    except InputError:  # the rules leave next to nothing
        return


def _around(
    space: Space, history: Sequence[Trial], rng: random.Random, minimize: bool
) -> Iterator[Configuration]:
    """Those that differ from one of the best in one flag."""
    own = (one for one in history if one.configuration.engine == space.engine.name)
    known = [trial for trial in own if trial.score is not None]
    known.sort(key=lambda trial: rank(trial, minimize=minimize), reverse=True)
    for trial in known[:_AROUND]:
        point = space.point(trial.configuration)
        for flag, parameter in space.parameters.items():
            values = grid_values(parameter)
            if isinstance(parameter, Range) or len(values) > _NEAR:
                values = tuple(draw(parameter, rng) for _ in range(_NEAR))
            for value in values:
                other = {**point, flag: value}
                if space.allows(other):
                    yield space.configuration(other)
