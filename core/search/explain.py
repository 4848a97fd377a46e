"""Why a configuration is tried next, in one line."""

from __future__ import annotations

from collections.abc import Sequence

from core.search.base import Trial, rank
from core.values import Configuration, Scalar

_MOST = 3  # flags that are named
_DOUBTFUL = 0.6


def explained(
    configuration: Configuration, history: Sequence[Trial], gain: float | None, chance: float,
    source: str | None, *, minimize: bool,
) -> str:  # fmt: skip
    """Such as `max-num-seqs=512: unexplored above 256, the rest as in #7; +8 % expected`.

    `gain`: what is expected, relative to the best so far; None when nothing meets the limits.
    `source`: of the knowledge that put it first.
    """
    notes = []
    if gain is None:
        notes.append("the likeliest to meet the limits")
    else:
        notes.append(f"{gain:+.0%} expected" if gain >= 0.005 else "little expected, much unknown")
    if chance < _DOUBTFUL:
        notes.append(f"may not start ({chance:.0%} likely to)")
    if source:
        notes.append(f"first by {source}")
    return f"{_described(configuration, history, minimize)}; {', '.join(notes)}"


def told(
    configuration: Configuration, history: Sequence[Trial], source: str, *, minimize: bool
) -> str:
    return f"{_described(configuration, history, minimize)}; the best of {source}"


def spread(configuration: Configuration, history: Sequence[Trial], *, minimize: bool) -> str:
    return f"far from what was tried: {_described(configuration, history, minimize)}"


def _described(configuration: Configuration, history: Sequence[Trial], minimize: bool) -> str:
    number = _nearest(configuration, history, minimize)
    if number is None:
        return "the first"
    other = history[number].configuration
    changed = _changed(configuration, other)
    if not changed:
        return f"as #{number} on {configuration.engine}"
    named = [_flag(name, configuration, history) for name in changed[:_MOST]]
    if len(changed) > _MOST:
        named.append(f"{len(changed) - _MOST} more")
    return f"{', '.join(named)}, the rest as in #{number}"


def _nearest(configuration: Configuration, history: Sequence[Trial], minimize: bool) -> int | None:
    """The best so far; without one, the trial that differs least."""
    feasible = [n for n, trial in enumerate(history) if trial.feasible and trial.score is not None]
    if feasible:
        return max(feasible, key=lambda n: rank(history[n], minimize=minimize))
    least = ((len(_changed(configuration, t.configuration)), n) for n, t in enumerate(history))
    return min(least, default=(0, None))[1]


def _changed(one: Configuration, other: Configuration) -> list[str]:
    mine, theirs = one.parameters, other.parameters
    return [n for n in sorted({*mine, *theirs}) if mine.get(n) != theirs.get(n)]


def _flag(name: str, configuration: Configuration, history: Sequence[Trial]) -> str:
    value = configuration.parameters.get(name)
    shown = f"{name}={value}" if value is not None else f"no {name}"
    tried = [trial.configuration.parameters.get(name) for trial in history]
    if value in tried:
        return shown
    number, numbers = _number(value), [one for one in map(_number, tried) if one is not None]
    if number is not None and numbers:
        if number > max(numbers):
            return f"{shown}: unexplored above {max(numbers):g}"
        if number < min(numbers):
            return f"{shown}: unexplored below {min(numbers):g}"
    return f"{shown}: untried"


def _number(value: Scalar | None) -> float | None:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if plain and value is not None else None
