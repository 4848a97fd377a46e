"""What can be known before anything is started, and the plan of a task."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker.errors import APIError, NotFound

from core import settings
from core.deploy.base import StartError
from core.deploy.docker import Daemon
from core.deploy.docker.faults import said
from core.doctor.own import bench_check, home_check
from core.doctor.plan import Plan, plan, unconfirmed
from core.doctor.report import Check, Verdict
from core.engines import registry
from core.engines.boxes import Host
from core.paths import Home
from core.settings import Settings
from core.space import build
from core.task import DockerOptions, Task
from core.values import InputError

_DOCKER_SECONDS = 5.0


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
        _image(task, resolved) if task.deploy == "docker" else _program(task, resolved),
        bench_check(),
        _environment(task, resolved),
        *_unused(task),
        *(Check("settings", Verdict.WARNING, text) for text in settings.warnings(resolved)),
    ]
    checks += unconfirmed(task, space)
    return Report(tuple(checks), plan(task, space, Host.of(resolved, home.cache)))


def _program(task: Task, resolved: Settings) -> Check:
    program = (task.command or registry.find(task.engine).program)[0]
    found = shutil.which(program, path=resolved.values.get("PATH"))
    if found:
        return Check("program", Verdict.OK, found)
    return Check(
        "program",
        Verdict.FAILURE,
        f"{program} is not there, or may not be run",
        "install it, name the program with `command:` in the task file, or use deploy: docker",
    )


def _image(task: Task, resolved: Settings) -> Check:
    """Whether the daemon answers and has the image; one that is missing is pulled later."""
    image = task.image or registry.find(task.engine).image or ""
    daemon = Daemon(resolved.values.get("DOCKER_HOST"), timeout=_DOCKER_SECONDS)
    try:
        found = daemon.call(lambda client: client.inspect_image(image)["Id"])
    except NotFound:
        return Check("image", Verdict.WARNING, f"{image} is not here and will be pulled first")
    except StartError as error:
        return Check("image", Verdict.FAILURE, error.failure.message, error.failure.advice)
    except APIError as error:
        return Check("image", Verdict.FAILURE, f"{image}: {said(error)}", "correct `image:`")
    return Check("image", Verdict.OK, f"{image} is {found[:19]}")


def _unused(task: Task) -> list[Check]:
    """What only containers have, said of a process."""
    named = {"image": task.image, "mounts": task.mounts, "docker": task.docker != DockerOptions()}
    given = [name for name, value in named.items() if value]
    if task.deploy == "docker" or not given:
        return []
    text = f"{', '.join(given)}: used only with deploy: docker"
    return [Check("deploy", Verdict.WARNING, text, "write deploy: docker, or take it out")]


def _environment(task: Task, resolved: Settings) -> Check:
    try:
        settings.expand(task.environment, resolved)
    except InputError as error:
        return Check("environment", Verdict.FAILURE, str(error))
    return Check(
        "environment", Verdict.OK, f"{len(task.environment)} variables of the task are set"
    )
