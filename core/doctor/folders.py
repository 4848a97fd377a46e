"""The folders that a task's processes write, looked at as the user who will write them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from core.doctor.disk import hub_cache
from core.doctor.report import Check, failure, ok
from core.engines import registry
from core.engines.boxes import Host, caches
from core.hub.cache import nearest
from core.paths import Home
from core.settings import Settings
from core.task import Task

_LOOKED_AT = 20_000  # entries of a cache: a model has dozens
_OWN = 'sudo chown -R "$(id -un)" '


def results_check(home: Home) -> Check:
    """Where the benchmark runs and writes: its own folder in the home, never the current one."""
    folder = home.root / "tasks"
    if closed := _closed(nearest(folder)):
        return failure("results", f"{closed} is not writable", f"run: {_OWN}{closed}")
    return ok("results", f"benchmarks run and write in {folder}")


def model_cache_check(task: Task, resolved: Settings) -> Check:
    """The Hub's cache of the model, to its last file: what another user left stops a download."""
    cache = hub_cache(resolved.values)
    names = [
        f"models--{one.replace('/', '--')}" for one in dict.fromkeys((task.model, task.tokenizer))
    ]
    folders = [top / name for top in (cache, cache / ".locks") for name in names]
    places = itertools.chain((nearest(cache), cache / ".locks"), *map(_written, folders))
    for place in places:
        if closed := _closed(place):
            advice = f"run: {_OWN}{cache}; or set HF_HOME to a folder of your own"
            return failure("cache-owner", f"{closed} is not writable{_of(closed)}", advice)
    return ok("cache-owner", f"{cache} can be written by you")


def compile_cache_check(task: Task, host: Host) -> Check | None:
    """Where a container keeps what it compiled; None where there is no container."""
    engine = registry.find(task.engine)
    image = task.image or engine.image
    if task.deploy != "docker" or not engine.caches or image is None:
        return None
    folder = caches(engine, image, host)
    if closed := _closed(nearest(folder)):
        return failure(
            "compile-cache", f"{closed} is not writable{_of(closed)}", f"run: {_OWN}{closed}"
        )
    who = f"uid {host.user.partition(':')[0]}" if host.user else "root"
    return ok("compile-cache", f"{folder}, written by the container's {who}; it outlives a start")


def _written(folder: Path) -> Iterator[Path]:
    """What a download may want to write below a folder: folders, locks, parts, references."""
    found = (
        Path(root) / name
        for root, _, files in os.walk(folder)
        for name in (".", *(one for one in files if _rewritten(root, one)))
    )
    return itertools.islice(found, _LOOKED_AT)


def _rewritten(folder: str, name: str) -> bool:
    return name.endswith((".lock", ".incomplete")) or Path(folder).name == "refs"


def _closed(place: Path) -> Path | None:
    """The place itself when it is there and this user cannot write it; nothing is written."""
    mode = os.W_OK | os.X_OK if place.is_dir() else os.W_OK
    there = os.access(place, os.F_OK, effective_ids=True)
    return place if there and not os.access(place, mode, effective_ids=True) else None


def _of(place: Path) -> str:
    try:
        return f" and belongs to {place.owner()}"
    except (KeyError, OSError):
        return ""
