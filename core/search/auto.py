"""The default strategy: a model of every metric over configuration and load.

Each experiment teaches about its neighbours, and one that missed a limit says how far away it is.
The next one is where the most is to be gained for the time that it takes.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import TYPE_CHECKING

from core.search.base import Barred, Suggestion, Trial, nothing
from core.search.candidates import candidates
from core.search.cost import expected_seconds
from core.search.explain import explained, spread, told
from core.search.features import Encoded, Features
from core.search.kernel import gaps
from core.search.outlook import Outlook, outlook, signed
from core.search.prior import Prior, best_loads
from core.search.startable import Startable
from core.space import Spaces
from core.values import Configuration

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LADDER = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)

_AHEAD = 4  # nothing is known at more than so many times the load that was served
_SPREAD = 3  # experiments, the baseline included, that only spread out
_COMPARED = 8  # candidates for each of them
_PONDERED = 150  # candidates that are thought about in full
_HOPELESS = 0.15  # the chance of a start below which it is not tried
_CAREFUL, _MOST_CAREFUL = 0.05, 0.7  # by how much each crash raises that, and up to what
_DARING = 1.25  # a model of few measurements thinks too well of itself
_WORTH = 0.02  # a gain that is more than noise
_UNLIKELY = 1.5  # of such gains to be expected, by the experiments there were: fewer end it
_FEWEST = 6  # experiments, before it is believed that nothing is left to be gained
_PATIENCE = 2.0  # how much better than a measurement is the time that another start takes
_BRIEF, _BRIEFEST = 0.1, 0.25  # what a measurement has to promise: at first, and at most


@dataclass(frozen=True)
class Auto:
    """`loads`: those that are measured; empty: any. `minimize`: the objective is a latency."""

    space: Spaces
    seed: int
    minimize: bool
    scenarios: tuple[str, ...]
    weights: tuple[float, ...] = ()
    loads: tuple[int, ...] = ()
    prior: Prior | None = None

    def ask(self, history: Sequence[Trial], barred: Barred = nothing) -> Suggestion | None:
        import numpy as np

        tried = {trial.configuration.key for trial in history}
        # Seeded by the history's length: a restarted runner draws what this one would have.
        drawn = random.Random(f"{self.seed}/{len(history)}")
        rng = np.random.default_rng(drawn.getrandbits(64))
        found = candidates(
            self.space.parts, history, drawn, lambda one: one.key in tried or barred(one),
            minimize=self.minimize,
        )  # fmt: skip
        if not found:
            return None
        if len(history) <= len(self.space.parts) and (first := self._told(found, history)):
            return first
        points = self._features.encode(found)
        chance = Startable.of(self._features, history, self._before_start).chance(points)
        if len(history) < _SPREAD and self.prior is None:
            return self._spread(found, points, history, chance, rng)
        model = outlook(
            self._features, history, self.scenarios, self._ladder(history), rng,
            weights=self.weights, before=self._before,
        )  # fmt: skip
        if model is None:
            return self._spread(found, points, history, chance, rng)
        return self._chosen(model, found, points, history, chance, rng)

    def _told(self, found: Sequence[Configuration], history: Sequence[Trial]) -> Suggestion | None:
        """The best elsewhere, before anything is modelled: it is among the best here, too, more
        often than what a model of a baseline expects.
        """
        if self.prior is None:
            return None
        best = self.prior.best({one.key for one in found}, minimize=self.minimize)
        if best is None:
            return None
        loads = {} if self.loads else best_loads(best)
        reason = told(best.configuration, history, self.prior.source, minimize=self.minimize)
        return Suggestion(best.configuration, reason, loads, _BRIEF)

    def _chosen(
        self, model: Outlook, found: Sequence[Configuration], points: Encoded,
        history: Sequence[Trial], chance: Array, rng: np.random.Generator,
    ) -> Suggestion | None:  # fmt: skip
        import numpy as np

        best = self._best(history)
        near = model.promising(points, _PONDERED)
        found, points, chance = [found[at] for at in near], points.rows(near), chance[near]
        expected = model.expect(points, best, rng, _DARING)
        hope = np.where(chance < _hopeless(history), 0.0, chance)
        likely = np.mean(expected.gain > _WORTH, axis=1) * hope
        # One more makes everything take longer by its part of what there was.
        enough = likely.sum() * len(history) < _UNLIKELY
        if best is not None and len(history) >= _FEWEST and enough:
            return None
        seconds = expected_seconds(self.space.parts, history, found, chance)
        gains = expected.gain.mean(axis=1)
        # Twice the chance: the models of what crashes learn little from it.
        worth = gains * hope**2 / seconds
        place = int(np.argmax(worth if worth.max() > 0 else chance))
        loads = {name: int(own[place]) for name, own in expected.loads.items()}
        gain = float(gains[place]) if best is not None else None
        others = np.delete(gains * hope / seconds, place)
        least = _least(float(others.max(initial=0.0)), history) if best is not None else _BRIEF
        source = self.prior.source if self.prior and len(history) <= _SPREAD else None
        reason = explained(
            found[place], history, gain, float(chance[place]), source,
            minimize=self.minimize,
        )  # fmt: skip
        return Suggestion(found[place], reason, {} if self.loads else loads, least)

    def _spread(
        self, found: Sequence[Configuration], points: Encoded, history: Sequence[Trial],
        chance: Array, rng: np.random.Generator,
    ) -> Suggestion:  # fmt: skip
        """Of a few at random the one that differs most from those there are."""
        import numpy as np

        some = rng.choice(len(found), min(_COMPARED, len(found)), replace=False)
        tried = self._features.encode([trial.configuration for trial in history])
        apart, same = gaps(points.rows(some), tried)
        far = apart.sum(axis=0) + (1 - same).sum(axis=0)
        nearest = far.min(axis=1) if history else np.ones(len(some))
        place = int(some[int(np.argmax(nearest * chance[some]))])
        reason = spread(found[place], history, minimize=self.minimize)
        return Suggestion(found[place], reason, least=_BRIEF)

    @cached_property
    def _features(self) -> Features:
        return Features.of(self.space.parts)

    @cached_property
    def _before(self) -> Outlook | None:
        """What the prior would have us expect."""
        import numpy as np

        if self.prior is None:
            return None
        trials = self.prior.trials
        rng = np.random.default_rng(self.seed)
        return outlook(self._features, trials, self.scenarios, self._ladder(trials), rng)

    @cached_property
    def _before_start(self) -> Startable | None:
        return Startable.of(self._features, self.prior.starts()) if self.prior else None

    def _ladder(self, history: Sequence[Trial]) -> Sequence[int]:
        """Nothing is known far above what was measured, and a load too high can end an engine."""
        served = [
            level.concurrency
            for trial in history
            for own in trial.levels.values()
            for level in own
            if not level.void
        ]
        most = _AHEAD * max(served, default=1)
        return self.loads or [load for load in LADDER if load <= most]

    def _best(self, history: Sequence[Trial]) -> float | None:
        sign = -1 if self.minimize else 1
        scores = [one.score for one in history if one.feasible and one.score is not None]
        return max((signed(sign * score) for score in scores), default=None)


def _hopeless(history: Sequence[Trial]) -> float:
    """Whoever crashed often is careful: what crashes next teaches less and costs as much."""
    crashes = sum(trial.failed for trial in history)
    return min(_HOPELESS + _CAREFUL * crashes, _MOST_CAREFUL)


def _least(rate: float, history: Sequence[Trial]) -> float:
    """What one more measurement has to promise, where the next configuration gains at `rate`
    (relative, by the second)."""
    measured = [trial.measuring for trial in history if trial.measuring is not None]
    return min(_PATIENCE * rate * fmean(measured), _BRIEFEST) if measured else _BRIEF
