"""The loads of one configuration: each scenario's search for its best, on a warm engine."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from core import score
from core.bench.load import Ended, Step, next_step
from core.runner.halt import Paused
from core.runner.meter import Meter
from core.runner.setup import Setup
from core.score import Judged
from core.score.level import Level
from core.store.views import ExperimentView
from core.task import Task
from core.values import Purpose


@dataclass(frozen=True, slots=True)
class Incumbent:
    """The best so far: its score, and the load that each scenario had there."""

    score: float | None = None
    loads: Mapping[str, int] = field(default_factory=dict)


class Levels:
    """Measures what is left of one experiment's loads.

    Everything that was measured since the experiment began counts, on whichever start: after
    an engine that died, or a runner, the next one goes on with what is left.
    """

    def __init__(
        self, setup: Setup, experiment: ExperimentView, incumbent: Incumbent, pausing: asyncio.Event
    ) -> None:
        self._task = setup.task
        self._gpus = setup.gpus(experiment.configuration)
        self._lower = score.lower_is_better(setup.task.objective)
        self._incumbent = incumbent
        # What a strategy expects of this configuration tells more than what another one had.
        self._hints = {**incumbent.loads, **experiment.loads}
        self._least = experiment.least
        self._pausing = pausing
        self._judged: dict[str, list[Judged]] = {s: [] for s in self._task.workload.scenarios}
        since = experiment.started or 0.0
        own = {start.attempt for start in experiment.starts if start.started >= since}
        for view in experiment.measurements:
            if view.data.purpose is Purpose.SEARCH and view.start in own:
                self._add(score.judge(view.data, setup.task.slo, setup.task.objective, self._gpus))
        self._fatal = _fatal(experiment)

    @property
    def begun(self) -> bool:
        """Whether anything was measured since the experiment began."""
        return any(self._judged.values())

    @property
    def left(self) -> bool:
        """Whether there is anything that one more start could measure."""
        return any(isinstance(self._next(one), Step) for one in self._judged)

    async def measure(self, meter: Meter) -> None:
        """Until no scenario has a load that is worth measuring. Raises Paused, EngineFailed."""
        for scenario in self._judged:
            while isinstance(step := self._next(scenario), Step):
                if self._pausing.is_set():
                    raise Paused
                await meter.say(f"{scenario} at {step.concurrency}: {step.reason}")
                turn = 2 if step.again else 1
                self._add(
                    await meter.measure(
                        scenario, step.concurrency, Purpose.SEARCH, turn, gpus=self._gpus
                    )
                )

    def _add(self, judged: Judged) -> None:
        """A second look holds the requests of the first: it takes its place."""
        own, load = self._judged.get(judged.data.scenario, []), judged.data.concurrency
        own[:] = [*(one for one in own if one.data.concurrency != load), judged]

    def _next(self, scenario: str) -> Step | Ended:
        judged, asked = self._judged[scenario], self._task.workload.concurrency
        last = judged[-1].data if judged else None
        if asked != "auto" and last and (scenario, last.concurrency) in self._fatal:
            return Ended("the engine did not survive this load: higher ones are not tried")
        if len(judged) > 1 and all(one.data.failure for one in judged[-2:]):
            return Ended("two loads in a row failed")
        return next_step(
            asked,
            [level(one, self._task) for one in judged],
            lowest=self._lower,
            floor=self._floor(scenario),
            hint=self._hints.get(scenario),
            early_stop=self._task.workload.early_stop,
            least=self._least,
        )

    def _floor(self, scenario: str) -> float | None:
        """What this scenario has to reach for its configuration to beat the incumbent."""
        best, work = self._incumbent.score, self._task.workload
        if best is None or not work.weights:
            return None if best is None else _oriented(best, lower=self._lower)
        if scenario != work.scenarios[-1]:
            return None  # what those after it will contribute is not known yet
        *others, own = work.weights
        values = [self._best(name) for name in work.scenarios[:-1]]
        known = math.fsum(w * v for w, v in zip(others, values, strict=True))
        return (_oriented(best, lower=self._lower) * math.fsum(work.weights) - known) / own

    def _best(self, scenario: str) -> float:
        values = [one.value for one in self._judged[scenario] if one.feasible]
        return max((_oriented(v, lower=self._lower) for v in values if v is not None), default=0.0)


def level(judged: Judged, task: Task) -> Level:
    """A measurement as the search for the best load sees it."""
    data, lower = judged.data, score.lower_is_better(task.objective)
    least = task.slo.limits.get("throughput_min", 0.0)
    return Level(
        concurrency=data.concurrency,
        value=None if judged.value is None else _oriented(judged.value, lower=lower),
        throughput=data.throughput,
        strains=score.strains(data, task.slo),
        enough=(data.throughput or 0.0) >= least,
        failed=data.failure is not None or data.saturated or judged.value is None,
        looks=data.turn,
    )


def _oriented(value: float, *, lower: bool) -> float:
    return -value if lower else value


def _fatal(experiment: ExperimentView) -> frozenset[tuple[str, int]]:
    """Scenario and load of the measurements that the engine did not survive."""
    failed = {start.attempt for start in experiment.starts if start.state == "failed"}
    last = {view.start: view.data for view in experiment.measurements}
    return frozenset(
        (data.scenario, data.concurrency) for attempt, data in last.items() if attempt in failed
    )
