"""The model of a task: whether it is there, may be read, and fits on the disk."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from core.doctor import asked
from core.doctor.report import Check, failure, ok, unknown, warning
from core.engines import environments
from core.hub.cache import nearest
from core.hub.facts import ModelFacts, facts_of, read_folder
from core.hub.files import weights
from core.settings import Settings
from core.task import Task
from core.values import size_text

Found = tuple[list[Check], ModelFacts | None]
"""What is said of a model, and what is known of its size and shape."""

_CONFIGS = ("config.json", "params.json")


def model_found(task: Task, resolved: Settings, limit: float) -> Found:
    """In a folder of this machine, or on the Hub; within `limit` seconds."""
    folder = Path(task.model).expanduser()
    if folder.is_absolute() or task.model.startswith(".") or folder.is_dir():
        return _local(folder)
    given = environments.of_benchmark(resolved)
    try:
        found = asked.answer(
            "core.doctor.model_probe", task.model, str(limit * 0.4), environment=given, limit=limit
        )
    except subprocess.TimeoutExpired:
        said = f"{task.model}: the Hub gave no answer within {limit:.0f} s"
        return [unknown("model", said, "is the network or a proxy slow?")], None
    except (OSError, ValueError) as error:
        return [unknown("model", f"{task.model}: could not be asked for: {error}")], None
    return _hub(task.model, found)


def _local(folder: Path) -> Found:
    """A folder has to be complete: nothing is fetched for it."""
    if not folder.is_dir():
        said = f"there is no folder {folder}"
        return [failure("model", said, "correct `model:`, or write it as owner/name")], None
    lacks = lacking(folder)
    if lacks:
        said = f"{folder} lacks {', '.join(lacks[:3])}{' …' if len(lacks) > 3 else ''}"
        return [failure("model", said, "copy the whole model into it")], None
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    return [ok("model", f"{folder} is complete, {size_text(size)}")], read_folder(folder)


def lacking(folder: Path) -> list[str]:
    """What an engine will look for in this folder and not find."""
    lacks = [] if any((folder / name).is_file() for name in _CONFIGS) else ["config.json"]
    indexes = sorted(folder.glob("*.index.json"))
    if not indexes:
        there = weights(path.name for path in folder.iterdir())
        return lacks if there else [*lacks, "weights (*.safetensors)"]
    gone = [_absent(folder, index) for index in indexes]
    # Where two formats lie side by side, one whole set is enough.
    return lacks if not all(gone) else lacks + min(gone, key=len)


def _absent(folder: Path, index: Path) -> list[str]:
    try:
        named = {str(name) for name in json.loads(index.read_text())["weight_map"].values()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return [f"a readable {index.name}"]
    return sorted(name for name in named if not (folder / name).is_file())


def _hub(model: str, found: dict[str, Any]) -> Found:
    cached = Path(found["cached"]) if found["cached"] else None
    if found.get("offline"):
        return _offline(model, cached)
    if refusal := found.get("failure"):
        _, message, advice = refusal
        if cached and found["unreachable"]:
            said = f"{message}; what is in the cache is used: {cached}"
            return [warning("model", said, advice)], read_folder(cached)
        return [failure("model", message, advice)], None
    facts = facts_of(found["config"] or {}, found["tensors"], found["bytes"])
    said = (
        f"{model} at {found['revision'][:8]}{', gated and open to you' if found['gated'] else ''}: "
        f"{found['files']} files, {size_text(found['bytes'])}"
    )
    return [ok("model", said), _download(found)], facts


def _offline(model: str, cached: Path | None) -> Found:
    if cached:
        return [ok("model", f"{model} is in the cache: {cached}")], read_folder(cached)
    said = f"HF_HUB_OFFLINE is set, and {model} is not complete in the cache"
    return [failure("model", said, "unset HF_HUB_OFFLINE to download it, or name a folder")], None


def _download(found: dict[str, Any]) -> Check:
    """What has to come, and whether it has room."""
    missing = int(found["missing"])
    if not missing:
        return ok("download", f"everything is in the cache {found['root']}")
    place = nearest(Path(found["root"]))
    free = shutil.disk_usage(place).free
    said = f"{size_text(missing)} to download, {size_text(free)} free at {place}"
    if missing > free:
        return failure("download", said, "free space there, or set HF_HOME to a larger disk")
    return ok("download", said)
