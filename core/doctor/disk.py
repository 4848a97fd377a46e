"""How much room there is where things are written."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from core.doctor.report import Check, Verdict, failure, ok, unknown, warning
from core.paths import Home
from core.values import size_text

_GB = 1e9
_FULL = 0.2  # GB: below, no model or image is worth beginning with
_UNSAFE = 0.016  # GB: below, not even the journal of a small task has room
_LOGS = 2.0  # GB: logs and per-request data of a long task
_MODEL = 20.0  # GB: a model of 8 billion parameters in 16 bits, and some room
_SHOWN = 3  # engine versions that are named
_IMAGE = 30.0  # GB: an engine's image, unpacked, beside its compressed layers


def home_disk(home: Home) -> Check:
    """Room for the journal and the logs."""
    advice = "set AUTOTUNER_HOME to a larger disk, or free some"
    return room("disk", home.root, _LOGS, advice, _UNSAFE)


def cache_disk(values: Mapping[str, str]) -> Check:
    """Room for weights, and whether they can be written."""
    cache = hub_cache(values)
    there = _existing(cache)
    if not os.access(there, os.W_OK):
        advice = "make it writable for you, or set HF_HOME to another folder"
        return failure("hf-cache", f"{cache}: {there} is not writable", advice)
    return room("hf-cache", cache, _MODEL, "set HF_HOME to a larger disk, or remove old models")


def image_disk(root: str) -> Check:
    """Room for images in the daemon's folder."""
    if not root or not _is_there(Path(root)):
        return unknown("docker-disk", f"{root or 'the folder of Docker'} cannot be looked at")
    advice = "`docker system prune` frees what nothing uses; or move `data-root` to a larger disk"
    return room("docker-disk", Path(root), _IMAGE, advice)


def compile_caches(home: Home) -> Check:
    """What containers of each engine version keep, largest first; nothing removes it."""
    top = home.cache / "engines"
    sizes = {folder.name: _size(folder) for folder in _folders(top)}
    if not sizes:
        return ok("compile-caches", f"none yet; containers will keep theirs in {top}")
    ranked = sorted(sizes, key=lambda name: -sizes[name])
    shown = ", ".join(f"{name} {size_text(sizes[name])}" for name in ranked[:_SHOWN])
    more = f" and {len(ranked) - _SHOWN} more" if len(ranked) > _SHOWN else ""
    total = size_text(sum(sizes.values()))
    return ok("compile-caches", f"{total} in {top}: {shown}{more}", "remove those of old versions")


def _folders(top: Path) -> list[Path]:
    try:
        return [one for one in top.iterdir() if one.is_dir()]
    except OSError:
        return []


def _size(folder: Path) -> int:
    """Bytes on disk, of what may be looked at."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += (Path(root) / name).lstat().st_size
    return total


def spare(folder: Path, wanted: int) -> bool:
    """Whether `wanted` bytes fit there, and what the logs of a long task need fits beside them."""
    return room("", folder, wanted / _GB + _LOGS, "").verdict is Verdict.OK


def hub_cache(values: Mapping[str, str]) -> Path:
    """Where huggingface_hub keeps models under these settings."""
    caches = values.get("XDG_CACHE_HOME") or "~/.cache"
    home = values.get("HF_HOME") or f"{caches}/huggingface"
    return Path(values.get("HF_HUB_CACHE") or f"{home}/hub").expanduser()


def room(check: str, folder: Path, wanted: float, advice: str, least: float = _FULL) -> Check:
    """Free space for this user at `folder`, or where it would be made.

    In GB: less than `least` is a failure, less than `wanted` a warning.
    """
    try:
        free = shutil.disk_usage(_existing(folder)).free / _GB
    except OSError as error:
        return unknown(check, f"{folder}: {error.strerror}")
    said = f"{free:.1f} GB free at {folder}"
    if free < least:
        return failure(check, said, advice)
    return ok(check, said) if free >= wanted else warning(check, said, advice)


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if _is_there(path))


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:  # what lies in a closed folder is as good as not there
        return False
