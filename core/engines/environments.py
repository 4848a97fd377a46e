"""The environment that each child of a task gets: what starts it and what checks it agree.

All come from the task's own settings, never from those of the program that is at work.
"""

from __future__ import annotations

from core import settings
from core.engines import boxes
from core.engines.base import Engine
from core.engines.boxes import Host
from core.settings import Settings
from core.task import Task


def of_benchmark(resolved: Settings) -> dict[str, str]:
    """What the benchmark gets, and a download of weights."""
    return settings.host_environment(resolved)


def of_process(task: Task, engine: Engine, resolved: Settings) -> dict[str, str]:
    """What an engine without a container gets: settings, what we need of it, the task's own last.

    InputError when the task refers to a variable that is not set.
    """
    given = settings.expand(task.environment, resolved)
    return {**settings.host_environment(resolved), **engine.environment, **given}


def of_container(task: Task, engine: Engine, host: Host, resolved: Settings) -> dict[str, str]:
    """What a container gets: container settings, ours, the task's own last. InputError as above."""
    given = settings.expand(task.environment, resolved)
    fixed = boxes.environment(engine, host)
    return {**fixed, **host.environment, **engine.environment, **given}
