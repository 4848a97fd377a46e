"""Which flags matter: the scores by the values of each flag that varies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from core.store.views import Point
from core.values import ExperimentState, Scalar
from tui.line import Line, Span, Tone, fit, line, pad, wrap
from tui.views import words
from tui.views.axes import drawable
from tui.views.bars import gauge
from tui.views.layout import Column, Grid, Row, as_lines

_FEW = 3
"""Scores below which a median says little."""
_MOST_VALUES = 12  # numbers beyond it are put together in ranges
_RANGES = 6
_NOT_SET = "not set"


@dataclass(frozen=True, slots=True)
class Effect:
    """The experiments with one value of a flag: how many were tried, missed the SLO, failed.

    `best` and `middle` (the median) are the scores of the `scored` ones; None: there are none.
    """

    value: str
    tried: int
    missed: int
    failed: int
    scored: int
    best: float | None
    middle: float | None


@dataclass(frozen=True, slots=True)
class Tried:
    """The experiments that ended, without the baseline, whose flags are those of nobody else.

    `strict`: scores are those of the ones that meet the SLO; else, where none does, of all.
    """

    points: tuple[Point, ...]
    strict: bool
    lower_is_better: bool

    @classmethod
    def of(cls, points: Sequence[Point], lower_is_better: bool) -> Tried:
        ended = tuple(p for p in points if not p.baseline and (p.state.final or p.feasible))
        return cls(ended, any(p.feasible for p in ended), lower_is_better)

    def scores(self, points: Iterable[Point]) -> list[float]:
        return [
            p.score
            for p in points
            if p.score is not None and drawable(p.score) and (p.feasible or not self.strict)
        ]


@dataclass(frozen=True, slots=True)
class Influence:
    """A flag. `share` (0..1): the spread of the medians of its values over the spread of all
    scores; None: fewer than two values have a score. It sees one flag at a time: what flags do
    together is not in it, and a strategy that went on where it was good is.
    """

    flag: str
    effects: tuple[Effect, ...]
    share: float | None

    @property
    def few(self) -> bool:
        return any(0 < effect.scored < _FEW for effect in self.effects)


def influences(tried: Tried) -> tuple[Influence, ...]:
    """Every flag that varies, the one that matters most first."""
    scores = tried.scores(tried.points)
    spread = max(scores) - min(scores) if scores else 0.0
    flags = dict.fromkeys(name for p in tried.points for name in p.parameters)
    found = []
    for flag in flags:
        groups = _groups(tried.points, flag)
        if len(groups) > 1:
            effects = tuple(_effect(name, some, tried) for name, some in groups.items())
            found.append(Influence(flag, effects, _share(effects, spread)))
    return tuple(sorted(found, key=lambda one: (-(one.share or 0.0), one.flag)))


def _groups(points: Sequence[Point], flag: str) -> Mapping[str, list[Point]]:
    """By value, numbers in their order; many different numbers in ranges of equal count."""
    by_value: dict[str, list[Point]] = {}
    settings: dict[str, Scalar | None] = {}
    for point in points:
        setting = point.parameters.get(flag)
        name = _NOT_SET if setting is None else words.value(setting)
        by_value.setdefault(name, []).append(point)
        settings[name] = setting
    names = sorted(by_value, key=lambda name: _order(settings[name]))
    numbers = [name for name in names if _number(settings[name])]
    if len(numbers) <= _MOST_VALUES:
        return {name: by_value[name] for name in names}
    ranged = _in_ranges([(name, by_value[name]) for name in numbers])
    return {**ranged, **{n: by_value[n] for n in names if not _number(settings[n])}}


def _number(setting: Scalar | None) -> bool:
    return isinstance(setting, int | float) and not isinstance(setting, bool)


def _order(setting: Scalar | None) -> tuple[int, float, str]:
    if isinstance(setting, int | float) and not isinstance(setting, bool):
        return (1, float(setting), "")
    return (0, 0.0, "") if setting is None else (2, 0.0, str(setting))


def _in_ranges(values: Sequence[tuple[str, list[Point]]]) -> dict[str, list[Point]]:
    total = sum(len(some) for _, some in values)
    cuts: list[list[tuple[str, list[Point]]]] = [[] for _ in range(_RANGES)]
    seen = 0
    for name, some in values:
        cuts[min(_RANGES - 1, seen * _RANGES // total)].append((name, some))
        seen += len(some)
    found = {}
    for cut in cuts:
        if cut:
            name = cut[0][0] if len(cut) == 1 else f"{cut[0][0]} … {cut[-1][0]}"
            found[name] = [point for _, some in cut for point in some]
    return found


def _effect(value: str, points: Sequence[Point], tried: Tried) -> Effect:
    scores = tried.scores(points)
    best = (min if tried.lower_is_better else max)(scores) if scores else None
    failed = sum(p.state is ExperimentState.FAILED for p in points)
    missed = sum(p.feasible is False and p.state is not ExperimentState.FAILED for p in points)
    middle = median(scores) if scores else None
    return Effect(value, len(points), missed, failed, len(scores), best, middle)


def _share(effects: Sequence[Effect], spread: float) -> float | None:
    middles = [effect.middle for effect in effects if effect.middle is not None]
    if len(middles) < 2:
        return None
    return (max(middles) - min(middles)) / spread if spread > 0 else 0.0


_HOW = (
    "Effect of a flag: the spread of the medians of its values, in per cent of the spread of "
    "all scores; one flag at a time. Bars: the median, from the worst score to the best."
)


def sensitivity(
    points: Sequence[Point], unit: str, lower_is_better: bool, cells: int
) -> list[Line]:
    """As many lines as it takes: how to read it, then a table for each flag."""
    tried = Tried.of(points, lower_is_better)
    found = influences(tried)
    if not found:
        said = "No flag has two values yet among the experiments that ended."
        return wrap(said, cells, Tone.DIM)
    scores = tried.scores(tried.points)
    ends = (min(scores), max(scores)) if scores else (0.0, 0.0)
    ends = ends[::-1] if lower_is_better else ends
    whose = "of what meets the SLO" if tried.strict else "of everything: nothing meets the SLO"
    lines = wrap(f"{_HOW} Scores in {unit}, {whose}.", cells, Tone.DIM)
    label = max(len(effect.value) for one in found for effect in one.effects)
    for one in found:
        lines += [(), *_flag(one, ends, max(8, min(24, label)), cells)]
    return lines


def _flag(one: Influence, ends: tuple[float, float], label: int, cells: int) -> list[Line]:
    share = "not known yet" if one.share is None else f"effect {one.share * 100:.0f} %"
    few = f"  some have < {_FEW} scores: may be chance" if one.few else ""
    title = line(Span(one.flag, Tone.STRONG), Span(f"  {share}", Tone.KEY), Span(few, Tone.WARN))
    bests = words.numbers([effect.best for effect in one.effects], 4)
    middles = words.numbers([effect.middle for effect in one.effects], 4)
    columns = (
        Column("value".ljust(label)),
        Column("tried", right=True),
        Column("missed", right=True, rank=2),
        Column("failed", right=True),
        Column("best", right=True),
        Column("median", right=True),
        Column("", rank=1),
    )
    bar = max(6, min(40, cells - label - 52))
    rows = []
    for effect, best, middle in zip(one.effects, bests, middles, strict=True):
        counts = (
            (_count(n, t),) for n, t in ((effect.missed, Tone.WARN), (effect.failed, Tone.BAD))
        )
        tried = line(str(effect.tried))
        value = fit(line(effect.value), label)
        cell = (value, tried, *counts, (best,), (middle,), _bar(effect, ends, bar))
        rows.append(Row(effect.value, cell))
    table = as_lines(Grid(columns, tuple(rows)), cells - 2)
    return [fit(title, cells), *(fit((Span("  "), *part), cells) for part in table)]


def _count(count: int, tone: Tone) -> Span:
    return Span(str(count), tone) if count else words.NONE


def _bar(effect: Effect, ends: tuple[float, float], cells: int) -> Line:
    if effect.middle is None:
        return (Span("no score", Tone.DIM),)
    worst, best = ends
    part = (effect.middle - worst) / (best - worst) if best != worst else 1.0
    return pad(gauge(part, cells, Tone.RUN), cells)
