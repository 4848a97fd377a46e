"""The engines there are, and the launch of one configuration."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from core.engines.base import Engine
from core.engines.simulated import ENGINE as SIMULATED
from core.engines.vllm import ENGINE as VLLM
from core.task import Task
from core.values import Configuration, InputError, LaunchSpec

ENGINES: Mapping[str, Engine] = {engine.name: engine for engine in (VLLM, SIMULATED)}


def find(name: str) -> Engine:
    """The engine of this name; InputError with the nearest name when there is none."""
    if name in ENGINES:
        return ENGINES[name]
    near = difflib.get_close_matches(name, ENGINES, 1)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(ENGINES)}"
    raise InputError(f"engine: unknown engine '{name}'; {hint}")


def launch(task: Task, configuration: Configuration, port: int | None = None) -> LaunchSpec:
    """The one value that a deployment starts and that `check` and `export` print.

    `port` is the leased one; without it the engine's usual port, as in a printed command.
    """
    engine = find(configuration.engine)
    arguments = engine.arguments(task, port or engine.default_port)
    return LaunchSpec(
        argv=(*(task.command or engine.program), *arguments, *engine.flag_words(configuration)),
        environment=tuple(task.environment.items()),
        image=task.image,
        mounts=task.mounts,
        gpus=0 if task.gpus == 0 else engine.gpus(configuration),
    )
