"""What can be known before anything is started, and the plan of a task."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core import settings
from core.doctor import disk, folders, limits, own, proxies
from core.doctor.flags import flag_checks, read_catalogue
from core.doctor.gpus import seen
from core.doctor.hub import hub_checks
from core.doctor.image import image_checks
from core.doctor.inside import container_hub_check
from core.doctor.machine import LIMIT, Look, Still, shown, together
from core.doctor.memory import memory_checks
from core.doctor.model import model_found
from core.doctor.plan import Model, Plan, plan, unconfirmed
from core.doctor.report import Check, Verdict, failure, ok, warning
from core.doctor.tokenizer import tokenizer_check
from core.engines import registry
from core.engines.boxes import Host
from core.export.figures import count
from core.hub.facts import ModelFacts
from core.paths import Home
from core.settings import Settings
from core.space import Space, Spaces, space_of
from core.space.facts import Facts
from core.task import DockerOptions, Task
from core.values import InputError

_OF_ALL = frozenset({"docker", "docker-gpus", "deploy"})  # the same whichever engine asks
_FLAGS = 90.0  # seconds: an engine imports itself before it prints its flags, once


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


class _Learned:
    """What a look finds out that the plan needs, too."""

    model = Model()


@dataclass(frozen=True, slots=True)
class _Case:
    """A task, and all that its checks look at."""

    task: Task
    space: Spaces
    home: Home
    settings: Settings
    host: Host
    learned: _Learned = field(default_factory=_Learned, kw_only=True)


@dataclass(frozen=True, slots=True)
class _Own(_Case):
    """The same for one of its engines. `label` stands before what is said of it alone."""

    space: Space
    label: str


def examine(
    task: Task,
    home: Home,
    cwd: Path,
    environ: Mapping[str, str],
    still: Still = lambda _waiting: None,
) -> Report:
    """Look at everything at once. InputError when the task itself makes no sense.

    `still` is told now and then what is not done yet.
    """
    space = space_of(task)
    resolved = settings.resolve(cwd, environ, settings.references(task.environment))
    case = _Case(task, space, home, resolved, Host.of(resolved, home.cache))
    found = together(_looks(case), LIMIT, still)
    known, wrong = _knowing(case)
    found = [*(one for own in _owns(known) for one in _space_checks(own)), *wrong, *found]
    said = dict.fromkeys(shown(check, resolved) for check in found)  # each engine has one daemon
    return Report(tuple(said), plan(task, known.space, case.host, case.learned.model))


def _knowing(case: _Case) -> tuple[_Case, list[Check]]:
    """With rules over the model and the GPUs, as far as they are known; what is wrong when they
    leave nothing.
    """
    model = case.learned.model
    try:
        space = space_of(case.task, Facts.of(case.task, model.facts, model.gpus))
    except InputError as error:
        return case, [failure("rules", str(error), "the model, or this machine, allows none of it")]
    return dataclasses.replace(case, space=space), []


def _looks(case: _Case) -> tuple[Look, ...]:
    task, space, home, resolved = case.task, case.space, case.home, case.settings
    # What waits on others ends itself in time to say what it waited for.
    patience = LIMIT * 0.8
    looks = [
        Look("budget", lambda: unconfirmed(task, space)),
        Look("home", lambda: [own.home_check(home), disk.home_disk(home)]),
        Look("results", lambda: [folders.results_check(home)]),
        Look("genai-bench", lambda: [own.bench_check()]),
        Look("environment", lambda: _environment(case)),
        Look("limits", lambda: [limits.port_check(), limits.files_check(task)]),
        *_each(case, "limits", _limits),
        *_each(case, "flags", _flags, _FLAGS + LIMIT),
        Look("tokenizer", lambda: [tokenizer_check(task, resolved, patience)]),
    ]
    if task.deploy == "docker":
        looks += _each(case, "docker", lambda own: _docker(own, patience / 2))
    else:
        looks += _each(
            case, "program", lambda own: [_program(own.task, resolved), *_unused(own.task)]
        )
    if any(part.engine.loads_weights for part in space.parts):
        looks += _of_weights(case, patience)
    else:
        looks.append(Look("gpus", lambda: _gpus(case)))
    return tuple(looks)


def _owns(case: _Case) -> list[_Own]:
    """One for each engine."""
    task = case.task
    return [
        _Own(
            task.of(part.engine.name), part, case.home, case.settings, case.host,
            f"{part.engine.name}-" if task.others else "",
        )
        for part in case.space.parts
    ]  # fmt: skip


def _each(
    case: _Case, name: str, look: Callable[[_Own], Sequence[Check]], limit: float | None = None
) -> list[Look]:
    """A look at each engine; where there are several, its checks have the engine's name."""

    def of(own: _Own) -> Look:
        return Look(own.label + name, lambda: [_labelled(own, one) for one in look(own)], limit)

    return [of(own) for own in _owns(case)]


def _labelled(own: _Own, check: Check) -> Check:
    shared = check.id in _OF_ALL
    return check if shared else dataclasses.replace(check, id=own.label + check.id)


def _docker(case: _Own, limit: float) -> list[Check]:
    driver = case.host.driver
    return image_checks(case.task, case.space, case.settings, limit, driver=driver)


def _of_weights(case: _Case, patience: float) -> Sequence[Look]:
    """What only an engine with a real model needs."""
    task, resolved = case.task, case.settings
    looks = [
        Look("model", lambda: _model(case, patience)),
        Look("cache-owner", lambda: [folders.model_cache_check(task, resolved)]),
    ]
    if not all(Path(name).is_dir() for name in (task.model, task.tokenizer)):
        looks.append(Look("hub", lambda: hub_checks(resolved, patience)))
        if task.deploy == "docker" and not settings.is_offline(resolved):
            looks += _each(case, "container-hub", lambda own: _inside(own, patience))
    return looks


def _model(case: _Case, patience: float) -> list[Check]:
    """The model, and the memory that it needs."""
    checks, facts = model_found(case.task, case.settings, patience)
    _gpus(case, facts)
    if any(check.verdict is Verdict.FAILURE for check in checks):
        return checks
    model = case.learned.model
    return checks + [
        _labelled(own, one)
        for own in _owns(_knowing(case)[0])
        for one in memory_checks(own.task, own.space, model.facts, model.gpus)
    ]


def _gpus(case: _Case, facts: ModelFacts | None = None) -> list[Check]:
    """Only looked at: what is wrong with them is said where a start would fail of it."""
    case.learned.model = Model(facts, seen(case.home)[0])
    return []


def _space_checks(case: _Own) -> list[Check]:
    return [_labelled(case, _space(case.space))]


def _inside(case: _Own, patience: float) -> list[Check]:
    if not case.space.engine.loads_weights:
        return []
    return [container_hub_check(case.task, case.space, case.settings, case.home, patience)]


def _flags(case: _Own) -> list[Check]:
    catalogue = read_catalogue(case.task, case.settings, case.home, limit=_FLAGS)
    return flag_checks(case.task, case.space, catalogue)


def _space(space: Space) -> Check:
    """How many different command lines there are to try."""
    if space.size is None:
        return ok("space", "more configurations than can be counted")
    said = count(space.size, "configuration")
    if space.duplicates:
        said += f"; {space.duplicates} more have the command line of another and are left out"
    if space.size == 0:
        return failure("space", "the rules leave no configuration", "relax `rules:` or the ranges")
    return ok("space", said)


def _environment(case: _Case) -> list[Check]:
    """What the children of the task get, and what of it will surprise."""
    task, resolved = case.task, case.settings
    checks = [proxies.host_proxies(resolved)]
    if task.deploy == "docker":
        checks.append(proxies.container_proxies(resolved, task.docker.network))
    try:
        settings.expand(task.environment, resolved)
    except InputError as error:
        checks.append(failure("environment", str(error), ""))
    else:
        said = f"{count(len(task.environment), 'variable')} of the task set"
        checks.append(ok("environment", said))
    advice = "unset it, or set both to the same"
    return checks + [warning("settings", one, advice) for one in settings.warnings(resolved)]


def _limits(case: _Own) -> list[Check]:
    found = (
        limits.shm_check(case.task, case.space),
        folders.compile_cache_check(case.task, case.host),
    )
    return [check for check in found if check is not None]


def _program(task: Task, resolved: Settings) -> Check:
    program = (task.command or registry.find(task.engine).program)[0]
    found = shutil.which(program, path=resolved.values.get("PATH"))
    if found:
        return ok("program", found)
    said = f"{program} is not there, or may not be run"
    advice = "install it, name the program with `command:` in the task file, or use deploy: docker"
    return failure("program", said, advice)


def _unused(task: Task) -> list[Check]:
    """What only containers have, said of a process."""
    named = {"image": task.image, "mounts": task.mounts, "docker": task.docker != DockerOptions()}
    given = [name for name, value in named.items() if value]
    if not given:
        return []
    text = f"{', '.join(given)}: used only with deploy: docker"
    return [warning("deploy", text, "write deploy: docker, or take it out")]
