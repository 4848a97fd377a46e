"""The task as values: what the user asked for, with units already resolved."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from core.values import Objective as Objective  # part of a task; others read it without us
from core.values import Scalar

Metric = Literal["ttft", "tpot", "e2e"]
METRICS: tuple[Metric, ...] = ("ttft", "tpot", "e2e")
STATISTICS = ("mean", "p50", "p90", "p95", "p99")
DEFAULT_ERROR_RATE = 0.01


@dataclass(frozen=True, slots=True)
class Fixed:
    """One value for every experiment; None: the flag is not passed.

    `when` of any parameter is a condition in the language of rules: where it does not hold the
    flag is not passed; empty: always.
    """

    value: Scalar | None
    when: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """Distinct values to try; None among them: the flag is not passed."""

    values: tuple[Scalar | None, ...]
    when: str = ""


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from `low` to `high`, both included.

    On a grid: every `step` from `low`, or `points` numbers (None: 8) spread evenly, by
    ratio when `log`. `integer` numbers stay whole.
    """

    low: int | float
    high: int | float
    step: int | float | None = None
    log: bool = False
    points: int | None = None
    integer: bool = True
    when: str = ""


Parameter = Fixed | Choice | Range


@dataclass(frozen=True, slots=True)
class DockerOptions:
    """What only containers have. `shm_size` is written as Docker does: `16g`."""

    shm_size: str | None = None
    ipc: str | None = None
    network: str | None = None


@dataclass(frozen=True, slots=True)
class Workload:
    """What is sent. `requests` and `max_duration` (seconds) bound one measurement.

    `weights` empty: a configuration is as good as its worst scenario; else one weight (above
    0) for each scenario, in their order. `early_stop`: a list of concurrencies ends after two
    levels in a row that break a limit.
    """

    scenarios: tuple[str, ...] = ("D(1000,200)",)
    concurrency: Literal["auto"] | tuple[int, ...] = "auto"
    requests: int = 200
    max_duration: float = 120.0
    dataset: str | None = None
    early_stop: bool = False
    weights: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Slo:
    """Limits by name: `{ttft,tpot,e2e}_{mean,p50,p90,p95,p99}` in seconds, `error_rate` and
    `attainment` as fractions, `throughput_min` in tokens/s. `error_rate` is always there.
    """

    limits: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        limits = {"error_rate": DEFAULT_ERROR_RATE, **self.limits}
        object.__setattr__(self, "limits", limits)

    @property
    def per_request(self) -> dict[Metric, float]:
        """Seconds a single request may take: the limit of the highest percentile given."""
        found: dict[Metric, float] = {}
        for metric in METRICS:
            for statistic in STATISTICS:  # ascending: the last one given stays
                if (limit := self.limits.get(f"{metric}_{statistic}")) is not None:
                    found[metric] = limit
        return found


@dataclass(frozen=True, slots=True)
class Budget:
    """`experiments` counts failures and the baseline, not repeats; `duration` is seconds.

    `gpu_hours` counts GPUs x hours of every start. `repeats`: how often a configuration may be
    started again to confirm it (0: never; the verdict then stays unconfirmed).
    """

    experiments: int = 30
    duration: float | None = None
    gpu_hours: float | None = None
    repeats: int = 7


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that each step may take."""

    pull: float = 3600.0
    download: float = 14400.0
    start: float = 1200.0
    measurement: float = 600.0
    stop: float = 30.0


@dataclass(frozen=True, slots=True)
class Own:
    """What a task of several engines says for one of them alone; it goes over what it says for
    all. `image` None, `command` empty: as for all.
    """

    parameters: dict[str, Parameter] = field(default_factory=dict)
    baseline: dict[str, Scalar | None] = field(default_factory=dict)
    image: str | None = None
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """What the user asked for. Parameter and flag names have dashes, no dashes in front.

    `environment` keeps `${NAME}` as text: settings resolve it. `command` empty: the engine's
    own. `gpus` None: as many as the parallelism needs. `presets` are still to be written out
    (`core.presets`); those of `expanded` are, and their names are kept for people.

    A task that compares engines has those after the first in `others` and what only one of
    them gets in `own`: `of` gives the task of one engine, which is what starts, checks and
    printed commands are made of.
    """

    model: str
    engine: str
    name: str = ""
    tokenizer: str = ""
    deploy: Literal["docker", "process"] = "process"
    image: str | None = None
    command: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    docker: DockerOptions = DockerOptions()
    gpus: int | None = None
    baseline: dict[str, Scalar | None] = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    quantization: dict[str, tuple[Scalar, ...]] = field(default_factory=dict)
    parallel: dict[str, tuple[int, ...]] = field(default_factory=dict)
    presets: tuple[str, ...] = ()
    expanded: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    workload: Workload = Workload()
    objective: Objective = Objective.THROUGHPUT_PER_GPU
    slo: Slo = field(default_factory=Slo)
    strategy: str = "auto"
    budget: Budget = Budget()
    timeouts: Timeouts = Timeouts()
    environment: dict[str, str] = field(default_factory=dict)
    seed: int = 0
    prior: bool = True
    others: tuple[str, ...] = ()
    own: dict[str, Own] = field(default_factory=dict)

    @property
    def engines(self) -> tuple[str, ...]:
        """All that are compared, the first of the file first."""
        return self.engine, *self.others

    def of(self, engine: str) -> Task:
        """The task as it is for one of its engines."""
        own = self.own.get(engine, Own())
        return replace(
            self,
            engine=engine,
            others=(),
            own={},
            parameters={**self.parameters, **own.parameters},
            baseline={**self.baseline, **own.baseline},
            image=own.image or self.image,
            command=own.command or self.command,
        )

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.model.rstrip("/").rpartition("/")[2])
        if not self.tokenizer:
            object.__setattr__(self, "tokenizer", self.model)
