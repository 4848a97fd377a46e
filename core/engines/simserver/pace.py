"""What makes a step take longer or shorter than the roofline says.

A step lasts the roofline's seconds times the start's own factor (how fast this one start is),
times the drift since serving began, times the burst factor inside a slow spell, times noise.
All but the noise of a step can be told at any moment, so that a measurement can be held
against what was true while it was made.
"""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass

from core.engines.simserver.flags import Options

SPELL_SECONDS = 1.0
_LEAST = 0.1  # no draw makes a step shorter than this share of what it should be


@dataclass(frozen=True, slots=True)
class State:
    """The factors at one moment of serving, `minutes` after its begin, noise left out.

    `mean` is the mean of their product over all moments at this drift: what a measurement
    that is long against the slow spells should show.
    """

    start: float
    drift: float
    burst: float
    mean: float
    minutes: float


class Pace:
    """One start's factors; `seconds` are seconds since serving began and never go back."""

    def __init__(self, options: Options) -> None:
        self._options = options
        # The noise of a start must differ between two starts of the same configuration,
        # which share the seed.
        own = options.start_seed
        source = random.SystemRandom() if own is None else random.Random(own)
        self._start = _spread(source, options.start_noise)
        self._steps = random.Random(options.seed)
        self._spells = random.Random(f"spells {options.seed}")
        self._spell = self._gap()

    def factor(self, seconds: float) -> float:
        """How many times as long a step takes that begins now, noise included."""
        state = self.state(seconds)
        noise = _spread(self._steps, self._options.noise)
        return state.start * state.drift * state.burst * noise

    def state(self, seconds: float) -> State:
        """The factors now, without a step's noise."""
        options, minutes = self._options, seconds / 60
        drift = max(_LEAST, 1 + options.drift * minutes)
        while options.burst_every and seconds >= self._spell + SPELL_SECONDS:
            self._spell += SPELL_SECONDS + self._gap()
        inside = options.burst_every > 0 and seconds >= self._spell
        mean = self._start * drift * self._mean_burst()
        return State(self._start, drift, options.burst_factor if inside else 1.0, mean, minutes)

    def facts(self, seconds: float) -> dict[str, float]:
        """The state as `/truth` tells it."""
        return {**asdict(self.state(seconds)), "noise": self._options.noise}

    def _gap(self) -> float:
        """Seconds from the end of one spell to the next: a Poisson process."""
        every = self._options.burst_every
        return self._spells.expovariate(1 / every) if every else 0.0

    def _mean_burst(self) -> float:
        """By the mean, time passes at the harmonic mean of the speeds inside and outside."""
        every = self._options.burst_every
        if not every:
            return 1.0
        work = every + SPELL_SECONDS / self._options.burst_factor
        return (every + SPELL_SECONDS) / work


def _spread(source: random.Random, spread: float) -> float:
    """A factor around 1 with this relative standard deviation."""
    return max(_LEAST, source.gauss(1.0, spread)) if spread else 1.0
