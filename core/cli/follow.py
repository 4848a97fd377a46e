"""Progress as lines: every event once, in words."""

from __future__ import annotations

import time
from collections.abc import Iterator

from core.export.table import flag_text, score_text
from core.store.views import ExperimentView, PhaseView, TaskDetail
from core.values import Event, Scalar


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
    if event.experiment is None:
        return None
    experiment = detail.experiments[event.experiment]
    text = _about(event, experiment, detail)
    return f"#{experiment.number} {text}" if text else None


def _about(event: Event, experiment: ExperimentView, detail: TaskDetail) -> str | None:
    match event.kind:
        case "experiment.pending":
            return f"{_flags(experiment.parameters)} – {experiment.reason}"
        case "start.phase":
            return f"{event.detail['phase']}"
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
    return None


def _flags(parameters: dict[str, Scalar]) -> str:
    return " ".join(f"{n}={flag_text(v)}" for n, v in parameters.items()) or "the engine's defaults"


def _measured(event: Event, experiment: ExperimentView) -> str | None:
    for view in experiment.measurements:
        data = view.data
        if (data.scenario, data.concurrency) != (
            event.detail["scenario"], event.detail["concurrency"],
        ):  # fmt: skip
            continue
        speed = "–" if data.throughput is None else f"{data.throughput:.1f}"
        ttft, tpot = (
            "–" if d.p95 is None else f"{d.p95 * 1000:.1f}" for d in (data.ttft, data.tpot)
        )
        mark = "" if view.feasible else "  ✖ " + "; ".join(view.breaches)
        return (
            f"{data.scenario} at {data.concurrency}: {speed} tok/s, "
            f"ttft p95 {ttft} ms, tpot p95 {tpot} ms{mark}"
        )
    return None


def _breaches(experiment: ExperimentView) -> tuple[str, ...]:
    if experiment.chosen is None:
        return ()
    return experiment.measurements[experiment.chosen].breaches
