"""Which of its measurements stand for an experiment: the best informed ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from core import score
from core.metrics import Measurement
from core.store.views import ExperimentView, MeasurementView, TaskView
from core.task import Slo
from core.values import Objective, Purpose


@dataclass(frozen=True, slots=True)
class Level:
    """One load of an experiment. `pooled`: the requests of all repeats that confirmed it."""

    view: MeasurementView
    pooled: bool = False

    @property
    def data(self) -> Measurement:
        return self.view.data


def simulated(task: TaskView, experiment: ExperimentView) -> bool:
    """Whether its figures are: of a task with one engine all are, or none."""
    if len(task.engines) == 1 or not task.simulated:
        return task.simulated
    from core.engines.registry import ENGINES  # late: a console's first picture needs none

    return experiment.engine in ENGINES and ENGINES[experiment.engine].simulated


def shown(experiment: ExperimentView) -> MeasurementView | None:
    """What its figures are taken from: its pooled repeats, else what gave the search's score.

    Of several scenarios the one that misses a limit, else the one that decided the score.
    """
    chosen = None if experiment.chosen is None else experiment.measurements[experiment.chosen]
    pooled = experiment.confirmed.measurements if experiment.confirmed else ()
    if missed := next((one for one in pooled if not one.feasible), None):
        return missed
    same = (one for one in pooled if chosen and one.data.scenario == chosen.data.scenario)
    return next(same, chosen)


def score_of(experiment: ExperimentView) -> float | None:
    """The mean of its repeats where it was confirmed, else what the search measured."""
    if experiment.confirmed and experiment.confirmed.score is not None:
        return experiment.confirmed.score
    return experiment.score


def repeats(experiment: ExperimentView) -> int:
    """How many repeats confirmed it."""
    return len(experiment.confirmed.values) if experiment.confirmed else 0


def feasible(experiment: ExperimentView) -> bool | None:
    """Whether it meets the limits, by its repeats where there are any."""
    return experiment.confirmed.feasible if experiment.confirmed else experiment.feasible


def scenarios(experiments: tuple[ExperimentView, ...]) -> tuple[str, ...]:
    """Every scenario that was measured, in the order they came."""
    return tuple(dict.fromkeys(m.data.scenario for e in experiments for m in e.measurements))


def curve(experiment: ExperimentView, scenario: str) -> tuple[Level, ...]:
    """One level for each load of a scenario, ascending: what is known best of it.

    Pooled repeats come before the search, a second look (it holds the first) before the first,
    a newer start before an older one.
    """
    found: dict[int, Level] = {}
    for view in experiment.measurements:
        confirms = view.data.purpose is Purpose.CONFIRM
        if view.data.scenario == scenario and not (confirms and view.data.concurrency in found):
            found[view.data.concurrency] = Level(view)
    for view in experiment.confirmed.measurements if experiment.confirmed else ():
        if view.data.scenario == scenario:
            found[view.data.concurrency] = Level(view, pooled=True)
    return tuple(found[load] for load in sorted(found))


def curves(experiment: ExperimentView) -> Iterator[Level]:
    """The levels of every scenario of an experiment."""
    for scenario in scenarios((experiment,)):
        yield from curve(experiment, scenario)


def level(
    experiment: ExperimentView, scenario: str, objective: Objective, slo: Slo
) -> Level | None:
    """A scenario at its best load: the one that was confirmed, else by the search."""
    levels = curve(experiment, scenario)
    if pooled := next((one for one in levels if one.pooled), None):
        return pooled
    judged = [score.judge(one.data, slo, objective, 1) for one in levels]
    picked = score.outcome(judged, objective, (scenario,)).chosen if judged else None
    return None if picked is None else levels[picked]
