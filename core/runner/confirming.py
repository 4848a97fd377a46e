"""Confirmation: which experiments are started again, and what their repeats came to.

A repeat is a start that measures every scenario at its chosen load, a few times. Everything here
follows from the journal and the timelines beside it, so another runner decides the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core import score
from core.bench.looks import pooled
from core.runner.halt import Paused
from core.runner.loads import NEAR, Loads, agreed, lowered, strained
from core.runner.meter import Meter
from core.runner.setup import Setup
from core.runner.trials import outcome
from core.score import LOOKS, Arm
from core.store.views import ConfirmedView, ExperimentView, MeasurementView
from core.values import Purpose, StartReason

_BEFORE_LOWER = 2
"""Repeats that together miss a limit before a lower load is tried: one may be bad luck."""

_MOST_LOWERINGS = 2
_MOST_FAILURES = 2


@dataclass(frozen=True, slots=True)
class Confirmed:
    """One experiment under confirmation: the loads of its next repeat, what there is so far.

    `own` are the loads that its search chose, `searched` what it measured there, in the
    objective's unit, `others` the loads that those it is held against chose. `tries`: loads of
    these that are tried before the first repeat.
    """

    arm: Arm
    loads: Loads
    view: ConfirmedView | None
    own: Loads
    searched: Mapping[str, float]
    others: tuple[Loads, ...] = ()
    tries: tuple[tuple[str, int], ...] = ()


async def repeat(meter: Meter, wanted: Confirmed, gpus: int, pausing: asyncio.Event) -> None:
    """One repeat on an engine that serves. Raises Paused between two measurements."""
    loads = await _tried(meter, wanted, gpus, pausing)
    for turn in range(1, LOOKS + 1):
        for scenario, concurrency in loads.items():
            if pausing.is_set():
                raise Paused
            await meter.say(f"{scenario} at {concurrency}: confirming, look {turn} of {LOOKS}")
            await meter.measure(scenario, concurrency, Purpose.CONFIRM, turn, gpus=gpus)


async def _tried(meter: Meter, wanted: Confirmed, gpus: int, pausing: asyncio.Event) -> Loads:
    """The loads of a repeat, after those of others were tried out."""
    if not wanted.tries:
        return wanted.loads
    loads, best = dict(wanted.own), dict(wanted.searched)
    lower = score.lower_is_better(meter.setup.task.objective)
    for scenario, concurrency in wanted.tries:
        if pausing.is_set():
            raise Paused
        await meter.say(f"{scenario} at {concurrency}: the load of another, tried first")
        judged = await meter.measure(scenario, concurrency, Purpose.SEARCH, gpus=gpus)
        value = judged.value if judged.feasible else None
        if value is not None and (value < best[scenario] if lower else value > best[scenario]):
            loads[scenario], best[scenario] = concurrency, value
    return agreed(meter.setup, [loads, *wanted.others])[0]


def together(setup: Setup, experiments: Sequence[ExperimentView]) -> list[Confirmed]:
    """Experiments with a score, their starts and all their measurements, in their order.

    Reads timelines. The loads are those of the search, where these are nearly the same one for
    all; and lower where the repeats together miss a limit there.
    """
    sides = [_Side.of(setup, one) for one in experiments]
    loads = agreed(setup, [side.own for side in sides])
    lowerings = [0] * len(sides)
    while True:
        pooled_views = [_Pooled.of(setup, side, at) for side, at in zip(sides, loads, strict=True)]
        lower = _lowered(setup, loads, pooled_views, lowerings)
        if lower == loads:
            break
        for place, (old, new) in enumerate(zip(loads, lower, strict=True)):
            lowerings[place] += old != new
        loads = lower
    return [
        _confirmed(setup, side, at, found, [one.own for one in sides if one is not side])
        for side, at, found in zip(sides, loads, pooled_views, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Side:
    """One experiment: what its search chose for each scenario, and the loads of that."""

    experiment: ExperimentView
    chosen: tuple[MeasurementView, ...]
    own: Loads

    @classmethod
    def of(cls, setup: Setup, experiment: ExperimentView) -> _Side:
        picked = outcome(setup, experiment).picked
        chosen = tuple(experiment.measurements[place] for place in picked)
        return cls(experiment, chosen, {v.data.scenario: v.data.concurrency for v in chosen})


@dataclass(frozen=True, slots=True)
class _Pooled:
    """The repeats of an experiment at some loads, oldest first, and all of them together."""

    repeats: Mapping[int, Sequence[MeasurementView]]
    view: ConfirmedView | None

    @classmethod
    def of(cls, setup: Setup, side: _Side, loads: Loads) -> _Pooled:
        own = _at(_repeats(side.experiment), loads)
        return cls(own, _view(setup, side.experiment, own) if own else None)

    @property
    def missed(self) -> tuple[MeasurementView, ...]:
        """The scenarios that miss a limit, when there are enough repeats to say so."""
        if self.view is None or len(self.repeats) < _BEFORE_LOWER:
            return ()
        return tuple(view for view in self.view.measurements if not view.feasible)


def _lowered(
    setup: Setup,
    loads: Sequence[dict[str, int]],
    found: Sequence[_Pooled],
    lowerings: Sequence[int],
) -> list[dict[str, int]]:
    """Lower loads for those that miss a limit: for all at the same load, when it is near."""
    lower = [dict(one) for one in loads]
    for place, own in enumerate(found):
        for measured in own.missed if lowerings[place] < _MOST_LOWERINGS else ():
            scenario = measured.data.scenario
            load = loads[place][scenario]
            near = strained(setup, measured) <= NEAR
            wanted = lowered(setup, load, measured)
            for one, at in zip(lower, loads, strict=True):
                if one is lower[place] or (near and at[scenario] == load):
                    one[scenario] = min(one[scenario], wanted)
    return lower


def _confirmed(
    setup: Setup, side: _Side, loads: Loads, found: _Pooled, others: Sequence[Loads]
) -> Confirmed:
    gpus = setup.gpus(side.experiment.configuration)
    judged = {
        view.data.scenario: score.judge(view.data, setup.task.slo, setup.task.objective, gpus)
        for view in side.chosen
    }
    return Confirmed(
        _arm(setup, side, loads, found),
        loads,
        found.view,
        side.own,
        {scenario: one.value or 0.0 for scenario, one in judged.items()},
        tuple(others),
    )


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
    task, work, gpus = setup.task, setup.task.workload, setup.gpus(experiment.configuration)
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
    gpus = setup.gpus(experiment.configuration)
    judged = score.judge(together, task.slo, task.objective, gpus)
    return MeasurementView(views[-1].start, judged.feasible, judged.breaches, together)


def _arm(setup: Setup, side: _Side, loads: Loads, found: _Pooled) -> Arm:
    view, searched = found.view, {one.data.scenario: one.data for one in side.chosen}
    values = view.values if view else ()
    known = [one.data for one in view.measurements] if view else list(searched.values())
    latencies = [data.e2e.p95 for data in known if data.e2e.p95 is not None]
    return Arm(
        number=side.experiment.number,
        values=values,
        at=tuple(own[-1].data.started for own in found.repeats.values())[: len(values)],
        feasible=not found.missed,
        gpus=setup.gpus(side.experiment.configuration),
        latency=max(latencies, default=None),
        searched=side.experiment.score if dict(loads) == dict(side.own) else None,
        lost=_lost(side.experiment),
    )


def _lost(experiment: ExperimentView) -> bool:
    """Whether it is not started again: its repeats failed, or a person skipped it."""
    own = [start for start in experiment.starts if start.reason is StartReason.CONFIRM]
    void = {view.start for view in experiment.measurements if view.data.failure is not None}
    failed = [start for start in own if start.state == "failed" or start.attempt in void]
    skipped = any(start.state == "cancelled" for start in own)
    return skipped or len(failed) >= _MOST_FAILURES
