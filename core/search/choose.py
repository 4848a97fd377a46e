"""The strategy a task asks for."""

from __future__ import annotations

from core.score import lower_is_better
from core.search.auto import Auto
from core.search.base import Strategy
from core.search.baselines import Baselines
from core.search.ofat import Ofat
from core.search.prior import Prior
from core.search.simple import Grid, Random
from core.search.tpe import Tpe
from core.space import Several, Spaces
from core.task import Task

_FEWEST_DRAWS = 5


def strategy(task: Task, space: Spaces, prior: Prior | None = None) -> Strategy:
    """What the task names; of several engines the baseline of each comes first."""
    found = _named(task, space, prior)
    return Baselines(space, found) if isinstance(space, Several) else found


def _named(task: Task, space: Spaces, prior: Prior | None) -> Strategy:
    name = task.strategy
    if name == "auto":
        work = task.workload
        loads = () if work.concurrency == "auto" else work.concurrency
        lower = lower_is_better(task.objective)
        return Auto(space, task.seed, lower, work.scenarios, work.weights, loads, prior)
    if name == "tpe":
        return Tpe(space, task.seed, lower_is_better(task.objective), _startup(task, space))
    if name == "ofat":
        return Ofat(space, lower_is_better(task.objective))
    return Grid(space) if name == "grid" else Random(space, task.seed)


def listed(task: Task, space: Spaces) -> bool:
    """Whether the grid has every configuration that the task's strategy can think of. `auto`
    draws others only where there are more than any budget has room for.
    """
    return space.listed or isinstance(_named(task, space, None), Grid | Ofat | Auto)


def _startup(task: Task, space: Spaces) -> int:
    """Two experiments per parameter that varies, and at most a third of the budget."""
    return max(_FEWEST_DRAWS, min(2 * len(space.axes), task.budget.experiments // 3))
