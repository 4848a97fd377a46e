"""Where engines are compared, each is first tried as it comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.search.base import Barred, Strategy, Suggestion, Trial, nothing
from core.space import Several


@dataclass(frozen=True, slots=True)
class Baselines:
    """The baseline of each engine that has none yet, then what `after` suggests."""

    space: Several
    after: Strategy

    def ask(self, history: Sequence[Trial], barred: Barred = nothing) -> Suggestion | None:
        tried = {trial.configuration.key for trial in history}
        for baseline in self.space.baselines:
            if baseline.key not in tried and not barred(baseline):
                return Suggestion(baseline, f"baseline of {baseline.engine}: its defaults")
        return self.after.ask(history, barred)
