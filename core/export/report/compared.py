"""The baseline against the best: their figures, their commands."""

from __future__ import annotations

from collections.abc import Iterator

from core.export.evidence import Evidence
from core.export.figures import NONE, low, met, plain
from core.export.markdown import block, escaped, line, table
from core.export.picked import Level, level, scenarios, score_of
from core.export.table import score_text
from core.export.verdict import gain_text
from core.metrics import Measurement
from core.store.views import ExperimentView

_STATISTICS = ("p50", "p95", "p99")
_UNITS = {"ttft": ("TTFT", "ms", 1, 1000.0), "tpot": ("TPOT", "ms", 1, 1000.0),
          "e2e": ("E2E", "s", 3, 1.0)}  # fmt: skip


def compared(found: Evidence) -> Iterator[str]:
    """A table for each scenario."""
    if found.best is None:
        return
    yield "## Baseline against best"
    verdict = found.detail.task.verdict
    if found.best.baseline:
        yield "The best is the baseline itself."
    elif verdict and (gain := gain_text(verdict)):
        yield line(f"Gain over the baseline: {gain}.")
    else:
        yield "The gain over the baseline is not known."
    for scenario in scenarios(found.compared):
        own = [level(e, scenario, found.objective, found.slo) for e in found.compared]
        head = ["", *(_name(e, found) for e in found.compared)]
        yield f"**{escaped(scenario)}**"
        yield table(head, _rows(found, own), "l" + "r" * len(own))


def commands(found: Evidence) -> Iterator[str]:
    """What starts the best and the baseline, exactly."""
    if not found.detail.experiments:
        return
    yield "## Commands"
    for experiment in found.compared:
        yield f"{_name(experiment, found).capitalize()}:"
        if command := found.commands.get(experiment.number):
            yield block(command, "sh")
        else:
            yield "The command cannot be given any more: the task's folder is gone."


def _name(experiment: ExperimentView, found: Evidence) -> str:
    words = [] if experiment is not found.best else ["best"]
    words += ["baseline"] if experiment.baseline else []
    return f"{' and '.join(words)} #{experiment.number}"


def _rows(found: Evidence, levels: list[Level | None]) -> Iterator[list[str]]:
    unit = found.detail.task.unit
    data = [one.data if one else None for one in levels]
    yield ["figures are from", *(_source(one) for one in levels)]
    several = " over all scenarios" if len(scenarios(found.compared)) > 1 else ""
    yield [f"score{several} {unit}", *(score_text(score_of(e), unit) for e in found.compared)]
    yield ["output tok/s", *(plain(d.throughput if d else None) for d in data)]
    yield ["input + output tok/s", *(plain(d.total_throughput if d else None) for d in data)]
    for metric, (name, unit, _, _) in _UNITS.items():
        for statistic in _STATISTICS:
            cells = [latency(d, metric, statistic) if d else NONE for d in data]
            yield [f"{name} {statistic} {unit}", *cells]
    yield ["requests meeting every limit", *(met(d.attainment if d else None) for d in data)]
    yield ["load (concurrent requests)", *(str(d.concurrency) if d else NONE for d in data)]
    yield ["requests", *(str(d.requests) if d else NONE for d in data)]
    yield ["GPUs", *(str(found.gpus(e)) for e in found.compared)]


def latency(data: Measurement, metric: str, statistic: str) -> str:
    """In the unit of its metric, marked when too few requests stand behind it."""
    _, _, decimals, factor = _UNITS[metric]
    value: float | None = getattr(getattr(data, metric), statistic)
    mark = " (low n)" if value is not None and low(data, statistic) else ""
    return f"{plain(value, decimals, factor)}{mark}"


def _source(one: Level | None) -> str:
    if one is None:
        return "nothing measured"
    if one.pooled:
        return "confirmation, pooled"
    return "search, 2 looks pooled" if one.data.turn > 1 else "search, measured once"
