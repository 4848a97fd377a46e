"""The tokenizer that the benchmark will load: loaded once, the way the benchmark does it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from core.doctor import asked
from core.doctor.report import Check, failure, ok, unknown
from core.engines import environments, registry
from core.settings import Settings, is_offline
from core.task import Task

_LOCAL = "set `tokenizer:` to a folder that has tokenizer.json"


def tokenizer_check(task: Task, resolved: Settings, limit: float) -> Check:
    """Within `limit` seconds."""
    name = task.tokenizer
    if all(registry.find(engine).simulated for engine in task.engines):
        return ok("tokenizer", "made for the simulated model")
    environment = environments.of_benchmark(resolved)
    try:
        found = asked.answer(
            "core.doctor.tokenizer_probe",
            name,
            str(limit * 0.6),
            environment=environment,
            limit=limit,
        )
    except subprocess.TimeoutExpired:
        said = f"{name} was not loaded within {limit:.0f} s"
        return unknown("tokenizer", said, "is the network or this machine busy? check again")
    except (OSError, ValueError) as error:
        return unknown("tokenizer", f"{name}: could not be tried: {error}")
    if refusal := found.get("error"):
        return _refused(name, refusal, offline=is_offline(resolved))
    return ok("tokenizer", f"{name}: {found['class']} of {found['words']} words")


def _refused(name: str, error: str, *, offline: bool) -> Check:
    if offline and not Path(name).is_dir():
        advice = f"unset HF_HUB_OFFLINE, or {_LOCAL}"
        said = f"{name} cannot be loaded while HF_HUB_OFFLINE is set: {error}"
        return failure("tokenizer", said, advice)
    return failure("tokenizer", f"{name} cannot be loaded: {error}", f"correct it, or {_LOCAL}")
