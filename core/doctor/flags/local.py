"""Asking a program of this machine for its help."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from core import settings
from core.doctor.flags.asked import (
    Asked,
    Progress,
    Unasked,
    Waiting,
    asking,
    help_words,
    key_of,
    last_line,
)
from core.engines import registry
from core.settings import Settings
from core.task import Task
from core.values import InputError

_POLL = 0.05
_DAY = 86400
_SHEBANG = 512


def find(task: Task, resolved: Settings) -> Asked:
    """The program that will run. Unasked when it is not there."""
    engine = registry.find(task.engine)
    try:
        given = settings.expand(task.environment, resolved)
    except InputError as error:
        raise Unasked(str(error)) from None
    environment = {**settings.host_environment(resolved), **engine.environment, **given}
    argv = task.command or engine.program
    program = shutil.which(argv[0], path=environment.get("PATH"))
    if program is None:
        raise Unasked(f"{argv[0]} is not there, or may not be run")
    installed = sorted(_installed(Path(program), task.engine))
    # Without its package's record nothing tells a new version but the program's own file.
    stamps = [_stamp(one / "METADATA") for one in installed] or int(time.time() // _DAY)
    key = key_of(environment, argv, _stamp(Path(program)), stamps)
    return Asked(Path(program).name, argv, environment, key, _version(installed, task.engine))


def answer(task: Task, asked: Asked, limit: float, progress: Progress) -> str:
    """What it prints. Unasked when it fails or takes too long; it and its children are ended."""
    waiting = Waiting(asked.name, limit, progress)
    status, said = 0, ""
    for words in help_words(task.engine):
        status, text, errors = _run((*asked.argv, *words), asked, waiting)
        if status == 0:
            return text
        said = last_line(errors) or last_line(text) or said
    raise Unasked(f"{asked.name} ended with status {status} when asked for its help: {said}")


def _run(argv: tuple[str, ...], asked: Asked, waiting: Waiting) -> tuple[int, str, str]:
    """Exit status, standard output and standard error."""
    with tempfile.TemporaryDirectory(prefix="autotuner-help-") as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        with out.open("wb") as output, err.open("wb") as errors:
            try:
                process = subprocess.Popen(
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=errors,
                    cwd=folder,
                    env=asking(asked.environment),
                    start_new_session=True,
                )
            except OSError as error:
                raise Unasked(f"{asked.name} cannot be run: {error.strerror}") from None
            status = _status(process, asked, waiting)
        return status, out.read_text("utf-8", "replace"), err.read_text("utf-8", "replace")


def _status(process: subprocess.Popen[bytes], asked: Asked, waiting: Waiting) -> int:
    try:
        while (status := process.poll()) is None:
            if not waiting.left:
                raise Unasked(f"{asked.name} did not print its help in time")
            waiting()
            time.sleep(_POLL)
        return status
    finally:
        # Also what it has started: its session is its own.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _installed(program: Path, engine: str) -> set[Path]:
    """The records of the engine's packages where this program's Python looks."""
    found: set[Path] = set()
    for prefix in {one.parent.parent for one in _interpreters(program)}:
        for folder in ("lib*/python3*/*-packages", "local/lib/python3*/*-packages"):
            found.update(prefix.glob(f"{folder}/{engine}*.dist-info"))
    return found


def _interpreters(program: Path) -> Iterator[Path]:
    """The program itself, what it is a link to, and the Python of a script's first line."""
    yield program
    yield program.resolve()
    with contextlib.suppress(OSError), program.open("rb") as file:
        first = file.read(_SHEBANG).partition(b"\n")[0]
        if first.startswith(b"#!/"):
            yield Path(os.fsdecode(first[2:].split()[0]))


def _stamp(file: Path) -> tuple[str, int, int]:
    """What changes when a file is replaced; zeros for one that is not there."""
    try:
        facts = file.stat()
    except OSError:
        return str(file), 0, 0
    return str(file), facts.st_mtime_ns, facts.st_size


def _version(installed: list[Path], engine: str) -> str:
    names = [one.name.removesuffix(".dist-info").partition("-") for one in installed]
    return next((version for name, _, version in names if name == engine), "")
