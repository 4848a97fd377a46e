"""Models, tokenizers, data sets and mounts: Hub ids stay, local paths become absolute."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from core.task.fields import Reader, text
from core.task.tree import Node

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[\w.-]+)?", re.ASCII)
_LOCAL_STARTS = ("/", "./", "../", "~")


def absolute(path: str, base: Path) -> str:
    """`path` against the folder of the task file, without `.` and `..`."""
    try:
        expanded = Path(path).expanduser()
    except RuntimeError:  # `~name` of a user who is not there
        expanded = Path(path)
    return os.path.normpath(base.absolute() / expanded)


def _is_local(path: str) -> bool:
    return path.startswith(_LOCAL_STARTS) or path in {".", ".."}


def model(base: Path) -> Reader[str]:
    """A Hub id, or a folder (or file) that exists, as an absolute path."""

    def read(node: Node) -> str:
        name = text(node).strip()
        place = absolute(name, base)
        if _is_local(name):
            if not _holds(place, Path.exists):
                raise node.refuse(f"folder {place} does not exist")
            return place
        if _holds(place, Path.is_dir):
            return place
        if not _HUB_ID.fullmatch(name):
            raise node.refuse(
                f"'{name[:60]}' is neither a Hub id like Qwen/Qwen3-8B nor a folder; "
                "a folder of its own starts with ./ or /"
            )
        return name

    return read


def dataset(base: Path) -> Reader[str]:
    """A file that exists, as an absolute path."""

    def read(node: Node) -> str:
        place = absolute(text(node).strip(), base)
        if not _holds(place, Path.is_file):
            raise node.refuse(f"file {place} does not exist")
        return place

    return read


def mount(base: Path) -> Reader[str]:
    """`SOURCE:TARGET[:ro|rw]` as Docker writes it, a local source absolute."""

    def read(node: Node) -> str:
        parts = text(node).split(":")
        right = len(parts) in {2, 3} and parts[0] and parts[1].startswith("/")
        if not right or parts[2:] not in ([], ["ro"], ["rw"]):
            raise node.refuse(f"expected SOURCE:/TARGET or SOURCE:/TARGET:ro, got {node.kind}")
        place = absolute(parts[0], base)
        # Anything else is the name of a Docker volume.
        local = _is_local(parts[0]) or _holds(place, Path.is_dir)
        return ":".join([place if local else parts[0], *parts[1:]])

    return read


def program(word: str, base: Path) -> str:
    """A program given by a relative path means one next to the task file."""
    return absolute(word, base) if _is_local(word) else word


def _holds(path: str, question: Callable[[Path], bool]) -> bool:
    try:
        return question(Path(path))
    except OSError:  # a name too long for the file system, a folder that may not be read
        return False
