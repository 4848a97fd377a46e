"""What a measurement is worth: SLOs first, then the objective. Never a mixed number."""

from __future__ import annotations

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
class Outcome:
    """What an experiment came to. `chosen` indexes the measurement that gave `score`."""

    score: float | None
    feasible: bool
    violation: float = 0.0
    chosen: int | None = None
    failure: Failure | None = None


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
    if data.failure is not None:
        over[f"{data.failure.kind}: {data.failure.message}"] = 1.0
    void = data.requests == 0 or data.errors >= data.requests
    value = None if void else objective_value(data, objective, gpus)
    return Judged(data, value, max(over.values(), default=0.0), tuple(over))


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


def outcome(judged: Sequence[Judged], objective: Objective, scenarios: Sequence[str]) -> Outcome:
    """A configuration is as good as its worst scenario, each at its best load."""
    picked = []
    for scenario in scenarios:
        own = [i for i, j in enumerate(judged) if j.data.scenario == scenario]
        own = [i for i in own if judged[i].value is not None]
        if not own:
            return Outcome(None, False, failure=_why(judged, scenario))
        picked.append(max(own, key=lambda i: _rank(judged[i], objective)))
    worst = min(picked, key=lambda i: _rank(judged[i], objective))
    chosen = judged[worst]
    return Outcome(chosen.value, chosen.feasible, chosen.violation, worst)


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
    return f"{name} {value:.4g}{unit} {sign} {limit:.4g}{unit}"


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
