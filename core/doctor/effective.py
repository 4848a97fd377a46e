"""The environment that a child of a task really has, beside the one it was meant to get.

The evidence of what a process has is the process (`/proc/PID/environ`) or the container as its
daemon inspects it. Only when neither can be looked at does the start's manifest speak for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from core import settings
from core.bench.launched import ENVIRONMENT
from core.deploy.docker import Labels
from core.deploy.process import LABEL
from core.doctor import having
from core.doctor.having import Having
from core.engines import environments, registry
from core.engines.boxes import Host
from core.paths import Home
from core.settings import Settings
from core.task import Task, load
from core.values import AutotunerError, masked


class Mark(StrEnum):
    """How what is there stands to what was meant; in the order in which they are shown."""

    MISSING = "missing"
    DIFFERENT = "different"
    SAME = "same"
    EXTRA = "extra"


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable, secrets hidden. `value` None: it is not there; `intended` None: not meant.

    DIFFERENT with both alike: what differs is hidden.
    """

    name: str
    mark: Mark
    value: str | None
    intended: str | None


@dataclass(frozen=True, slots=True)
class Effective:
    """What one program has. `source` says where that was read; `running`: it is at work now.

    `note` says in one line why it could not be read from the program itself.
    """

    program: str
    source: str
    running: bool
    variables: tuple[Variable, ...]
    note: str = ""

    def document(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Child:
    """Whose environment is asked for: of one start the engine, or the task's benchmark."""

    task: str
    number: int
    attempt: int
    benchmark: bool
    engine: str

    def label(self, home: Home) -> str:
        """As the runner marks what it starts."""
        own = ("bench",) if self.benchmark else (str(self.number), str(self.attempt))
        return "/".join((home.label, self.task, *own, ""))


def effective(home: Home, child: Child) -> Effective:
    """Look at the program, or at what was recorded of it.

    InputError when the task's file or settings cannot be read, AutotunerError when there is
    neither.
    """
    task = load(home.task_file(child.task)).of(child.engine)
    resolved = settings.read(home.settings(child.task))
    intended = {**_intended(home, child, task, resolved), LABEL: child.label(home)}
    program = "benchmark" if child.benchmark else "engine"
    try:
        found, note = _look(home, child, task, resolved), ""
    except AutotunerError as error:
        found, note = None, str(error)
    if found is not None:
        shown = _compared(found.environment, intended, resolved)
        return Effective(program, found.source, found.running, shown)
    recorded = _recorded(home, child)
    if recorded is None:
        raise AutotunerError(note or f"the {program} does not run, and nothing is recorded of it")
    # What tells one start from another comes after what is recorded.
    known = {n: v for n, v in intended.items() if n != LABEL or LABEL in recorded}
    shown = _compared(recorded, settings.masked_environment(known), resolved)
    source = f"the manifest of start {child.attempt}"
    return Effective(program, source, False, shown, note or "it runs no more")


def _intended(home: Home, child: Child, task: Task, resolved: Settings) -> dict[str, str]:
    """As the runner makes it of the task's own settings."""
    if child.benchmark:
        return {**environments.of_benchmark(resolved), **ENVIRONMENT}
    engine = registry.find(child.engine)
    if task.deploy == "docker":
        host = Host.of(resolved, home.cache)
        return environments.of_container(task, engine, host, resolved)
    return environments.of_process(task, engine, resolved)


def _look(home: Home, child: Child, task: Task, resolved: Settings) -> Having | None:
    if child.benchmark or task.deploy != "docker":
        return having.of_process(child.label(home))
    labels = Labels(home.label, child.task, child.number, child.attempt)
    return having.of_container(labels, resolved.values.get("DOCKER_HOST"))


def _recorded(home: Home, child: Child) -> dict[str, str] | None:
    """From the manifest, where secrets are hidden; None when it says nothing."""
    folder = home.start(child.task, child.number, child.attempt)
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    own = manifest.get("container_environment") or manifest.get("environment")
    found = manifest.get("benchmark_environment") if child.benchmark else own
    return {str(n): str(v) for n, v in found.items()} if isinstance(found, dict) else None


def _compared(
    actual: Mapping[str, str], intended: Mapping[str, str], resolved: Settings
) -> tuple[Variable, ...]:
    """Each variable of both sides, secrets hidden after they were compared."""
    hide = settings.secrets(resolved)
    hide |= settings.secrets(Settings(actual)) | settings.secrets(Settings(intended))
    has, meant = _hidden(actual, hide), _hidden(intended, hide)
    found = [
        Variable(name, _mark(actual.get(name), intended.get(name)), has.get(name), meant.get(name))
        for name in sorted({*actual, *intended})
    ]
    order = list(Mark)
    return tuple(sorted(found, key=lambda one: order.index(one.mark)))


def _hidden(environment: Mapping[str, str], hide: frozenset[str]) -> dict[str, str]:
    shown = settings.masked_environment(environment)
    return {name: masked(value, hide) for name, value in shown.items()}


def _mark(actual: str | None, intended: str | None) -> Mark:
    if actual is None:
        return Mark.MISSING
    if intended is None:
        return Mark.EXTRA
    return Mark.SAME if actual == intended else Mark.DIFFERENT
