"""What is expected of configurations that were not tried: their best load, and what it gives."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.search.base import Trial
from core.search.features import Encoded, Features
from core.search.metric import Frame, Metric, Seen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from core.score.level import Level

    Array = NDArray[np.float64]

_NOISE = 0.04  # of a measurement, in logarithms, before any is known
_DRAWS = 128
_MOST = 128  # measurements that a model is made of
_LEAST = 1e-3  # a limit that is used up less than this is as good as not used
_YES = 0.7  # stands for what is true or false where a logarithm is modelled
_UNCLEAR = 0.2  # noise of that
_GLANCES = 4  # loads of a first look
_STRICT = 3.0  # what missing a limit costs there, in logarithms
_NEVER = -50.0  # a logarithm of next to nothing


@dataclass(frozen=True)
class Expected:
    """Of each configuration (c): `gain` (c, draws) how much better than the best so far it turns
    out to be, relative; `loads` its most likely best load of each scenario (scenario: c)."""

    gain: Array
    loads: Mapping[str, NDArray[np.int64]]


@dataclass(frozen=True)
class Outlook:
    """`value` models the logarithm of what is maximised (minimised: of its inverse), `limits` by
    name that of the used part of each limit. `faults`: whether something else is wrong.
    """

    frame: Frame
    scenarios: tuple[str, ...]
    ladder: Sequence[int]
    value: Metric
    limits: Mapping[str, Metric]
    faults: Sequence[Metric]
    weights: tuple[float, ...]

    def expect(
        self, points: Encoded, best: float | None, rng: np.random.Generator, daring: float
    ) -> Expected:
        """`best`: the best so far, as `value` has it; None when nothing meets the limits.
        `daring`: by how much more uncertain than modelled everything is taken to be.
        """
        import numpy as np

        worth, loads = [], {}
        metrics = 1 + len(self.limits) + len(self.faults)
        shape = (len(self.scenarios), metrics, _DRAWS, len(self.ladder))
        noise = rng.standard_normal(shape) * daring
        for place, scenario in enumerate(self.scenarios):
            placed = self.frame.at(points, np.full(len(points.kinds), place))
            found, at = self._best(placed, noise[place])
            worth.append(found)
            loads[scenario] = np.array(self.ladder)[at]
        together = self._together(worth)
        if best is None:
            best = float(np.max(together))
            gain = np.exp(together - best) if np.isfinite(best) else np.zeros_like(together)
            return Expected(gain, loads)
        return Expected(np.maximum(np.exp(together - best) - 1, 0.0), loads)

    def promising(self, points: Encoded, count: int) -> NDArray[np.int64]:
        """The places of so many configurations as may turn out best, by a look at a few loads."""
        import numpy as np

        if len(points.numbers) <= count:
            return np.arange(len(points.numbers))
        ladder = list(self.ladder)[:: max(1, len(self.ladder) // _GLANCES)]
        at = np.log(np.array(ladder, dtype=np.float64))
        placed = self.frame.at(points, np.zeros(len(points.kinds), dtype=np.int64))
        hope = self.value.hope(placed, at, 1.0)
        for metric in self.limits.values():
            hope = hope - _STRICT * np.maximum(metric.hope(placed, at, -1.0), 0.0)
        return np.sort(np.argsort(-hope.max(axis=1), kind="stable")[:count])

    def _best(self, points: Encoded, noise: Array) -> tuple[Array, NDArray[np.int64]]:
        """The logarithm of the best value that meets the limits (c, draws), and where it is."""
        import numpy as np

        at = np.log(np.array(self.ladder, dtype=np.float64))
        values = self.value.draws(points, at, noise[0])
        for metric, own in zip([*self.limits.values(), *self.faults], noise[1:], strict=True):
            values = np.where(metric.draws(points, at, own) <= 0, values, -np.inf)
        most = np.max(values, initial=_NEVER, where=np.isfinite(values))
        likely = np.exp(np.clip(values - most, _NEVER, 0)).mean(axis=1)
        best: Array = values.max(axis=2)
        return best, np.argmax(likely, axis=1)

    def _together(self, worth: Sequence[Array]) -> Array:
        """As good as the worst scenario, or their weighted mean."""
        import numpy as np

        if not self.weights:
            worst: Array = np.min(np.stack(worth), axis=0)
            return worst
        share = np.array(self.weights) / math.fsum(self.weights)
        with np.errstate(divide="ignore"):
            found: Array = np.log(np.einsum("s,scd->cd", share, np.exp(np.stack(worth))))
        return found


def outlook(
    features: Features, history: Sequence[Trial], scenarios: tuple[str, ...],
    ladder: Sequence[int], rng: np.random.Generator, *,
    weights: tuple[float, ...] = (), before: Outlook | None = None,
) -> Outlook | None:  # fmt: skip
    """None while nothing was measured. `before`: what other knowledge would have us expect."""
    import numpy as np

    frame = Frame(features, len(scenarios))
    seen = _thinned(_seen(history, scenarios))
    measured = [one for one in seen if not one.level.void]
    if not measured:
        return None

    def model(
        own: Sequence[Seen], values: Sequence[float], known: Metric | None, noise: float = _NOISE
    ) -> Metric:
        return Metric.of(frame, own, np.array(values), noise=noise, rng=rng, before=known)

    limits = {}
    for name in sorted({name for one in measured for name in one.level.strains}):
        own = [one for one in measured if name in one.level.strains]
        if any(one.level.strains[name] > _LEAST for one in own):
            used = [math.log(max(one.level.strains[name], _LEAST)) for one in own]
            limits[name] = model(own, used, before.limits.get(name) if before else None)
    faults = [
        model(seen, [_YES if bad else -_YES for bad in wrong], None, _UNCLEAR)
        for wrong in (
            [one.level.void for one in seen],
            [not one.level.void and not one.level.enough for one in seen],
        )
        if any(wrong)
    ]
    values = [signed(one.level.value or 0.0) for one in measured]
    value = model(measured, values, before.value if before else None)
    return Outlook(frame, scenarios, ladder, value, limits, faults, weights)


def signed(value: float) -> float:
    """A logarithm that is larger for what is better: latencies are given as negative."""
    return math.log(max(value, 1e-9)) if value >= 0 else -math.log(max(-value, 1e-9))


def _seen(history: Sequence[Trial], scenarios: Sequence[str]) -> list[Seen]:
    return [
        Seen(trial, place, level)
        for trial in history
        for place, scenario in enumerate(scenarios)
        for level in trial.levels.get(scenario, ())
    ]


def _thinned(seen: list[Seen]) -> list[Seen]:
    """Of many: of each trial and scenario the load nearest to a limit, of these the best half;
    and the newest of the rest."""
    if len(seen) <= _MOST:
        return seen
    nearest: dict[tuple[str, int], int] = {}
    for at, one in enumerate(seen):
        key = (one.trial.configuration.key, one.scenario)
        if key not in nearest or _off(one.level) < _off(seen[nearest[key]].level):
            nearest[key] = at
    ranked = sorted(nearest.values(), key=lambda at: (-_worth(seen[at].level), -at))
    kept = set(ranked[: _MOST // 2])
    newest = (at for at in reversed(range(len(seen))) if at not in kept)
    kept.update(at for at, _ in zip(newest, range(_MOST - len(kept)), strict=False))
    return [seen[at] for at in sorted(kept)]


def _worth(level: Level) -> float:
    return level.value if level.feasible and level.value is not None else -math.inf


def _off(level: Level) -> float:
    return math.inf if level.void else abs(math.log(max(level.strain, _LEAST)))
