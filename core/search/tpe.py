"""Tree-structured Parzen estimators: Optuna's sampler over what the journal tells.

Optuna's study lives for one suggestion only and is told everything anew, so a restarted
runner suggests what this one would have.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from core.search.axes import Axis, axis, suggested
from core.search.base import Barred, Suggestion, Trial, nothing
from core.search.simple import Random
from core.space import Space, Spaces
from core.task import Fixed
from core.values import Scalar

if TYPE_CHECKING:
    from optuna import Study
    from optuna import Trial as Asked
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

_ASKS = 50
_ENGINE = "engine"
# Beyond any limit that was missed: what crashed is worse than what was only too slow.
_CRASHED = 1e9


@dataclass(frozen=True)
class Tpe:
    """Drawn at random for the first `startup` experiments, the baseline included; then the
    sampler's choice. Never a repeat, never a point that a rule forbids.

    The engine is drawn first where several are compared, and only the flags of that one then.

    A missed limit is told as a constraint by how much it was missed, a crash as a violated
    constraint too: a sampler that is told "failed" forgets the trial and tries it again. So is
    a candidate that is barred.
    """

    space: Spaces
    seed: int
    minimize: bool
    startup: int

    def ask(self, history: Sequence[Trial], barred: Barred = nothing) -> Suggestion | None:
        if len(history) < self.startup:
            why = f"start-up draw {len(history) + 1} of {self.startup}"
            return self._draw(history, barred, why)
        told = [trial for trial in history if self._params(trial) is not None and _judged(trial)]
        if all(trial.score is None for trial in told):
            return self._draw(history, barred, "nothing to learn from yet; drawn at random")
        return self._learned(history, barred, told) or self._draw(
            history, barred, f"{_ASKS} candidates were tried or forbidden; drawn at random"
        )

    def _draw(self, history: Sequence[Trial], barred: Barred, why: str) -> Suggestion | None:
        found = Random(self.space, self.seed).ask(history, barred)
        return Suggestion(found.configuration, f"tpe: {why}") if found else None

    def _learned(
        self, history: Sequence[Trial], barred: Barred, told: Sequence[Trial]
    ) -> Suggestion | None:
        tried = {trial.configuration.key for trial in history}
        worst = self._worst(told)
        study = self._study(told, worst, len(history))
        for _ in range(_ASKS):
            # A candidate that is not taken stays as a running trial, which the sampler avoids.
            part, point = self._drawn(study.ask())
            configuration = part.configuration(point)
            if configuration.key in tried or not part.allows(point):
                continue
            if not barred(configuration):
                return Suggestion(
                    configuration, f"tpe: the most promising candidate after {_counted(told)}"
                )
            fate = Trial(configuration, None, feasible=False, failed=True)
            if self._params(fate) is not None:
                study.add_trial(self._frozen(fate, worst))
        return None

    @property
    def _varying(self) -> bool:
        """Whether not every configuration has the same flags."""
        return len(self._axes) > 1 or any(part.conditions for part in self.space.parts)

    @cached_property
    def _axes(self) -> dict[str, dict[str, Axis]]:
        """By engine and flag; a flag with a condition after those that it depends on."""
        return {
            part.engine.name: {
                name: axis(part, name, one)
                for name in part.ordered
                if not isinstance(one := part.parameters[name], Fixed)
            }
            for part in self.space.parts
        }

    def _drawn(self, trial: Asked) -> tuple[Space, dict[str, Scalar | None]]:
        """Values for every flag of one engine, None for those whose condition does not hold."""
        part = self.space.parts[0]
        if len(self.space.parts) > 1:
            part = self.space.parts[trial.suggest_categorical(_ENGINE, range(len(self._axes)))]
        point = {n: p.value for n, p in part.parameters.items() if isinstance(p, Fixed)}
        for name, one in self._axes[part.engine.name].items():
            point = {**part.settled(point)}
            if not part.active(name, point):
                point[name] = None
                continue
            drawn = suggested(trial, self._name(part, name), one.distribution())
            point[name] = one.value(drawn)
        return part, point

    def _distributions(self, params: Iterable[str]) -> dict[str, BaseDistribution]:
        from optuna.distributions import CategoricalDistribution

        known = {
            self._name(part, name): one.distribution
            for part in self.space.parts
            for name, one in self._axes[part.engine.name].items()
        }
        known[_ENGINE] = lambda: CategoricalDistribution(range(len(self._axes)))
        return {name: known[name]() for name in params}

    def _params(self, trial: Trial) -> dict[str, float] | None:
        """The trial in the sampler's numbers; None when it lies outside the space, as a baseline
        does that leaves a range to the engine's default."""
        given, names = trial.configuration.parameters, list(self._axes)
        place = names.index(trial.configuration.engine)
        part = self.space.parts[place]
        found: dict[str, float] = {_ENGINE: place} if len(names) > 1 else {}
        point = part.point(trial.configuration)
        for name, one in self._axes[part.engine.name].items():
            if name not in given and not part.active(name, point):
                continue
            value = one.place(given.get(name))
            if value is None:
                return None
            found[self._name(part, name)] = value
        return found

    def _name(self, part: Space, flag: str) -> str:
        """The sampler's name for it: a flag of two engines need not mean the same."""
        return flag if len(self._axes) == 1 else f"{part.engine.name}/{flag}"

    def _worst(self, told: Sequence[Trial]) -> float:
        scores = [trial.score for trial in told if trial.score is not None]
        return max(scores) if self.minimize else min(scores)

    def _study(self, told: Sequence[Trial], worst: float, length: int) -> Study:
        # Imported here: it costs a second, which no other strategy should pay.
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        seed = random.Random(f"{self.seed}/{length}").getrandbits(32)
        with warnings.catch_warnings():
            # What it warns of is that its interface may change; its version is pinned.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(
                n_startup_trials=0, seed=seed, multivariate=True, group=self._varying
            )
        study = optuna.create_study(
            sampler=sampler,
            direction="minimize" if self.minimize else "maximize",
        )
        study.add_trials([self._frozen(trial, worst) for trial in told])
        return study

    def _frozen(self, trial: Trial, worst: float) -> FrozenTrial:
        from optuna.trial import create_trial

        params = self._params(trial) or {}
        return create_trial(
            params=params,
            distributions=self._distributions(params),
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
