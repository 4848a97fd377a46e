"""The engines there are, and the launch of one configuration."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

from core.engines import boxes
from core.engines.base import Engine
from core.engines.boxes import Host
from core.engines.sglang import ENGINE as SGLANG
from core.engines.simulated import ENGINE as SIMULATED
from core.engines.vllm import ENGINE as VLLM
from core.task import Task
from core.values import Configuration, InputError, LaunchSpec

ENGINES: Mapping[str, Engine] = {engine.name: engine for engine in (VLLM, SGLANG, SIMULATED)}


def find(name: str) -> Engine:
    """The engine of this name; InputError with the nearest name when there is none."""
    if name in ENGINES:
        return ENGINES[name]
    near = difflib.get_close_matches(name, ENGINES, 1)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(ENGINES)}"
    raise InputError(f"engine: unknown engine '{name}'; {hint}")


def tokenizer(task: Task, cache: Path) -> str:
    """What the benchmark loads, whichever engine runs: a real engine knows its model's words."""
    engines = [find(name) for name in task.engines]
    return min(engines, key=lambda engine: engine.simulated).tokenizer(task, cache)


def launch(
    task: Task,
    configuration: Configuration,
    host: Host,
    *,
    port: int | None = None,
    devices: tuple[str, ...] | None = None,
) -> LaunchSpec:
    """The one value that a deployment starts and that `check` and `export` print.

    `port` is the leased one; without it the engine's usual port. `devices` are the leased
    GPUs; without them as many as the configuration needs, counted from 0, where there is a
    driver: as in a printed command.
    """
    engine = find(configuration.engine)
    port = port or engine.default_port
    gpus = engine.wanted_gpus(task, configuration)
    flags = engine.flag_words(configuration)
    if task.deploy == "process":
        arguments = engine.arguments(task, "127.0.0.1", port)
        words = (*(task.command or engine.program), *arguments, *flags)
        return LaunchSpec(words, tuple(task.environment.items()), gpus)
    # Inside a network of its own the engine has to listen where the published port arrives.
    inside = "127.0.0.1" if task.docker.network == "host" else "0.0.0.0"
    given = {**boxes.environment(engine, host), **task.environment}
    if devices is None:
        devices = tuple(str(index) for index in range(gpus if host.driver else 0))
    return LaunchSpec(
        argv=(
            *(() if task.command else engine.image_program),
            *engine.arguments(task, inside, port),
            *flags,
        ),
        environment=tuple(given.items()),
        gpus=gpus,
        container=boxes.container(task, engine, port, devices, host),
    )
