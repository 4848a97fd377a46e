"""What experiments change: the words on the command line that each value of a flag becomes."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from core.space import Space
from core.values import Scalar

NOT_PASSED = "(not passed)"
_MOST = 10  # values of one flag that are written out
_MORE = "…"


def varied(space: Space) -> dict[str, tuple[str, ...]]:
    """By flag, such as `--kv-cache-dtype fp8_e4m3`; of many values the first and the last."""
    found = {}
    for flag, values in space.axes:
        words = [_words(space, flag, value) for value in _some(values)]
        if len(values) > _MOST:
            words.insert(-1, _MORE)
        always = flag not in space.conditions
        found[flag] = tuple(dict.fromkeys(words if always else [*words, NOT_PASSED]))
    return found


def _some(values: Sequence[Scalar | None]) -> Sequence[Scalar | None]:
    return values if len(values) <= _MOST else (*values[: _MOST - 1], values[-1])


def _words(space: Space, flag: str, value: Scalar | None) -> str:
    configuration = space.engine.configuration(space.passed({flag: value}))
    return shlex.join(space.engine.flag_words(configuration)) or NOT_PASSED
