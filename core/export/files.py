"""Results in files of their own: private, nothing overwritten, no secrets."""

from __future__ import annotations

import asyncio
import json
import os
import re
from pathlib import Path
from typing import Any

from core import settings
from core.export.command import winner_spec
from core.export.document import document
from core.export.sentence import sentence
from core.export.table import csv_text
from core.paths import Home
from core.settings import Settings
from core.store.reader import Reader
from core.store.views import TaskDetail, TaskView
from core.values import AutotunerError, InputError

ENDINGS = {"command": "-command.sh", "csv": ".csv", "json": ".json"}
"""What can be written, and how the name of its file ends."""

_LONGEST = 80


def file_name(task: TaskView, kind: str) -> str:
    """`NAME-command.sh`, `NAME.csv` or `NAME.json`; AutotunerError for another kind."""
    if kind not in ENDINGS:
        raise AutotunerError(f"export: '{kind}' is not one of {', '.join(ENDINGS)}")
    # A name may hold anything printable; a file of it must not be hidden, nor look like a flag.
    plain = re.sub(r"[^\w.+-]+", "-", task.name).strip(".-")[:_LONGEST]
    while len(plain.encode("utf-8", "replace")) > 2 * _LONGEST:
        plain = plain[:-1]
    return f"{plain or task.id}{ENDINGS[kind]}"


def text(home: Home, detail: TaskDetail, kind: str) -> str:
    """What the file holds. AutotunerError when there is no best whose command could be given."""
    hidden = _settings(home, detail.task.id)
    if kind == "command":
        command = settings.mask(winner_spec(home, detail).shell(), hidden)
        return f"#!/bin/sh\n# {sentence(detail.task)}\n{command}\n"
    if kind == "csv":
        return settings.mask(csv_text(detail), hidden)
    return json.dumps(_masked(document(detail), hidden), indent=2) + "\n"


async def write(home: Home, reader: Reader, task: str, kind: str, folder: Path) -> Path:
    """Write a task's results into a new file that only the user can read; returns its path.

    AutotunerError when the task is unknown, has nothing of this kind, or nothing can be
    written there.
    """
    detail = await reader.detail(task)
    if detail is None:
        raise AutotunerError(f"no task '{task}'")
    name = file_name(detail.task, kind)
    return await asyncio.to_thread(
        lambda: _written(folder, name, ENDINGS[kind], text(home, detail, kind))
    )


def _written(folder: Path, name: str, ending: str, content: str) -> Path:
    """NAME, or NAME-2, NAME-3, … where the ones before it are there."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path, handle = _created(folder, name.removesuffix(ending), ending)
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(content)
    except OSError as error:
        raise AutotunerError(f"{folder}: cannot be written ({error.strerror})") from None
    return path


def _created(folder: Path, stem: str, ending: str) -> tuple[Path, int]:
    """A file that was not there, open to be written."""
    path, count = folder / f"{stem}{ending}", 1
    while True:
        try:
            return path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            count += 1
            path = folder / f"{stem}-{count}{ending}"


def _settings(home: Home, task: str) -> Settings:
    try:
        return settings.read(home.settings(task))
    except InputError:
        return Settings({})  # gone with all that could have been secret


def _masked(value: Any, hidden: Settings) -> Any:
    """A log line in a failure may quote what an engine was given."""
    if isinstance(value, str):
        return settings.mask(str(value), hidden)
    if isinstance(value, dict):
        return {name: _masked(one, hidden) for name, one in value.items()}
    if isinstance(value, list):
        return [_masked(one, hidden) for one in value]
    return value
