"""Tree-structured Parzen estimators: Optuna's sampler over what the journal tells.

Optuna's study lives for one suggestion only and is told everything anew, so a restarted
runner suggests what this one would have.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from core.search.axes import Axis, axis
from core.search.base import Suggestion, Trial
from core.search.simple import Random
from core.space import Space
from core.task import Fixed
from core.values import Scalar

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

_ASKS = 50
# Beyond any limit that was missed: what crashed is worse than what was only too slow.
_CRASHED = 1e9


@dataclass(frozen=True)
class Tpe:
    """Drawn at random for the first `startup` experiments, the baseline included; then the
    sampler's choice. Never a repeat, never a point that a rule forbids.

    A missed limit is told as a constraint by how much it was missed, a crash as a violated
    constraint too: a sampler that is told "failed" forgets the trial and tries it again.
    """

    space: Space
    seed: int
    minimize: bool
    startup: int

    def ask(self, history: Sequence[Trial]) -> Suggestion | None:
        if len(history) < self.startup:
            return self._draw(history, f"start-up draw {len(history) + 1} of {self.startup}")
        told = [trial for trial in history if self._params(trial) is not None and _judged(trial)]
        if all(trial.score is None for trial in told):
            return self._draw(history, "nothing to learn from yet; drawn at random")
        return self._learned(history, told) or self._draw(
            history, f"{_ASKS} candidates were tried or forbidden; drawn at random"
        )

    def _draw(self, history: Sequence[Trial], why: str) -> Suggestion | None:
        found = Random(self.space, self.seed).ask(history)
        return Suggestion(found.configuration, f"tpe: {why}") if found else None

    def _learned(self, history: Sequence[Trial], told: Sequence[Trial]) -> Suggestion | None:
        tried = {trial.configuration.key for trial in history}
        study = self._study(told, len(history))
        distributions = {name: one.distribution() for name, one in self._axes.items()}
        for _ in range(_ASKS):
            # A candidate that is not taken stays as a running trial, which the sampler avoids.
            point = self._point(study.ask(distributions).params)
            configuration = self.space.configuration(point)
            if configuration.key not in tried and self.space.allows(point):
                return Suggestion(
                    configuration, f"tpe: the most promising candidate after {_counted(told)}"
                )
        return None

    @cached_property
    def _axes(self) -> dict[str, Axis]:
        return {
            name: axis(self.space, name, one)
            for name, one in self.space.parameters.items()
            if not isinstance(one, Fixed)
        }

    def _point(self, params: Mapping[str, Any]) -> dict[str, Scalar | None]:
        return {
            name: one.value if isinstance(one, Fixed) else self._axes[name].value(params[name])
            for name, one in self.space.parameters.items()
        }

    def _params(self, trial: Trial) -> dict[str, float] | None:
        """The trial in the sampler's numbers; None when it lies outside the space, as a baseline
        does that leaves a range to the engine's default."""
        given = trial.configuration.parameters
        places = {name: one.place(given.get(name)) for name, one in self._axes.items()}
        found = {name: place for name, place in places.items() if place is not None}
        return found if len(found) == len(places) else None

    def _study(self, told: Sequence[Trial], length: int) -> Study:
        # Imported here: it costs a second, which no other strategy should pay.
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        seed = random.Random(f"{self.seed}/{length}").getrandbits(32)
        study = optuna.create_study(
            sampler=optuna.samplers.TPESampler(n_startup_trials=0, seed=seed, multivariate=True),
            direction="minimize" if self.minimize else "maximize",
        )
        scores = [trial.score for trial in told if trial.score is not None]
        worst = max(scores) if self.minimize else min(scores)
        study.add_trials([self._frozen(trial, worst) for trial in told])
        return study

    def _frozen(self, trial: Trial, worst: float) -> FrozenTrial:
        from optuna.trial import create_trial

        return create_trial(
            params=self._params(trial),
            distributions={name: one.distribution() for name, one in self._axes.items()},
            value=worst if trial.score is None else trial.score,
            constraints={"limits": _CRASHED if trial.failed else trial.violation},
        )


def _judged(trial: Trial) -> bool:
    return trial.failed or trial.score is not None


def _counted(told: Sequence[Trial]) -> str:
    """Such as `12 experiments (2 over a limit, 1 failed)`."""
    failed = sum(trial.failed for trial in told)
    over = sum(not trial.feasible and not trial.failed for trial in told)
    notes = [f"{over} over a limit"] * bool(over) + [f"{failed} failed"] * bool(failed)
    return f"{len(told)} experiments" + (f" ({', '.join(notes)})" if notes else "")
