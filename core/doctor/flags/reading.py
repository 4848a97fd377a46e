"""The flags of the engine that will run: asked from it once, and kept."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

from core import settings
from core.doctor.flags import boxed, local
from core.doctor.flags.asked import Asked, Progress, Unasked
from core.engines import registry
from core.engines.boxes import Host
from core.engines.flags import Catalogue
from core.engines.flags.files import completed, parsed, shipped, written
from core.engines.flags.help import parse_help
from core.paths import Home, replace_file
from core.settings import Settings
from core.task import Task

_LIMIT = 90.0
# Fewer are no server's flags: the help of a wrapper, or of a program with commands of its own.
_FEWEST = 10


def _silent(_text: str) -> None:
    """Nobody wants to know."""


def read_catalogue(
    task: Task,
    resolved: Settings,
    home: Home,
    limit: float = _LIMIT,
    progress: Progress = _silent,
) -> Catalogue:
    """The flags of the engine of `task`, in the calling thread, within `limit` seconds.

    The very program or image is asked for its help, in the environment that it will have; the
    answer is kept in the home for as long as these stay the same. When it cannot be asked, the
    list that comes with this program is used, and the catalogue's `reason` says why. Of an
    engine without such a list the catalogue is then empty. `progress` gets a line now and then.
    """
    try:
        if task.deploy == "process":
            asked = local.find(task, resolved)
            return _kept(task, home, asked, lambda: local.answer(task, asked, limit, progress))
        box = boxed.find(task, resolved, Host.of(resolved, home.cache))
        label = home.label
        return _kept(
            task, home, box, lambda: boxed.answer(task, box, resolved, label, limit, progress)
        )
    except Unasked as why:
        return _listed(task, settings.mask(str(why), resolved))


def _kept(task: Task, home: Home, asked: Asked, answer: Callable[[], str]) -> Catalogue:
    """What was read before of exactly this program, else its answer, which is then kept."""
    if registry.find(task.engine).simulated:  # it answers at once
        return _read(task, asked, answer())
    file = home.cache / "flags" / f"{task.engine}-{asked.key}.json"
    with contextlib.suppress(OSError, ValueError):
        return parsed(file.read_text(encoding="utf-8"))
    read = _read(task, asked, answer())
    # A state folder that cannot be written is another check's finding.
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(file, written(read).encode())
    return read


def _read(task: Task, asked: Asked, text: str) -> Catalogue:
    flags = parse_help(text)
    if len(flags) < _FEWEST:
        raise Unasked(f"{asked.name} printed no list of flags")
    return completed(Catalogue(task.engine, asked.version, "help", flags), shipped(task.engine))


def _listed(task: Task, reason: str) -> Catalogue:
    """The list that comes with this program."""
    found = shipped(task.engine)
    if found is None:
        return Catalogue(task.engine, "", "shipped", (), reason, exact=False)
    image = task.image or registry.find(task.engine).image or ""
    wanted = boxed.tagged(image) if task.deploy == "docker" else ""
    return replace(found, reason=reason, exact=wanted == found.version)
