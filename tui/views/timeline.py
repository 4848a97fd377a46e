"""Best so far over time, with every experiment where it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.store.views import Overview, Point
from core.values import ExperimentState
from tui.line import Line, Tone
from tui.views import words
from tui.views.axes import drawable, scale
from tui.views.plot import Axis, Limit, Note, Series, xy

_DENSE = 1000  # experiments from which marks would cover each other everywhere


@dataclass(frozen=True, slots=True)
class _Time:
    """Elapsed time in a unit that suits its length."""

    start: float
    unit: str
    seconds: float

    def of(self, at: float) -> float:
        return (at - self.start) / self.seconds


def _time(start: float, end: float) -> _Time:
    span = end - start
    for unit, seconds, most in (("s", 1, 180), ("min", 60, 180 * 60), ("h", 3600, 96 * 3600)):
        if span <= most:
            return _Time(start, unit, seconds)
    return _Time(start, "days", 86400)


def best_plot(
    overview: Overview, points: Sequence[Point], now: float, cells: int, rows: int
) -> list[Line]:
    """The steps of the best, every experiment as a point, the baseline as a line."""
    task = overview.task
    start = task.started or task.submitted
    ends = [p.ended for p in points if p.ended is not None and drawable(p.ended)]
    end = max(task.ended or max([now, *ends]), start + 1)  # the clock may have been set back
    time = _time(start, end)
    scores = [p.score for p in points if p.score is not None]
    scores += [score for _, score in overview.steps]
    if task.baseline_score is not None:
        scores.append(task.baseline_score)
    floor = _floor(scores)
    series = [*_steps(overview, time, end), *_experiments(points, time, floor)]
    notes = _best_note(overview, time)
    limits = () if task.baseline_score is None else (
        Limit(task.baseline_score, "baseline", tone=Tone.BASE),
    )  # fmt: skip
    return xy(
        series, cells, rows,
        x=Axis(f"elapsed, {time.unit}", low=0.0, high=time.of(end)),
        y=Axis(task.unit, low=floor),
        limits=limits, notes=notes,
    )  # fmt: skip


_LATENCIES = {"latency": "E2E p95", "ttft": "TTFT p95", "tpot": "TPOT p95"}


def objective(name: str) -> str:
    """In words: `throughput per GPU`."""
    return _LATENCIES.get(name, name.replace("_", " ").replace("gpu", "GPU"))


def _floor(scores: Sequence[float]) -> float | None:
    """A round number below every score, on which the failures lie."""
    found = scale(Axis(), scores, 4)
    return None if found is None else found.low


def _experiments(points: Sequence[Point], time: _Time, floor: float | None) -> list[Series]:
    kinds: dict[str, list[tuple[float, float]]] = {"met": [], "missed": [], "failed": []}
    for point in points:
        if point.ended is None:
            continue
        at = time.of(point.ended)
        if point.state is ExperimentState.FAILED:
            kinds["failed"].append((at, 0.0 if floor is None else floor))
        elif point.score is not None:
            kinds["met" if point.feasible else "missed"].append((at, point.score))
    # Where there are too many to tell apart, dots show at least where they are dense.
    met = "▪" if len(points) < _DENSE else ""
    said = (  # what lies above comes last
        ("failed", "failed", Tone.BAD, "✖"),
        ("missed", "misses the SLO", Tone.WARN, "○"),
        ("met", "meets it", Tone.RUN, met),
    )
    return [
        Series(name, tuple(kinds[kind]), tone, mark, joined=False)
        for kind, name, tone, mark in said
    ]


def _steps(overview: Overview, time: _Time, end: float) -> tuple[Series, Series]:
    """The line, and the experiments it goes by."""
    points = tuple((time.of(at), score) for at, score in overview.steps)
    corners: list[tuple[float, float]] = []
    for x, y in points:
        corners += [(x, corners[-1][1])] if corners else []
        corners.append((x, y))
    if corners:
        corners.append((time.of(end), corners[-1][1]))
    return (
        Series("best so far", tuple(corners), Tone.BEST, ""),
        Series("", points, Tone.BEST, "●", joined=False),
    )


def _best_note(overview: Overview, time: _Time) -> tuple[Note, ...]:
    if not overview.steps:
        return ()
    at, score = overview.steps[-1]
    number = "" if overview.task.best is None else f"#{overview.task.best}  "
    said = f"{number}{words.number(score, words.places([score], 4)).text}"
    return (Note(time.of(at), score, said, Tone.BEST),)
