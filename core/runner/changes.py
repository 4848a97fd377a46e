"""What a person changes in a task while it lives: another try, another budget, more tries."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from core.export.table import flag_text
from core.paths import Home
from core.runner import by_hand, facts
from core.runner.doomed import Doomed, dooms
from core.runner.standing import BY_HAND, waits
from core.runner.work import Worker
from core.search.choose import listed
from core.space import Spaces
from core.store.journal import Command, Journal
from core.store.reader import Reader
from core.store.views import TaskView
from core.task import Budget, Task, load
from core.task.dump import save
from core.task.units import write_seconds
from core.values import AutotunerError, ExperimentState, TaskState

_MOST = 1_000_000
_LONGEST = 365 * 24 * 3600.0


class Changes:
    """Each writes its effect and its answer in one transaction: neither is there without the
    other, however the runner ends. Called by the holder of the worker's turn.
    """

    def __init__(self, home: Home, journal: Journal, reader: Reader, worker: Worker) -> None:
        self._home = home
        self._journal = journal
        self._reader = reader
        self._worker = worker

    async def resume(self, task: TaskView, command: Command) -> None:
        if task.state is not TaskState.PAUSED:
            raise refused("resume", task)
        experiments = await self._journal.experiments(task.id)
        cured = [e.number for e in experiments if e.failure is not None and waits(e.failure)]
        async with self._journal.together():
            for number in cured:
                await self._journal.reopen_failed(task.id, number)
            await self._journal.requeue(task.id, only_open=await self._journal.only_open(task.id))
            await self._answer(command, f"{task.name} goes on")
        self._worker.wake()

    async def retry(self, task: TaskView, command: Command) -> None:
        """The failed experiments, or the one of a number, are pending again."""
        number = command.arguments.get("number")
        if number is not None:
            await self._refuse_unfailed(task, number)
        async with self._journal.together():
            count = await self._journal.reopen_failed(task.id, number)
            if not count:
                raise AutotunerError(
                    f"{task.name}: no experiment failed; there is nothing to retry"
                )
            if task.state.final:
                await self._journal.requeue(task.id)
            what = f"{count} experiment(s)" if number is None else f"experiment {number}"
            await self._answer(
                command, f"{task.name}: {what} will be tried again{_when(task.state)}"
            )
        self._worker.wake()

    async def enqueue(self, task: TaskView, command: Command) -> None:
        """A person's own configuration is tried next, whatever the budget says."""
        if task.state is TaskState.CANCELLED:
            raise refused("try a configuration", task)
        wanted, space = await asyncio.to_thread(self._space, task.id)
        part = by_hand.part(space, command.arguments.get("engine"))
        asked = by_hand.read(command.arguments.get("parameters"), part)
        keys = {*await self._journal.keys(task.id), space.baseline.key, asked.configuration.key}
        plan = await self._plan(task.id, wanted, space, keys)
        async with self._journal.together():
            number = await self._journal.add_by_hand(
                task.id, space.baseline, asked.configuration, BY_HAND
            )
            await self._journal.set_task(task.id, planned=plan)
            if task.state.final:
                await self._journal.requeue(task.id, only_open=True)
            when = _when(task.state) if task.done else " after the baseline"
            said = f"{task.name}: experiment {number} will be tried next{when}{_remarks(asked)}"
            await self._answer(command, said)
        self._worker.wake()

    async def budget(self, task: TaskView, command: Command) -> None:
        """The task's file first: it is the truth, and a repeated write of it does no harm."""
        if task.state is TaskState.CANCELLED:
            raise refused("change its budget", task)
        old, space = await asyncio.to_thread(self._space, task.id)
        budget = _budget(old.budget, command.arguments)
        new = dataclasses.replace(old, budget=budget)
        if budget != old.budget:
            await asyncio.to_thread(save, new, self._home.task_file(task.id))
        keys = await self._journal.keys(task.id)
        plan = await self._plan(task.id, new, space, keys)
        spent = await self._journal.spent(task.id)
        over = budget.duration is not None and spent >= budget.duration
        left = len(keys) < budget.experiments and not over
        untried = len(keys) < plan or not listed(new, space)
        async with self._journal.together():
            deadline = self._deadline(task.id, budget.duration, spent)
            await self._journal.set_budget(task.id, plan, deadline, dataclasses.asdict(budget))
            goes_on = task.state is TaskState.COMPLETED and left and untried
            if goes_on:
                await self._journal.requeue(task.id)
            said = _consequence(task.state, left=left, untried=untried)
            await self._answer(command, f"{task.name}: {_budget_text(budget)}{said}")
        self._worker.wake()

    async def _plan(self, task: str, wanted: Task, space: Spaces, keys: Collection[str]) -> int:
        """How many experiments there will be, without those that would fail as others did."""
        doomed = Doomed(dooms(await self._journal.experiments(task)))
        barred = doomed if doomed.dooms else None
        return await asyncio.to_thread(by_hand.planned, wanted, space, keys, barred)

    def _space(self, task: str) -> tuple[Task, Spaces]:
        wanted = load(self._home.task_file(task))
        return wanted, facts.space(wanted, facts.thaw(self._home, task))

    def _deadline(self, task: str, limit: float | None, spent: float) -> float | None:
        if limit is None:
            return None
        begun = self._worker.begun(task)
        return (time.time() - spent if begun is None else begun) + limit

    async def _refuse_unfailed(self, task: TaskView, number: object) -> None:
        if not isinstance(number, int) or isinstance(number, bool):
            raise AutotunerError(f"retry: {number!r} is no number of an experiment")
        found = await self._reader.experiment(task.id, number)
        if found is None:
            raise AutotunerError(f"{task.name} has no experiment {number}")
        if found.state is not ExperimentState.FAILED:
            raise AutotunerError(
                f"{task.name}: experiment {number} did not fail, it is {found.state}; "
                "only what failed can be tried again"
            )

    async def _answer(self, command: Command, reply: str) -> None:
        await self._journal.finish_command(command, reply=reply, error=None)


def refused(verb: str, task: TaskView) -> AutotunerError:
    return AutotunerError(f"{task.name} is {task.state}; it cannot be asked to {verb}")


def _when(state: TaskState) -> str:
    return " when the task goes on" if state is TaskState.PAUSED else ""


def _remarks(asked: by_hand.ByHand) -> str:
    added = " ".join(f"{name}={flag_text(value)}" for name, value in asked.added.items())
    return (f"; with {added}, as in every experiment" if added else "") + (
        f'; the rule "{asked.forbidden}" forbids it, it is tried all the same'
        if asked.forbidden
        else ""
    )


def _budget(old: Budget, arguments: Mapping[str, object]) -> Budget:
    """What is given takes the place of what there was. A limit of null: none; a count of null:
    as it was.
    """
    if not set(arguments) & {*_COUNTS, *_LIMITS}:
        raise AutotunerError(f"budget: say one or more of {', '.join([*_COUNTS, *_LIMITS])}")
    counts = {
        name: read(name, value)
        for name, read in _COUNTS.items()
        if (value := arguments.get(name)) is not None
    }
    limits = {
        name: read(name, arguments[name]) for name, read in _LIMITS.items() if name in arguments
    }
    changes: dict[str, Any] = {**counts, **limits}
    return dataclasses.replace(old, **changes)


def _count(low: int) -> Callable[[str, object], int]:
    def read(name: str, value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= _MOST:
            raise AutotunerError(
                f"budget: {name}: expected a whole number from {low} to {_MOST}, got {value}"
            )
        return value

    return read


def _limit(least: float, most: float, unit: str) -> Callable[[str, object], float | None]:
    def read(name: str, value: object) -> float | None:
        if value is None:
            return None
        plain = None if isinstance(value, bool) else value
        found = float(plain) if isinstance(plain, int | float) else math.nan
        if not least <= found <= most:
            raise AutotunerError(
                f"budget: {name}: expected {unit} from {least:g} to {most:g}, got {value!r}"
            )
        return found

    return read


_COUNTS = {"experiments": _count(1), "repeats": _count(0)}
_LIMITS = {
    "duration": _limit(0.001, _LONGEST, "seconds"),
    "gpu_hours": _limit(0.001, _MOST, "GPU-hours"),
}


def _budget_text(budget: Budget) -> str:
    count = f"{budget.experiments} experiment{'s' if budget.experiments > 1 else ''}"
    limits = [f"at most {write_seconds(budget.duration)}"] if budget.duration else []
    limits += [f"at most {budget.gpu_hours:g} GPU-hours"] if budget.gpu_hours else []
    repeats = f"up to {budget.repeats} repeats" if budget.repeats else "no repeats"
    return ", ".join([count, *(limits or ["no time limit"]), repeats])


def _consequence(state: TaskState, *, left: bool, untried: bool) -> str:
    if state is TaskState.COMPLETED:
        if not left:
            return ""
        return "; it goes on" if untried else "; every configuration has been tried"
    if state is TaskState.FAILED:
        return "; it failed, and goes on with retry"
    if not left and state is TaskState.RUNNING:
        return "; the running experiment is the last"
    return "" if untried or not left else "; every configuration has been tried"
