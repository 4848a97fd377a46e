"""One strategy in one world: the product's own choice, load search and score, on a clock."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.search_table import World
from core.bench.load import Step, next_step
from core.score.level import Level
from core.search.base import Strategy, Suggestion, Trial
from core.values import Configuration

SCENARIO = "table"
END = 240 * 60.0


@dataclass(frozen=True, slots=True)
class Moment:
    """From `at` (seconds) on, the chosen configuration is truly worth `true`, at the chosen load:
    at the best lower one when that misses a limit by more than the noise.
    """

    at: float
    true: float


@dataclass(frozen=True, slots=True)
class Run:
    """`asking` has the seconds of each suggestion."""

    moments: Sequence[Moment]
    trials: Sequence[Trial]
    crashes: int
    repeats: int
    asking: Sequence[float]
    reasons: Sequence[str]

    def best(self, at: float) -> float:
        return next((one.true for one in reversed(self.moments) if one.at <= at), 0.0)

    def reached(self, value: float) -> float:
        """When the choice was first worth so much; the end of time when it never was."""
        return next((one.at for one in self.moments if one.true >= value), END)


class Play:
    """The clock goes on by what starts and measurements cost."""

    def __init__(self, world: World, strategy: Strategy, noise: float, seed: int) -> None:
        self._world = world
        self._strategy = strategy
        self._noise = noise
        self._seed = seed
        self._clock = 0.0
        self._trials: list[Trial] = []
        self._moments: list[Moment] = []
        self._best: Level | None = None

    def run(self) -> Run:
        asking, reasons, repeats = [], list[str](), 0
        found: Suggestion | None = Suggestion(self._world.space.baseline, "baseline")
        while found is not None:
            repeats += any(one.configuration == found.configuration for one in self._trials)
            reasons.append(found.reason)
            self._try(found)
            if self._clock >= END:
                break
            began = time.perf_counter()
            found = self._strategy.ask(self._trials, lambda one: not self._world.known(one))
            asking.append(time.perf_counter() - began)
        crashes = sum(trial.failed for trial in self._trials)
        return Run(self._moments, self._trials, crashes, repeats, asking, reasons)

    def _try(self, found: Suggestion) -> None:
        configuration, cost = found.configuration, self._world.cost
        if not self._world.starts(configuration):
            self._clock += cost.crash
            self._trials.append(
                Trial(configuration, None, feasible=False, failed=True, starting=cost.crash)
            )
            return
        self._clock += cost.start
        levels = self._levels(found)
        known = [one for one in levels if one.value is not None]
        best = _chosen(levels)
        score = best or min(known, key=lambda one: one.strain, default=None)
        self._trials.append(
            Trial(
                configuration,
                score.value if score else None,
                feasible=best is not None,
                violation=score.strain - 1 if score and best is None else 0.0,
                failed=not known,
                levels={SCENARIO: levels},
                starting=cost.start,
                measuring=cost.measurement,
            )
        )

    def _levels(self, found: Suggestion) -> list[Level]:
        """As the runner does: from the hint, else from the load of the best so far."""
        levels: dict[int, Level] = {}
        first, floor = not self._trials, self._best.value if self._best else None
        configuration = found.configuration
        hint = found.loads.get(SCENARIO) or (self._best.concurrency if self._best else None)
        failed = 0
        while failed < 2 and isinstance(
            step := next_step(
                "auto", list(levels.values()), loads=self._world.loads,
                floor=None if first else floor, hint=hint, least=found.least,
            ),
            Step,
        ):  # fmt: skip
            load = step.concurrency
            looks = levels[load].looks + 1 if load in levels else 1
            self._clock += self._world.cost.measurement
            levels[load] = self._world.measure(configuration, load, looks, self._noise, self._seed)
            failed = failed + 1 if levels[load].failed else 0
            self._judge(configuration, list(levels.values()))
        return list(levels.values())

    def _judge(self, configuration: Configuration, levels: Sequence[Level]) -> None:
        """The choice anew: a second look may take back what the first one promised."""
        earlier = [(t.configuration, _chosen(t.levels.get(SCENARIO, ()))) for t in self._trials]
        every = [(c, one) for c, one in [*earlier, (configuration, _chosen(levels))] if one]
        if not every:
            return
        chosen, best = max(every, key=lambda item: item[1].value or 0.0)
        self._best = best
        true = self._true(chosen, best.concurrency)
        self._moments.append(Moment(self._clock, min(true, self._world.optimum)))

    def _true(self, configuration: Configuration, load: int) -> float:
        """What the product's confirmation would leave of it: a load that truly misses a limit
        is lowered."""
        curve = self._world.curves[configuration.key]
        truth = curve[load]
        if truth and truth.strain <= 1 + self._noise:
            return truth.value
        lower = [one for at, one in curve.items() if at < load and one and one.strain <= 1]
        return max((one.value for one in lower), default=0.0)


def _chosen(levels: Sequence[Level]) -> Level | None:
    feasible = (one for one in levels if one.feasible)
    return max(feasible, key=lambda one: one.value or 0.0, default=None)
