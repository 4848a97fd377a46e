"""Confirmation: which experiments are started again, and what their repeats came to.

A repeat is a start that measures every scenario at its chosen load, twice. Everything here
follows from the journal and the timelines beside it, so another runner decides the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core import score
from core.bench.looks import pooled
from core.runner.levels import Paused
from core.runner.meter import Meter
from core.runner.setup import Setup
from core.runner.trials import outcome
from core.score import LOOKS, Arm
from core.store.views import ConfirmedView, ExperimentView, MeasurementView
from core.values import Purpose, StartReason

Loads = Mapping[str, int]
"""Scenario to the load it is measured at."""

_BEFORE_LOWER = 2
"""Repeats that together miss a limit before a lower load is tried: one may be bad luck."""

_MOST_FAILURES = 2


@dataclass(frozen=True, slots=True)
class Confirmed:
    """One experiment under confirmation: the loads of its next repeat, what there is so far."""

    arm: Arm
    loads: Loads
    view: ConfirmedView | None


async def repeat(meter: Meter, loads: Loads, gpus: int, pausing: asyncio.Event) -> None:
    """One repeat on an engine that serves. Raises Paused between two measurements."""
    for turn in range(1, LOOKS + 1):
        for scenario, concurrency in loads.items():
            if pausing.is_set():
                raise Paused
            await meter.say(f"{scenario} at {concurrency}: confirming, look {turn} of {LOOKS}")
            await meter.measure(scenario, concurrency, Purpose.CONFIRM, turn, gpus=gpus)


def confirmed(setup: Setup, experiment: ExperimentView) -> Confirmed:
    """An experiment with a score, its starts and all its measurements.

    Reads timelines. The load is that of the search, or the next lower one that met the limits
    there, when the repeats together miss one: at the edge of a limit noise decides.
    """
    found = outcome(setup, experiment)
    chosen = [experiment.measurements[place] for place in found.picked]
    loads: Loads = {view.data.scenario: view.data.concurrency for view in chosen}
    repeats = _repeats(experiment)
    while True:
        own = _at(repeats, loads)
        view = _view(setup, experiment, own) if own else None
        if view is None or view.feasible or len(own) < _BEFORE_LOWER:
            break
        lower = _lowered(experiment, loads, view)
        if lower is None:
            break
        loads = lower
    return Confirmed(_arm(setup, experiment, chosen, own, view, loads), loads, view)


def _repeats(experiment: ExperimentView) -> dict[int, dict[str, MeasurementView]]:
    """By start, the newest look of each scenario: it holds those before it."""
    found: dict[int, dict[str, MeasurementView]] = {}
    for view in experiment.measurements:
        if view.data.purpose is Purpose.CONFIRM and view.data.failure is None:
            found.setdefault(view.start, {})[view.data.scenario] = view
    return found


def _at(
    repeats: Mapping[int, Mapping[str, MeasurementView]], loads: Loads
) -> dict[int, list[MeasurementView]]:
    """The repeats that measured every scenario at these loads, oldest first."""
    found = {}
    for attempt, own in sorted(repeats.items()):
        if {name: view.data.concurrency for name, view in own.items()} == dict(loads):
            found[attempt] = [own[name] for name in loads]
    return found


def _view(
    setup: Setup, experiment: ExperimentView, repeats: Mapping[int, Sequence[MeasurementView]]
) -> ConfirmedView:
    values = [_value(setup, experiment, own) for own in repeats.values()]
    known = tuple(value for value in values if value is not None)
    measured = tuple(
        _pooled(setup, experiment, [own[place] for own in repeats.values()])
        for place in range(len(setup.task.workload.scenarios))
    )
    mean = sum(known) / len(known) if known else None
    feasible = all(view.feasible for view in measured)
    return ConfirmedView(mean, feasible, known, measured)


def _value(
    setup: Setup, experiment: ExperimentView, views: Sequence[MeasurementView]
) -> float | None:
    """The objective of one repeat, over its scenarios."""
    task, work, gpus = setup.task, setup.task.workload, setup.gpus(experiment.parameters)
    judged = [score.judge(view.data, task.slo, task.objective, gpus) for view in views]
    return score.outcome(judged, task.objective, work.scenarios, work.weights).score


def _pooled(
    setup: Setup, experiment: ExperimentView, views: Sequence[MeasurementView]
) -> MeasurementView:
    """All requests of all repeats of one scenario."""
    task, data = setup.task, views[0].data
    folders = [
        setup.start(experiment.number, view.start)
        / "measurements"
        / setup.measurement(data.scenario, data.concurrency, Purpose.CONFIRM, turn)
        for view in views
        for turn in range(1, view.data.turn + 1)
    ]
    limits = {str(name): limit for name, limit in task.slo.per_request.items()}
    together = pooled(folders, data.scenario, data.concurrency, Purpose.CONFIRM, limits)
    gpus = setup.gpus(experiment.parameters)
    judged = score.judge(together, task.slo, task.objective, gpus)
    return MeasurementView(views[-1].start, judged.feasible, judged.breaches, together)


def _lowered(experiment: ExperimentView, loads: Loads, view: ConfirmedView) -> Loads | None:
    """With the next lower load that the search found feasible, where a limit is missed."""
    lowered = dict(loads)
    for measured in view.measurements:
        if measured.feasible:
            continue
        scenario = measured.data.scenario
        below = [
            one.data.concurrency
            for one in experiment.measurements
            if one.data.purpose is Purpose.SEARCH
            and one.data.scenario == scenario
            and one.feasible
            and one.data.concurrency < loads[scenario]
        ]
        if not below:
            return None
        lowered[scenario] = max(below)
    return lowered


def _arm(
    setup: Setup,
    experiment: ExperimentView,
    chosen: Sequence[MeasurementView],
    repeats: Mapping[int, Sequence[MeasurementView]],
    view: ConfirmedView | None,
    loads: Loads,
) -> Arm:
    searched = {one.data.scenario: one.data for one in chosen}
    same = all(searched[name].concurrency == load for name, load in loads.items())
    values = view.values if view else ()
    known = [one.data for one in view.measurements] if view else list(searched.values())
    latencies = [data.e2e.p95 for data in known if data.e2e.p95 is not None]
    return Arm(
        number=experiment.number,
        values=values,
        at=tuple(own[-1].data.started for own in repeats.values())[: len(values)],
        feasible=view is None or view.feasible or len(repeats) < _BEFORE_LOWER,
        gpus=setup.gpus(experiment.parameters),
        latency=max(latencies, default=None),
        searched=experiment.score if same else None,
        lost=_lost(experiment),
    )


def _lost(experiment: ExperimentView) -> bool:
    """Whether it is not started again: its repeats failed, or a person skipped it."""
    own = [start for start in experiment.starts if start.reason is StartReason.CONFIRM]
    void = {view.start for view in experiment.measurements if view.data.failure is not None}
    failed = [start for start in own if start.state == "failed" or start.attempt in void]
    skipped = any(start.state == "cancelled" for start in own)
    return skipped or len(failed) >= _MOST_FAILURES
