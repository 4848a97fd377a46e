"""What other tasks, or predictions, tell about a space before anything of it is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.search.base import Trial


@dataclass(frozen=True, slots=True)
class Prior:
    """Trials of another model, GPU or engine, or predicted ones: they say which configuration
    to try first, never what one is worth. `source` is one line for a person.
    """

    trials: Sequence[Trial]
    source: str
