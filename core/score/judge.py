"""What a measurement is worth: SLOs first, then the objective. Never a mixed number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.metrics import Measurement
from core.values import Failure, FailureKind, Objective

if TYPE_CHECKING:
    from core.task import Slo

_LATENCIES = {Objective.LATENCY: "e2e", Objective.TTFT: "ttft", Objective.TPOT: "tpot"}
_METRICS = frozenset(_LATENCIES.values())


@dataclass(frozen=True, slots=True)
class Judged:
    """A measurement held against the SLOs.

    `value` is the objective's, None when the measurement is void. `violation` is how far the
    worst limit is exceeded, relative to it (0.2 = 20 % over); 0 when feasible.
    """

    data: Measurement
    value: float | None
    violation: float
    breaches: tuple[str, ...]

    @property
    def feasible(self) -> bool:
        return self.value is not None and not self.breaches


@dataclass(frozen=True, slots=True)
class Gap:
    """How a value stands to its limit. `excess` is how far beyond it is, relative to the limit
    (0.38 = 38 %); 0 or less when the limit is met.
    """

    value: float
    limit: float
    excess: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an experiment came to. `chosen` indexes the measurement that gave `score`, `picked`
    has that of each scenario, at its best load.
    """

    score: float | None
    feasible: bool
    violation: float = 0.0
    chosen: int | None = None
    failure: Failure | None = None
    picked: tuple[int, ...] = ()


def unit(objective: Objective) -> str:
    if objective in _LATENCIES:
        return "s"
    return "tok/s/GPU" if objective is Objective.THROUGHPUT_PER_GPU else "tok/s"


def lower_is_better(objective: Objective) -> bool:
    return objective in _LATENCIES


def gain(objective: Objective, value: float, reference: float) -> float:
    """Relative gain over the reference, positive when better: 0.38 = 38 % better."""
    if reference == 0:
        return 0.0
    change = value / reference - 1
    return -change if lower_is_better(objective) else change


def judge(data: Measurement, slo: Slo, objective: Objective, gpus: int) -> Judged:
    """Hold one measurement against every limit. A limit on a metric with no value (TPOT of
    one output token) does not apply."""
    over = {}
    for name, limit in slo.limits.items():
        value = _metric(data, name)
        if value is not None and (excess := _excess(name, value, limit)) > 0:
            over[_breach(name, value, limit)] = excess
    if data.saturated:
        over[data.stopped or "over-saturated"] = 1.0
    if data.failure is not None:
        over[f"{data.failure.kind}: {data.failure.message}"] = 1.0
    void = data.requests == 0 or data.errors >= data.requests
    value = None if void else objective_value(data, objective, gpus)
    return Judged(data, value, max(over.values(), default=0.0), tuple(over))


def gaps(data: Measurement, slo: Slo) -> dict[str, Gap]:
    """How far a measurement is from each limit whose metric has a value, in their order."""
    found = {}
    for name, limit in slo.limits.items():
        value = _metric(data, name)
        if value is not None:
            found[name] = Gap(value, limit, _excess(name, value, limit))
    return found


def strains(data: Measurement, slo: Slo) -> dict[str, float]:
    """How much of each limit is used up, 1 = all of it, for the limits that more load strains.

    For a share of requests that is to be reached: how much of the misses that it allows.
    """
    found = {}
    for name, limit in slo.limits.items():
        value = _metric(data, name)
        if value is None or name == "throughput_min":
            continue
        used, allowed = (1 - value, 1 - limit) if name == "attainment" else (value, limit)
        found[name] = used / allowed if allowed else (math.inf if used > 0 else 0.0)
    return found


def objective_value(data: Measurement, objective: Objective, gpus: int) -> float | None:
    """The objective of one measurement, in its unit. Latency objectives use p95."""
    if metric := _LATENCIES.get(objective):
        return _metric(data, f"{metric}_p95")
    # Embeddings and rerankers put out no tokens: what they process is their throughput.
    throughput = data.throughput if data.output_tokens else data.total_throughput
    if throughput is None:
        return None
    if objective is Objective.THROUGHPUT_PER_GPU:
        return throughput / max(1, gpus)
    if objective is Objective.GOODPUT:
        return throughput * (1.0 if data.attainment is None else data.attainment)
    return throughput


def outcome(
    judged: Sequence[Judged],
    objective: Objective,
    scenarios: Sequence[str],
    weights: Sequence[float] = (),
) -> Outcome:
    """A configuration is as good as its worst scenario, each at its best load.

    With `weights`, one for each scenario: as the weighted mean of their values; a limit that
    one of them misses is missed.
    """
    picked = []
    for scenario in scenarios:
        own = [i for i, j in enumerate(judged) if j.data.scenario == scenario]
        own = [i for i in own if judged[i].value is not None]
        if not own:
            return Outcome(None, False, failure=_why(judged, scenario))
        picked.append(max(own, key=lambda i: _rank(judged[i], objective)))
    worst = min(picked, key=lambda i: _rank(judged[i], objective))
    chosen = judged[worst]
    score = _weighted([judged[i] for i in picked], weights) if weights else chosen.value
    return Outcome(score, chosen.feasible, chosen.violation, worst, picked=tuple(picked))


def _weighted(judged: Sequence[Judged], weights: Sequence[float]) -> float:
    values = [one.value or 0.0 for one in judged]
    return math.fsum(w * v for w, v in zip(weights, values, strict=True)) / math.fsum(weights)


def rank(result: Outcome, objective: Objective) -> tuple[int, float, float]:
    """Sort key, larger is better: a hit beats every miss, a miss beats every failure."""
    if result.score is None:
        return (0, 0.0, 0.0)
    signed = -result.score if lower_is_better(objective) else result.score
    return (2, 0.0, signed) if result.feasible else (1, -result.violation, signed)


def _rank(judged: Judged, objective: Objective) -> tuple[int, float, float]:
    return rank(Outcome(judged.value, judged.feasible, judged.violation), objective)


def _why(judged: Sequence[Judged], scenario: str) -> Failure:
    failures = [j.data.failure for j in judged if j.data.scenario == scenario and j.data.failure]
    if failures:
        return failures[0]
    return Failure(FailureKind.BENCH_ERRORS, f"no successful request in scenario {scenario}")


def _breach(name: str, value: float, limit: float) -> str:
    """Such as `ttft_p95 0.69 s > 0.5 s`."""
    sign = "<" if _floor(name) else ">"
    unit = " s" if name.partition("_")[0] in _METRICS else ""
    for digits in range(4, 18):  # as many as it takes to see that they differ
        measured, allowed = f"{value:.{digits}g}", f"{limit:.{digits}g}"
        if measured != allowed:
            break
    return f"{name} {measured}{unit} {sign} {allowed}{unit}"


def _floor(name: str) -> bool:
    return name in {"throughput_min", "attainment"}


def _excess(name: str, value: float, limit: float) -> float:
    """How far beyond the limit, relative to it; 0 or less when it is met."""
    if limit == 0:
        return value
    return 1 - value / limit if _floor(name) else value / limit - 1


def _metric(data: Measurement, name: str) -> float | None:
    if name == "throughput_min":
        return data.throughput
    if name in {"error_rate", "attainment"}:
        plain: float | None = getattr(data, name)
        return plain
    metric, _, stat = name.partition("_")
    found: float | None = getattr(getattr(data, metric), stat)
    return found
