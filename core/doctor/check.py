"""What can be known before anything is started, and the plan of a task."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import settings
from core.doctor.own import bench_check, home_check
from core.doctor.report import Check, Verdict
from core.engines import registry
from core.engines.boxes import Host
from core.engines.registry import launch
from core.paths import Home
from core.settings import Settings
from core.space import Space, build
from core.task import Task
from core.values import InputError

# What a start is taken to cost when nothing was measured yet, and the levels of a ladder.
_START_SECONDS = 60.0
_LADDER_LEVELS = 7


@dataclass(frozen=True, slots=True)
class Plan:
    """`configurations` None when too many to count; `seconds` is an upper estimate."""

    configurations: int | None
    experiments: int
    removed: Mapping[str, int]
    baseline: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """Every check and the plan."""

    checks: tuple[Check, ...]
    plan: Plan

    @property
    def passed(self) -> bool:
        return all(check.verdict is not Verdict.FAILURE for check in self.checks)

    def document(self) -> dict[str, Any]:
        """JSON-ready; `passed` says whether the task may start."""
        return {"passed": self.passed, **dataclasses.asdict(self)}


def examine(task: Task, home: Home, cwd: Path, environ: Mapping[str, str]) -> Report:
    """Look at everything. InputError when the task itself makes no sense."""
    engine = registry.find(task.engine)
    space = build(task, engine)
    resolved = settings.resolve(cwd, environ, settings.references(task.environment))
    checks = [
        home_check(home),
        _program(task, resolved),
        bench_check(),
        _environment(task, resolved),
        *(Check("settings", Verdict.WARNING, text) for text in settings.warnings(resolved)),
    ]
    return Report(tuple(checks), _plan(task, space, Host.of(resolved, home.cache)))


def _program(task: Task, resolved: Settings) -> Check:
    program = (task.command or registry.find(task.engine).program)[0]
    found = shutil.which(program, path=resolved.values.get("PATH"))
    if found:
        return Check("program", Verdict.OK, found)
    return Check(
        "program",
        Verdict.FAILURE,
        f"{program} is not there, or may not be run",
        "install the engine, or name its program with `command:` in the task file",
    )


def _environment(task: Task, resolved: Settings) -> Check:
    try:
        settings.expand(task.environment, resolved)
    except InputError as error:
        return Check("environment", Verdict.FAILURE, str(error))
    return Check(
        "environment", Verdict.OK, f"{len(task.environment)} variables of the task are set"
    )


def _plan(task: Task, space: Space, host: Host) -> Plan:
    experiments = space.planned(task.budget.experiments)
    levels = task.workload.concurrency
    per_start = (_LADDER_LEVELS if levels == "auto" else len(levels)) * task.workload.max_duration
    seconds = experiments * (_START_SECONDS + per_start * len(task.workload.scenarios))
    if task.budget.duration is not None:
        seconds = min(seconds, task.budget.duration)
    baseline = launch(task, space.baseline, host).shell()
    return Plan(space.size, experiments, space.removed, baseline, seconds)
