"""What belongs to this program: its home, its runner, what they left, and its tools."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from importlib import metadata

from core import __version__, mounts
from core.doctor.report import Check, failure, ok, unknown, warning
from core.engines import registry
from core.engines.base import Engine
from core.paths import Home
from core.settings.values import AICONFIGURATOR
from core.store.lock import runner_status
from core.values import InputError

_BENCH = "genai-bench"


def home_check(home: Home) -> Check:
    """Whether the state folder is there, or can be made, and can be written."""
    try:
        home.create()
    except InputError as error:
        return failure("home", str(error), "")
    kind = mounts.kind(home.root)
    return ok("home", f"{home.root} is writable{f' ({kind})' if kind else ''}")


def bench_check() -> Check:
    """Whether genai-bench is there in the version this program was made for."""
    try:
        found = f"{_BENCH}=={metadata.version(_BENCH)}"
        wanted = [r for r in metadata.requires("autotuner-tui") or () if r.startswith(_BENCH)]
    except metadata.PackageNotFoundError as error:
        return failure(_BENCH, f"{error.name} is not installed", "reinstall autotuner-tui")
    if found not in wanted:
        said = f"{found} is installed, {' '.join(wanted)} is needed"
        return failure(_BENCH, said, "reinstall autotuner-tui in an environment of its own")
    return ok(_BENCH, found.replace("==", " "))


def engine_checks(values: Mapping[str, str], limit: float) -> list[Check]:
    """Which engines can be started as processes of this machine."""
    return [
        _engine_check(engine, values, limit)
        for engine in registry.ENGINES.values()
        if not engine.simulated
    ]


def _engine_check(engine: Engine, values: Mapping[str, str], limit: float) -> Check:
    found = shutil.which(engine.program[0], path=values.get("PATH"))
    try:
        if found and _has_module(found, engine.program, limit):
            return ok(engine.name, " ".join((found, *engine.program[1:])))
    except (OSError, subprocess.TimeoutExpired) as error:
        return unknown(engine.name, f"{found}: {error}")
    advice = "`deploy: docker` needs no program; else name it with `command:` in the task"
    return ok(engine.name, f"no `{' '.join(engine.program)}` on PATH", advice)


def _has_module(python: str, program: Sequence[str], limit: float) -> bool:
    """For `python3 -m engine.server`: whether that Python has the engine."""
    if "-m" not in program:
        return True
    package = program[program.index("-m") + 1].partition(".")[0]
    code = f"import importlib.util as u, sys; sys.exit(u.find_spec({package!r}) is None)"
    done = subprocess.run(
        [python, "-c", code], capture_output=True, timeout=limit, check=False, cwd="/"
    )
    return done.returncode == 0


def prediction_checks(values: Mapping[str, str], limit: float) -> list[Check]:
    """Whether the Python that is set for predictions has aiconfigurator; nothing when none is."""
    python = values.get(AICONFIGURATOR, "").strip()
    if not python:
        return []
    code = "from importlib import metadata as m; print(m.version('aiconfigurator'))"
    advice = f"make {AICONFIGURATOR} the Python of an environment that has aiconfigurator"
    try:
        done = subprocess.run(
            [python, "-I", "-c", code],
            capture_output=True, text=True, timeout=limit, check=False, cwd="/",
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return [warning("aiconfigurator", f"{python}: {error}", advice)]
    if done.returncode:
        return [warning("aiconfigurator", f"{python} does not have it", advice)]
    return [ok("aiconfigurator", f"{done.stdout.strip()} in {python}")]


def runner_check(home: Home) -> Check:
    """Whether a runner lives, and of which version."""
    view = runner_status(home.lock)
    if not view.alive and view.pid is not None:
        said = f"the last runner (pid {view.pid}) died"
        return warning("runner", said, f"the next one takes over; see {home.runner_log}")
    if not view.alive:
        return ok("runner", "none; the next task starts one")
    if view.version not in (None, __version__):
        said = f"one of version {view.version} is at work, this is {__version__}"
        return warning("runner", said, "`autotuner-tui runner stop` between experiments")
    hours = max(0.0, time.time() - (view.since or time.time())) / 3600
    return ok("runner", f"{view.version}, pid {view.pid}, for {hours:.1f} h")
