"""Results in files of their own: private, nothing overwritten, no secrets."""

from __future__ import annotations

import asyncio
import json
import os
import re
from pathlib import Path

from core.export.command import winner_spec
from core.export.document import document
from core.export.evidence import asked, gather
from core.export.masking import hidden, hider
from core.export.picked import score_of, simulated
from core.export.report import report
from core.export.sentence import best_text
from core.export.spreadsheet import csv_text
from core.export.verdict import verdict_text
from core.paths import Home
from core.store.reader import Reader
from core.store.views import TaskDetail, TaskView
from core.values import AutotunerError, one_line

ENDINGS = {"command": "-command.sh", "csv": ".csv", "json": ".json", "md": ".md"}
"""What can be written, and how the name of its file ends."""

_LONGEST = 80


def file_name(task: TaskView, kind: str) -> str:
    """`NAME-command.sh`, `NAME.csv`, …; AutotunerError for another kind."""
    if kind not in ENDINGS:
        raise AutotunerError(f"export: '{kind}' is not one of {', '.join(ENDINGS)}")
    # A name may hold anything printable; a file of it must not be hidden, nor look like a flag.
    plain = re.sub(r"[^\w.+-]+", "-", task.name).strip(".-")[:_LONGEST]
    while len(plain.encode("utf-8", "replace")) > 2 * _LONGEST:
        plain = plain[:-1]
    return f"{plain or task.id}{ENDINGS[kind]}"


def text(home: Home, detail: TaskDetail, kind: str) -> str:
    """What the file holds. AutotunerError when there is no best whose command could be given."""
    hide = hider(home, detail.task.id)
    match kind:
        case "command":
            return hide(_script(detail, command(home, detail)))
        case "md":
            return report(gather(home, detail))
        case "csv":
            return csv_text(hidden(detail, hide))
    found = document(hidden(detail, hide), asked(home, detail.task.id))
    return json.dumps(found, indent=2) + "\n"


def command(home: Home, detail: TaskDetail) -> str:
    """What starts the best, without secrets; AutotunerError when there is no best."""
    hide = hider(home, detail.task.id)
    return hide(winner_spec(home, hidden(detail, hide)).shell())


def _script(detail: TaskDetail, command: str) -> str:
    """The command behind what can be said of it; nothing of that may end its comment."""
    task = detail.task
    best = next(e for e in detail.experiments if e.number == task.best)
    mark = " (simulated)" if simulated(task, best) else ""
    said = [
        f"{task.name} {task.state}{mark}: {best_text(task, score_of(best))}",
        verdict_text(task),
    ]
    return "\n".join(["#!/bin/sh", *(f"# {one_line(one, 400)}" for one in said), command, ""])


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
