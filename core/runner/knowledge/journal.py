"""What earlier tasks of the same home tell about a space: the same kind of model, GPU, engine."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from core.engines import registry
from core.hub.facts import read_folder
from core.runner.knowledge.family import family, short
from core.runner.known import model_folder
from core.runner.setup import Setup
from core.runner.trials import judged_by, trial
from core.search.base import Trial
from core.search.prior import Prior
from core.store.reader import Reader
from core.store.views import ExperimentView, MeasurementView, TaskView
from core.task import Task, load
from core.values import AutotunerError, one_line

_MOST = 200
_TASKS = 20


@dataclass(frozen=True, slots=True)
class _Earlier:
    """`alike`: larger for a task that tells more."""

    view: TaskView
    task: Task
    alike: tuple[bool, bool]


async def remembered(setup: Setup, reader: Reader, gpus: Sequence[str]) -> Prior | None:
    """Up to 200 trials of the tasks that are most alike, held against this task's limits and
    objective; None where no other task is of the same engine, kind of model and GPUs.

    `gpus`: the names of those that this task uses; none for the CPU.
    """
    ran_on, views = await reader.machines(), await reader.tasks()
    here = [v for v in views if v.id != setup.id and v.done and ran_on.get(v.id) == tuple(gpus)]
    found = await asyncio.to_thread(lambda: [_earlier(setup, view) for view in here])
    # Newest first, as they were read: sorting keeps that.
    alike = sorted((one for one in found if one), key=lambda one: one.alike, reverse=True)
    told: list[tuple[_Earlier, Sequence[Trial]]] = []
    for one in alike[:_TASKS]:
        room = _MOST - sum(len(trials) for _, trials in told)
        if room and (trials := await _trials(setup, reader, one, room)):
            told.append((one, trials))
    if not told:
        return None
    return Prior(tuple(t for _, trials in told for t in trials), _source(told, gpus))


def _earlier(setup: Setup, view: TaskView) -> _Earlier | None:
    """None for a task that tells nothing of this one."""
    engines = {part.engine.name for part in setup.space.parts}
    if view.simulated != simulated(setup) or not engines & set(view.engines):
        return None
    try:
        task = load(setup.home.task_file(view.id))
    except AutotunerError:  # of an earlier program, or gone
        return None
    if not _of_a_kind(setup, task):
        return None
    same = task.workload.scenarios == setup.task.workload.scenarios
    return _Earlier(view, task, (task.model == setup.task.model, same))


def simulated(setup: Setup) -> bool:
    return any(registry.find(one.engine).simulated for one in setup.space.baselines)


def _of_a_kind(setup: Setup, other: Task) -> bool:
    """By what the models are where both lie on this machine, else by their names."""
    if other.model == setup.task.model:
        return True
    own, its = _architecture(setup), _architecture(dataclasses.replace(setup, task=other))
    if own and its:
        return own == its
    return family(other.model) == family(setup.task.model)


def _architecture(setup: Setup) -> str | None:
    folder = model_folder(setup)
    facts = read_folder(folder) if folder else None
    return facts.architecture if facts else None


async def _trials(setup: Setup, reader: Reader, one: _Earlier, room: int) -> list[Trial]:
    """Evenly out of what was tried, where that is more than there is room for."""
    engines = {part.engine.name for part in setup.space.parts}
    detail = await reader.detail(one.view.id)
    ended = [e for e in detail.experiments if e.state.final] if detail else []
    made = (_trial(setup.task, one.task, e) for e in ended if e.engine in engines)
    found = [t for t in made if t.failed or t.score is not None]
    if len(found) <= room:
        return found
    return [found[place * len(found) // room] for place in range(room)]


def _trial(task: Task, earlier: Task, experiment: ExperimentView) -> Trial:
    """As if this task had measured it."""
    renamed = dataclasses.replace(experiment, measurements=_renamed(task, earlier, experiment))
    found = trial(task, renamed)
    if found.failed:
        return found
    result = judged_by(task, renamed)
    return dataclasses.replace(
        found, score=result.score, feasible=result.feasible, violation=result.violation
    )


def _renamed(task: Task, earlier: Task, experiment: ExperimentView) -> tuple[MeasurementView, ...]:
    """Under the names of this task's scenarios: the same ones, else the only one there was."""
    given = earlier.workload.scenarios
    return tuple(
        dataclasses.replace(view, data=dataclasses.replace(view.data, scenario=name))
        for name in task.workload.scenarios
        for view in experiment.measurements
        if view.data.scenario == (name if name in given or len(given) > 1 else given[0])
    )


def _source(told: Sequence[tuple[_Earlier, Sequence[Trial]]], gpus: Sequence[str]) -> str:
    """Such as `14 experiments of qwen3-8b-chat: Qwen3-8B on NVIDIA H100`."""
    first, _ = told[0]
    count = sum(len(trials) for _, trials in told)
    where = ", ".join(gpus) or "the CPU"
    others = f" and {len(told) - 1} more" if len(told) > 1 else ""
    what = f"{short(first.task.model)} on {where}"
    experiments = "1 experiment" if count == 1 else f"{count} experiments"
    return one_line(f"{experiments} of {first.view.name}{others}: {what}")
