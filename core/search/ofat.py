"""One factor at a time: each flag over its values, from the best so far, the rest as there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.search.base import Barred, Suggestion, Trial, nothing, rank
from core.space import Space, Spaces
from core.task import Fixed
from core.values import Configuration, Scalar

Tried = Mapping[str, tuple[int, Trial]]
"""By the key of its configuration: its number and what it came to."""

_Rank = tuple[int, float]


@dataclass(frozen=True, slots=True)
class _Base:
    """What is varied: a value for each parameter of an engine (None: not passed)."""

    space: Space
    point: Mapping[str, Scalar | None]

    @property
    def configuration(self) -> Configuration:
        return self.space.configuration(self.point)

    def varied(self, flag: str, values: Sequence[Scalar | None]) -> Iterator[_Base]:
        """Those that rules allow, in the order of the task file."""
        for value in values:
            point = {**self.point, flag: value}
            if self.space.allows(point):
                yield _Base(self.space, point)


@dataclass(frozen=True, slots=True)
class Ofat:
    """Begins at the baseline (of the best engine, where several are compared), takes the flags in
    the order of the task file, and keeps the best value of each; then from the first flag again,
    until a round changes nothing. Then it knows no more.
    """

    space: Spaces
    minimize: bool

    def ask(self, history: Sequence[Trial], barred: Barred = nothing) -> Suggestion | None:
        tried: dict[str, tuple[int, Trial]] = {}
        for number, trial in enumerate(history):
            tried.setdefault(trial.configuration.key, (number, trial))
        best, changed = self._begin(tried), True
        while changed:
            changed = False
            for flag, values in best.space.axes:
                base = best
                for one in base.varied(flag, values):
                    configuration = one.configuration
                    if configuration.key not in tried and not barred(configuration):
                        return Suggestion(configuration, _reason(flag, one, base, tried))
                    if self._rank(one, tried) > self._rank(best, tried):
                        best, changed = one, True
        return None

    def _begin(self, tried: Tried) -> _Base:
        """An engine's baseline with what of it is searched: the rest is the same everywhere."""
        bases = [_Base(part, _beginning(part)) for part in self.space.parts]
        return max(bases, key=lambda one: self._rank(one, tried))

    def _rank(self, base: _Base, tried: Tried) -> _Rank:
        _, trial = tried.get(base.configuration.key, (0, None))
        return rank(trial, minimize=self.minimize)


def _beginning(part: Space) -> dict[str, Scalar | None]:
    """That of the baseline, and what is fixed but not passed there: its condition may come true."""
    point = part.point(part.baseline)
    held = ((flag, part.parameters[flag]) for flag in part.conditions)
    fixed = {flag: one.value for flag, one in held if isinstance(one, Fixed)}
    return {flag: fixed.get(flag) if value is None else value for flag, value in point.items()}


def _reason(flag: str, one: _Base, base: _Base, tried: Tried) -> str:
    """Such as `ofat: max-num-seqs = 64, the rest as in #3`."""
    value = one.point[flag]
    word = str(value).lower() if isinstance(value, bool) else value
    said = f"without {flag}" if value is None else f"{flag} = {word}"
    number, _ = tried.get(base.configuration.key, (None, None))
    rest = "the baseline" if number in {None, 0} else f"#{number}"
    return f"ofat: {said}, the rest as in {rest}"
