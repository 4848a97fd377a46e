"""Frozen read models: what the console and the commands get to see of the journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.gpu import Gpu
from core.metrics import Measurement
from core.values import (
    Configuration,
    Event,
    ExperimentState,
    Failure,
    Phase,
    Scalar,
    StartReason,
    TaskState,
)


@dataclass(frozen=True, slots=True)
class RunnerView:
    """The runner as its lock and the note in it tell. `since` is epoch seconds.

    Not alive and with a pid: it died. Not alive and without: it left on purpose.
    """

    alive: bool
    pid: int | None = None
    since: float | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class VerdictView:
    """What can be said of the best: winner, tie, not_better, unconfirmed, none_feasible.

    `delta` is its relative gain over the baseline (0.38 = 38 % better; for a latency
    objective 0.38 = 38 % lower), `interval` the confidence interval of that gain at level
    `confidence`. `repeats`: how many starts confirmed it, the one of the search not counted.
    `tied`: the experiments that cannot be told apart from the best, itself left out. `note`
    says in one line what is missing (`the budget ended after 1 of 3 repeats`).
    """

    kind: str
    delta: float | None = None
    interval: tuple[float, float] | None = None
    repeats: int = 0
    confidence: float = 0.95
    tied: tuple[int, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class ConfirmedView:
    """What the repeats of one experiment came to, pooled over all of them.

    `score` is their mean in the objective's unit, `values` that of each repeat in their order,
    `measurements` one per scenario, with the requests of every repeat pooled.
    """

    score: float | None
    feasible: bool
    values: tuple[float, ...] = ()
    measurements: tuple[MeasurementView, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskView:
    """One row of the task list. `planned` is how many experiments the budget or space allow."""

    id: str
    name: str
    state: TaskState
    engine: str
    model: str
    objective: str
    unit: str
    simulated: bool
    submitted: float
    started: float | None = None
    ended: float | None = None
    done: int = 0
    planned: int | None = None
    best: int | None = None
    best_score: float | None = None
    baseline_score: float | None = None
    verdict: VerdictView | None = None
    failure: Failure | None = None
    deadline: float | None = None
    note: str = ""  # one line: why this configuration is tried now
    expected: float | None = None  # epoch seconds: when it will have ended, as far as is known

    @property
    def engines(self) -> tuple[str, ...]:
        """Those that are compared; `engine` names them all."""
        return tuple(self.engine.split(", "))


@dataclass(frozen=True, slots=True)
class PhaseView:
    """One phase of a start; `ended` None while it lasts, `progress` 0..1 where known.

    `detail` says it in words, such as `3.1 of 15.2 GB`.
    """

    phase: Phase
    started: float
    ended: float | None = None
    progress: float | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class StartView:
    """One launch of an experiment. `state` is running, stopped, failed or interrupted.

    `expected`: of a start that is not ready yet, the median seconds of each phase in earlier
    starts of its task; empty where there were none.
    """

    attempt: int
    reason: StartReason
    state: str
    started: float
    ended: float | None = None
    ready: float | None = None
    pid: int | None = None
    failure: Failure | None = None
    phases: tuple[PhaseView, ...] = ()
    expected: Mapping[Phase, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MeasurementView:
    """A stored measurement with the verdict of the task's SLOs.

    `breaches` names each missed limit, for example `ttft_p95 0.69 s > 0.5 s`.
    """

    start: int
    feasible: bool
    breaches: tuple[str, ...]
    data: Measurement


@dataclass(frozen=True, slots=True)
class ExperimentView:
    """One configuration of a task with everything measured on it.

    `score` is in the objective's unit, None for a failure. `chosen` indexes the measurement
    that gave the score. `loads`: where its strategy expects the best load of a scenario,
    `least`: what one more measurement has to promise. `ruled_out`: how many others share its
    fate and are not started; None when they are too many to count.
    """

    number: int
    state: ExperimentState
    baseline: bool
    parameters: dict[str, Scalar]
    score: float | None = None
    feasible: bool | None = None
    failure: Failure | None = None
    reason: str = ""
    started: float | None = None
    ended: float | None = None
    starts: tuple[StartView, ...] = ()
    measurements: tuple[MeasurementView, ...] = ()
    chosen: int | None = None
    confirmed: ConfirmedView | None = None
    ruled_out: int | None = 0
    engine: str = ""
    loads: Mapping[str, int] = field(default_factory=dict)
    least: float = 0.0

    @property
    def configuration(self) -> Configuration:
        return Configuration.of(self.engine, self.parameters)


@dataclass(frozen=True, slots=True)
class ContainerView:
    """A container as the runner last saw it. `ours`: it carries this home's label.

    `cpu` counts cores (1.5 = one and a half), `memory` bytes; None where Docker did not say.
    `environment` is what it really has, secrets masked.
    """

    id: str
    name: str
    image: str
    state: str
    ours: bool
    task: str | None = None
    experiment: int | None = None
    started: float | None = None
    ports: tuple[str, ...] = ()
    gpus: tuple[str, ...] = ()
    cpu: float | None = None
    memory: int | None = None
    environment: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class LiveView:
    """What the runner keeps while a console is open. `at` is epoch seconds, 0 for never.

    `gpu_note` and `container_note` say in one line why there are none (no driver, no Docker).
    """

    at: float = 0.0
    gpus: tuple[Gpu, ...] = ()
    gpu_note: str | None = None
    containers: tuple[ContainerView, ...] = ()
    container_note: str | None = None


@dataclass(frozen=True, slots=True)
class TaskDetail:
    """A task with its experiments in the order of their numbers."""

    task: TaskView
    experiments: tuple[ExperimentView, ...] = ()
    events: tuple[Event, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on a results row. `field` is a column's name or a flag's.

    `operator` is one of `= != < <= > >=`; numbers are compared as numbers (seconds for
    latencies), anything else as text, without regard to case.
    """

    field: str
    operator: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class ResultQuery:
    """Which results, in which order. `sort` is a column's name or a flag's; rows without a
    value come last in either direction, and by score what misses a limit comes after what
    keeps them all. A row has to meet every condition and contain every
    word of `words` (in its flags, state or failure).
    """

    sort: str = "number"
    descending: bool = True
    conditions: tuple[Condition, ...] = ()
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One experiment in the results table. `measured` gave the score; None when none did."""

    number: int
    state: ExperimentState
    baseline: bool
    parameters: dict[str, Scalar]
    score: float | None = None
    feasible: bool | None = None
    failure: Failure | None = None
    reason: str = ""
    started: float | None = None
    ended: float | None = None
    gpus: int = 1
    measured: MeasurementView | None = None
    engine: str = ""


@dataclass(frozen=True, slots=True)
class ResultPage:
    """A window of a sorted, filtered table: rows `offset` … of `matching`, out of `total`."""

    rows: tuple[ResultRow, ...] = ()
    offset: int = 0
    matching: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Point:
    """One experiment as plots need it; None where nothing was measured. Latencies in seconds,
    `per_gpu` output tokens/s divided by the GPUs it takes.
    """

    number: int
    state: ExperimentState
    baseline: bool
    parameters: dict[str, Scalar]
    score: float | None
    feasible: bool | None
    ended: float | None
    throughput: float | None = None
    per_gpu: float | None = None
    ttft_p95: float | None = None
    tpot_p95: float | None = None
    e2e_p95: float | None = None
    concurrency: int | None = None
    engine: str = ""


@dataclass(frozen=True, slots=True)
class Overview:
    """What is always shown of a task, whatever the number of its experiments.

    `busy` is the experiment at work, with its starts and measurements, `best` the chosen
    one. `flags` are those that are not the same in every experiment but the baseline.
    `steps`: (epoch seconds, score) at each moment a new best of the feasible ones came, in
    order. `revision` grows with everything written about the task that rows or points show.
    """

    task: TaskView
    busy: ExperimentView | None = None
    best: ExperimentView | None = None
    flags: tuple[str, ...] = ()
    steps: tuple[tuple[float, float], ...] = ()
    experiments: int = 0
    revision: int = 0


@dataclass(frozen=True, slots=True)
class CommandView:
    """Something the runner was asked: by this console, another one or the command line."""

    id: int
    verb: str
    task: str | None
    asked: float
    done: float | None = None
    reply: str = ""
    error: str | None = None
