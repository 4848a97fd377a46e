"""A preset out of what a task found."""

from __future__ import annotations

from core.presets.model import Part, Preset
from core.store.views import ExperimentView, TaskView
from core.task import Fixed
from core.values import InputError, one_line


def of_experiment(name: str, task: TaskView, experiment: ExperimentView) -> Preset:
    """The flags of one configuration, fixed, for the engine that it ran on.

    InputError when it has no flags: the engine's defaults are no preset.
    """
    if not experiment.parameters:
        raise InputError(f"{task.name} #{experiment.number}: these are the engine's defaults")
    mark = ", simulated" if task.simulated else ""
    about = one_line(f"#{experiment.number} of {task.name}: {task.model}{mark}", 200)
    flags = {flag: Fixed(value) for flag, value in experiment.parameters.items()}
    return Preset(name, about, engines={experiment.engine: Part(parameters=dict(flags))})
