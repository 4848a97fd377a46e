"""The machine, looked at from all sides at once; nothing may hold it up."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import settings
from core.doctor import disk, own, proxies
from core.doctor.daemon import docker_checks
from core.doctor.gpus import gpu_checks
from core.doctor.hub import hub_checks
from core.doctor.leftovers import leftover_checks
from core.doctor.logind import logind_check
from core.doctor.report import Check, Verdict, unknown
from core.doctor.terminal import terminal_check
from core.paths import Home
from core.settings import Settings
from core.values import one_line

LIMIT = 5.0
"""Seconds each look may take."""

_POLL = 0.02


@dataclass(frozen=True, slots=True)
class MachineReport:
    """Every check, in a fixed order."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return all(check.verdict is not Verdict.FAILURE for check in self.checks)

    def document(self) -> dict[str, Any]:
        """JSON-ready; `passed` is false when something is wrong that a task will meet."""
        return {"passed": self.passed, **dataclasses.asdict(self)}


@dataclass(frozen=True, slots=True)
class Look:
    """One side of the machine; `id` is said when the look took longer than its `limit` (seconds;
    None: that of all).
    """

    id: str
    checks: Callable[[], Sequence[Check]]
    limit: float | None = None


Still = Callable[[Sequence[str]], None]
"""Is told now and then which looks are not done yet."""


def examine_machine(
    home: Home, cwd: Path, environ: Mapping[str, str], limit: float = LIMIT
) -> MachineReport:
    """Look at everything. InputError when there is an `.env` that cannot be used."""
    resolved = settings.resolve(cwd, environ)
    found = together(_looks(home, resolved, environ, limit), limit)
    return MachineReport(tuple(shown(check, resolved) for check in found))


def _looks(
    home: Home, resolved: Settings, environ: Mapping[str, str], limit: float
) -> tuple[Look, ...]:
    values = resolved.values
    # What waits on others ends itself in time to say what it waited for.
    patience = limit * 0.8
    return (
        Look("home", lambda: [own.home_check(home), disk.home_disk(home)]),
        Look("genai-bench", lambda: [own.bench_check()]),
        Look("engines", lambda: own.engine_checks(values, patience)),
        Look("aiconfigurator", lambda: own.prediction_checks(values, patience)),
        Look("docker", lambda: docker_checks(environ, patience)),
        Look("gpus", lambda: gpu_checks(home)),
        Look("hub", lambda: hub_checks(resolved, patience)),
        Look("hf-cache", lambda: [disk.cache_disk(values)]),
        Look("compile-caches", lambda: [disk.compile_caches(home)]),
        Look("proxies", lambda: [proxies.host_proxies(resolved)]),
        Look("container-proxies", lambda: [proxies.container_proxies(resolved)]),
        Look("terminal", lambda: [terminal_check(environ)]),
        Look("logind", lambda: [logind_check()]),
        # One after the other: what was left is swept under the runner's lock.
        Look(
            "runner",
            lambda: [own.runner_check(home), *leftover_checks(home, environ, patience / 2)],
        ),
    )


def together(
    looks: Sequence[Look], limit: float, still: Still = lambda _waiting: None
) -> list[Check]:
    """All looks at once; one that takes longer than its limit, or `limit` seconds, is `unknown`."""
    answers: list[list[Check]] = [[] for _ in looks]

    def run(index: int, look: Look) -> None:
        try:
            answers[index] = list(look.checks())
        except Exception as error:  # a look that breaks says nothing about the others
            answers[index] = [unknown(look.id, f"{type(error).__name__}: {error}")]

    # Daemon threads: one that hangs must not hold up the end of the program either.
    threads = [
        threading.Thread(target=run, args=(index, look), daemon=True)
        for index, look in enumerate(looks)
    ]
    for thread in threads:
        thread.start()
    ends = [time.monotonic() + (look.limit or limit) for look in looks]
    while waiting := [
        look.id
        for look, thread, end in zip(looks, threads, ends, strict=True)
        if thread.is_alive() and time.monotonic() < end
    ]:
        still(waiting)
        time.sleep(_POLL)
    return [
        check
        for look, answer, thread in zip(looks, answers, threads, strict=True)
        for check in answer or ([_late(look, limit)] if thread.is_alive() else [])
    ]


def _late(look: Look, limit: float) -> Check:
    return unknown(look.id, f"took longer than {look.limit or limit:g} s")


def shown(check: Check, resolved: Settings) -> Check:
    """As it may be shown: on one line, without secrets, whoever wrote the text."""
    evidence, advice = (
        one_line(settings.mask(text, resolved), 500) for text in (check.evidence, check.advice)
    )
    return Check(check.id, check.verdict, evidence, advice)
