"""What other tasks, or predictions, tell about a space before anything of it is measured."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from core.search.base import Trial, rank


@dataclass(frozen=True, slots=True)
class Prior:
    """Trials of another model, GPU or engine, or predicted ones: they say which configuration
    to try first, never what one is worth. `source` is one line for a person.
    """

    trials: Sequence[Trial]
    source: str

    def best(self, among: Collection[str], *, minimize: bool) -> Trial | None:
        """The best that met the limits, of configurations with these keys."""
        good = [one for one in self.trials if one.feasible and one.configuration.key in among]
        return max(good, key=lambda one: rank(one, minimize=minimize), default=None)

    def starts(self) -> list[Trial]:
        """Those that tell what starts. Of a value with which nothing ever started nobody knows
        whether this model, GPU or engine has it: it tells nothing here.
        """
        started = [set(map(repr, t.configuration.flags)) for t in self.trials if not t.failed]
        works = set().union(*started)
        return [
            one
            for one in self.trials
            if not one.failed or works.issuperset(map(repr, one.configuration.flags))
        ]


def best_loads(trial: Trial) -> dict[str, int]:
    """Of each scenario the load that gave most within the limits."""
    found = {}
    for name, levels in trial.levels.items():
        good = [
            (one.value, one.concurrency) for one in levels if one.feasible and one.value is not None
        ]
        if good:
            found[name] = max(good)[1]
    return found
