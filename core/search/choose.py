"""The strategy a task asks for."""

from __future__ import annotations

from core.score import lower_is_better
from core.search.base import Strategy
from core.search.simple import Grid, Random
from core.search.tpe import Tpe
from core.space import Space
from core.task import Task

_FEWEST_DRAWS = 5


def strategy(task: Task, space: Space) -> Strategy:
    """`auto` is the whole grid where the budget covers it, random where it does not."""
    name = task.strategy
    if name == "auto":
        fits = space.size is not None and space.size <= task.budget.experiments
        name = "grid" if fits else "random"
    if name == "tpe":
        return Tpe(space, task.seed, lower_is_better(task.objective), _startup(task, space))
    return Grid(space) if name == "grid" else Random(space, task.seed)


def _startup(task: Task, space: Space) -> int:
    """Two experiments per parameter that varies, and at most a third of the budget."""
    return max(_FEWEST_DRAWS, min(2 * len(space.axes), task.budget.experiments // 3))
