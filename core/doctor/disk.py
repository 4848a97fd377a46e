"""How much room there is where things are written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from core.doctor.report import Check, failure, ok, unknown, warning
from core.paths import Home

_GB = 1e9
_FULL = 0.2  # GB: below, not even the journal and the logs are safe
_LOGS = 2.0  # GB: logs and per-request data of a long task
_MODEL = 20.0  # GB: a model of 8 billion parameters in 16 bits, and some room
_IMAGE = 30.0  # GB: an engine's image, unpacked, beside its compressed layers


def home_disk(home: Home) -> Check:
    """Room for the journal and the logs."""
    return room("disk", home.root, _LOGS, "set AUTOTUNER_HOME to a larger disk, or free some")


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


def hub_cache(values: Mapping[str, str]) -> Path:
    """Where huggingface_hub keeps models under these settings."""
    caches = values.get("XDG_CACHE_HOME") or "~/.cache"
    home = values.get("HF_HOME") or f"{caches}/huggingface"
    return Path(values.get("HF_HUB_CACHE") or f"{home}/hub").expanduser()


def room(check: str, folder: Path, wanted: float, advice: str) -> Check:
    """Free space for this user at `folder`, or where it would be made; `wanted` in GB."""
    try:
        free = shutil.disk_usage(_existing(folder)).free / _GB
    except OSError as error:
        return unknown(check, f"{folder}: {error.strerror}")
    said = f"{free:.1f} GB free at {folder}"
    if free < _FULL:
        return failure(check, said, advice)
    return ok(check, said) if free >= wanted else warning(check, said, advice)


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if _is_there(path))


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:  # what lies in a closed folder is as good as not there
        return False
