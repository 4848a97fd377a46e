"""What a task's screen shows beside its overview: the budget of its file, what comes closest."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from core.store.views import Condition, ResultQuery, ResultRow, TaskView
from core.values import AutotunerError, ExperimentState
from tui.source import Source
from tui.views.budget import Budget, budget_in
from tui.views.verdict import closest

_WINDOW = 200  # rows read at once: other readers get their turn in between


@dataclass(frozen=True, slots=True)
class Beside:
    """`closest` only where no configuration is feasible."""

    budget: Budget = Budget()
    closest: ResultRow | None = None


async def beside(source: Source, task: TaskView) -> Beside:
    """Raises what the journal raises; a task file that is gone has no budget."""
    try:
        text = await source.file(task.id)
    except (AutotunerError, OSError):
        text = ""
    budget = await asyncio.to_thread(budget_in, text)
    none = task.verdict is not None and task.verdict.kind == "none_feasible"
    return Beside(budget, await _closest(source, task.id) if none and task.best is None else None)


async def _closest(source: Source, task: str) -> ResultRow | None:
    missed = (Condition("state", "=", ExperimentState.INFEASIBLE.value),)
    query = ResultQuery("number", descending=False, conditions=missed)
    found: ResultRow | None = None
    offset, matching = 0, 1
    while offset < matching:
        page = await source.results(task, query, offset, _WINDOW)
        found = closest([*page.rows, *([found] if found else [])])
        offset, matching = offset + _WINDOW, page.matching
    return found
