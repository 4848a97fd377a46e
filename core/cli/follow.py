"""Progress as lines: every event once, in words."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from core.export.figures import left, low, plain
from core.export.pruned import RuledOut
from core.export.reasons import failure_text, reason
from core.export.table import flag_text, score_text
from core.metrics import Measurement
from core.runner.patience import RETRIES
from core.store.views import ExperimentView, MeasurementView, PhaseView, TaskDetail
from core.values import Event, Scalar, StartReason, size_text

_FRESH = 5.0  # seconds

_PRIOR = {
    "prior.known": "the first candidates are ordered by",
    "prior.unpredicted": "there is no prediction",
}


class Follower:
    """Remembers how many events were told, and how far the phase at work had come."""

    def __init__(self) -> None:
        self._told = 0
        self._reached: tuple[object, ...] = ()

    def lines(self, detail: TaskDetail) -> Iterator[str]:
        """What happened since the last call."""
        new = detail.events[self._told :]
        self._told = len(detail.events)
        for event in new:
            if text := _text(event, detail):
                yield f"{time.strftime('%H:%M:%S', time.localtime(event.at))}  {text}"
        yield from self._progress(detail)

    def _progress(self, detail: TaskDetail) -> Iterator[str]:
        """A line for each tenth of a phase that tells how far it is."""
        for experiment in detail.experiments:
            for phase in experiment.starts[-1].phases if experiment.starts else ():
                if phase.ended is not None or phase.progress is None or phase.detail is None:
                    continue
                reached = (experiment.number, phase.phase, int(phase.progress * 10))
                if reached != self._reached:
                    self._reached = reached
                    yield f"{time.strftime('%H:%M:%S')}  #{experiment.number} {_how_far(phase)}"


def _how_far(phase: PhaseView) -> str:
    return f"{phase.phase} {(phase.progress or 0) * 100:.0f} % {phase.detail or ''}".rstrip()


def _text(event: Event, detail: TaskDetail) -> str | None:
    if event.kind.startswith("task."):
        return f"{detail.task.name} ({detail.task.id}) {event.kind.removeprefix('task.')}"
    if event.kind == "configurations.ruled_out":
        return _ruled_out(event)
    if event.kind.startswith("prior."):
        return f"{_PRIOR[event.kind]}: {event.detail['message']}"
    if event.kind.startswith("ahead."):
        return _ahead(event)
    if event.experiment is None:
        return None
    experiment = detail.experiments[event.experiment]
    text = _about(event, experiment, detail)
    return f"#{experiment.number} {text}" if text else None


def _ruled_out(event: Event) -> str:
    said: dict[str, Any] = dict(event.detail)
    return str(RuledOut(said["count"], said["cause"], said["reason"], event.experiment))


def _ahead(event: Event) -> str:
    """What was fetched while the task had to wait."""
    said: dict[str, Any] = dict(event.detail)
    match event.kind:
        case "ahead.fetching":
            return f"fetching {said['name']} ahead: {size_text(said['bytes'])}"
        case "ahead.left":
            return f"{said['name']} is left to its own start: {said['message']}"
    return f"{said['name']} is there"


def _about(event: Event, experiment: ExperimentView, detail: TaskDetail) -> str | None:
    match event.kind:
        case "experiment.pending":
            engine = f"{experiment.engine} " if len(detail.task.engines) > 1 else ""
            flags = _flags(experiment.parameters)
            return f"{engine}{flags} – {experiment.reason}{_left(event, detail)}"
        case "start.running" | "start.failed" if _repeat(event, experiment):
            return _confirmed(event, experiment) + _left(event, detail)
        case "start.phase":
            return f"{_repeat(event, experiment)}{event.detail['phase']}"
        case "measurement":
            return _measured(event, experiment)
        case "experiment.succeeded":
            return f"score {score_text(experiment.score, detail.task.unit)} {detail.task.unit}"
        case "experiment.infeasible":
            return "misses a limit: " + "; ".join(_breaches(experiment))
        case "experiment.failed":
            return f"failed, {event.detail.get('kind')}: {event.detail.get('message')}"
        case "experiment.cancelled" | "experiment.interrupted":
            return event.kind.removeprefix("experiment.")
    return _befell(event)


def _befell(event: Event) -> str | None:
    """What was nobody's doing."""
    said = event.detail
    match event.kind:
        case "start.retry":
            return f"{said['message']}; try {said['tries']} of {RETRIES} in {said['seconds']:g} s"
        case "start.adopted":
            return "goes on where the runner before it was"
        case "measurement.void":
            return f"{said['scenario']} at {said['concurrency']} does not count: {said['message']}"
    return None


def _left(event: Event, detail: TaskDetail) -> str:
    """The time left, beside what has only just begun: it is that of now."""
    now = time.time()
    known = left(detail.task, now) if now - event.at < _FRESH else ""
    return f" ({known})" if known else ""


def _flags(parameters: dict[str, Scalar]) -> str:
    return " ".join(f"{n}={flag_text(v)}" for n, v in parameters.items()) or "the engine's defaults"


def _repeat(event: Event, experiment: ExperimentView) -> str:
    """`confirming, repeat 2: ` for what happened on a start that confirms; else nothing."""
    attempt = event.detail.get("attempt")
    own = [start.attempt for start in experiment.starts if start.reason is StartReason.CONFIRM]
    return f"confirming, repeat {own.index(attempt) + 1}: " if attempt in own else ""


def _confirmed(event: Event, experiment: ExperimentView) -> str:
    prefix = _repeat(event, experiment)
    if event.kind == "start.running":
        return f"{prefix}{_flags(experiment.parameters)}"
    failure = next(s.failure for s in experiment.starts if s.attempt == event.detail["attempt"])
    return f"{prefix}failed" + (f", {failure_text(failure)}" if failure else "")


def _measured(event: Event, experiment: ExperimentView) -> str | None:
    """What came of one measurement, and what is wrong with it."""
    view = next((v for v in experiment.measurements if _is_of(v, event)), None)
    if view is None:
        return None
    data, against = view.data, reason(view, None)
    look = f"look {data.turn}: " if data.turn > 1 else ""
    ending = f"  ✖ {against}" if against else f"  {data.stopped}" if data.stopped else ""
    return (
        f"{_repeat(event, experiment)}{look}{data.scenario} at {data.concurrency}: "
        f"{plain(data.throughput)} tok/s, {_latency('ttft', data)}, {_latency('tpot', data)}"
        f"{ending}"
    )


def _latency(metric: str, data: Measurement) -> str:
    value: float | None = getattr(data, metric).p95
    mark = " (low n)" if value is not None and low(data, "p95") else ""
    return f"{metric} p95 {plain(value, 1, 1000)} ms{mark}"


def _is_of(view: MeasurementView, event: Event) -> bool:
    """Whether an event is about this measurement: one load may have been measured often."""
    known = {
        "scenario": view.data.scenario, "concurrency": view.data.concurrency,
        "attempt": view.start, "purpose": view.data.purpose, "turn": view.data.turn,
    }  # fmt: skip
    return all(event.detail.get(name, value) == value for name, value in known.items())


def _breaches(experiment: ExperimentView) -> tuple[str, ...]:
    if experiment.chosen is None:
        return ()
    return experiment.measurements[experiment.chosen].breaches
