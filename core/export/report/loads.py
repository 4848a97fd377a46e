"""Curves over the load: as tables and as plots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from core.export.closest import closest
from core.export.evidence import Evidence
from core.export.figures import met, percent, plain
from core.export.markdown import block, escaped, table
from core.export.picked import Level, curve, scenarios
from core.export.plot import Dot, plot
from core.export.reasons import doubts, reason
from core.export.report.compared import latency
from core.store.views import ExperimentView
from core.task import Slo

_HEAD = ("load", "tok/s", "TTFT p95 ms", "TPOT p95 ms", "E2E p95 s", "errors", "SLO met", "verdict")


@dataclass(frozen=True, slots=True)
class _Drawn:
    """One curve: whose it is, and the character of its points."""

    experiment: ExperimentView
    name: str
    mark: str


def loads(found: Evidence) -> Iterator[str]:
    """For each scenario: the best and the baseline, drawn and in figures."""
    drawn = _drawn(found)
    names = scenarios(tuple(curve.experiment for curve in drawn))
    if not names:
        return
    yield "## Curves over the load"
    slo = found.slo if found.asked else None
    for scenario in names:
        yield f"### {escaped(scenario)}"
        if picture := plot(list(_dots(drawn, scenario))):
            yield block(f"output tok/s\n{picture}\n{_legend(drawn)}")
        for one in drawn:
            yield f"{one.name.capitalize()}:"
            rows = [_row(level, slo) for level in curve(one.experiment, scenario)]
            yield table(_HEAD, rows, "rrrrrrrl")


def _drawn(found: Evidence) -> tuple[_Drawn, ...]:
    """The best (or what comes closest, when nothing met the limits) and the baseline."""
    nearest = next((one.number for one in closest(found.detail, found.asked)), None)
    first = found.best or next((e for e in found.detail.experiments if e.number == nearest), None)
    drawn = []
    if first is not None and not first.baseline:
        role = "best" if found.best else "closest"
        drawn.append(_Drawn(first, f"{role} #{first.number}", role[0].upper()))
    if found.baseline is not None:
        drawn.append(_Drawn(found.baseline, f"baseline #{found.baseline.number}", "D"))
    return tuple(drawn)


def _row(one: Level, slo: Slo | None) -> list[str]:
    data = one.data
    against = reason(one.view, slo)
    notes = ["pooled over its repeats"] if one.pooled else []
    notes += map(str, doubts(one.view))
    said = "; ".join([against or "meets the limits", *notes])
    return [
        str(data.concurrency),
        plain(data.throughput),
        *(latency(data, metric, "p95") for metric in ("ttft", "tpot", "e2e")),
        percent(data.error_rate) if data.errors else "0",
        met(data.attainment),
        said,
    ]


def _dots(drawn: tuple[_Drawn, ...], scenario: str) -> Iterator[Dot]:
    for one in drawn:
        for level in curve(one.experiment, scenario):
            if (value := level.data.throughput) is not None:
                mark = one.mark if level.view.feasible else one.mark.lower()
                yield Dot(level.data.concurrency, value, mark)


def _legend(drawn: tuple[_Drawn, ...]) -> str:
    said = [f"{o.mark} {o.name}, {o.mark.lower()} where it misses a limit" for o in drawn]
    return "\n".join([*said, *(["* both"] if len(drawn) > 1 else [])])
