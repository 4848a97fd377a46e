"""How many GPUs configurations take, counted for thousands of them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from core.values import Configuration, Scalar

_Key = tuple[Scalar | None, ...]


class GpuCount:
    """Asks the engines, which are imported when the first configuration is counted."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, _Key], int] = {}
        self._names: dict[str, tuple[str, ...]] = {}

    def __call__(self, engine: str, parameters: str) -> int:
        """For `parameters` as the journal keeps them: at least 1, and 1 for what says nothing
        (an engine this program does not know, no JSON). SQLite calls it; it never raises.
        """
        try:
            return self.of(engine, json.loads(parameters))
        except (ValueError, TypeError, AttributeError):
            return 1

    def of(self, engine: str, flags: Mapping[str, Scalar]) -> int:
        """At least 1, and 1 for an engine that this program does not know."""
        if engine not in self._names:
            self._names[engine] = _deciding(engine)
        values = tuple(flags.get(name) for name in self._names[engine])
        # True and 1 are one key of a dictionary; only one of them is a number of GPUs.
        key = engine, (*values, *(isinstance(value, bool) for value in values))
        if key not in self._known:
            self._known[key] = _count(engine, flags)
        return self._known[key]


def _deciding(engine: str) -> tuple[str, ...]:
    """The flags on which the count depends."""
    from core.engines.registry import ENGINES  # late: a console's first picture needs none

    if engine not in ENGINES:
        return ()
    found = ENGINES[engine]
    names = [found.axes[axis] for axis in found.gpu_axes if axis in found.axes]
    return (*names, *([found.shared_dp] if found.shared_dp else []))


def _count(engine: str, flags: Mapping[str, Scalar]) -> int:
    from core.engines.registry import ENGINES

    if engine not in ENGINES:
        return 1
    return max(1, ENGINES[engine].gpus(Configuration.of(engine, flags)))
