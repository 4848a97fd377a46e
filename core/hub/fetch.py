"""A model on this machine before an engine starts: shown in bytes, continued, ended at will."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.hub.outcome import Fetched, FetchError, refused
from core.values import Failure, FailureKind, one_line, size_text

__all__ = ["FetchError", "Fetched", "Progress", "fetch"]

Progress = Callable[[int, int | None], Awaitable[None]]
"""Gets the bytes that are there, and how many there are in all (None: not known yet)."""


async def fetch(
    model: str,
    environment: Mapping[str, str],
    log: Path,
    progress: Progress,
    limit: float,
    *,
    aside: bool = False,
) -> Fetched:
    """Where `model`, a Hub id or an absolute folder, lies complete on this machine.

    The download is a process in its own session with exactly `environment`; what it prints
    goes to `log`. It is ended after `limit` seconds or by cancelling, and goes on from there
    the next time. `aside`: it gets the processors and disks only while nobody else wants them.
    Raises FetchError.
    """
    if Path(model).is_absolute():
        return _folder(Path(model))
    log.parent.mkdir(parents=True, exist_ok=True)
    process = await _start(model, environment, log, aside)
    download = _Download(process, model, log, progress)
    try:
        async with asyncio.timeout(limit):
            return await download.follow()
    except TimeoutError:
        raise FetchError(download.overdue(limit)) from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _folder(folder: Path) -> Fetched:
    if folder.is_dir():
        return Fetched(folder)
    raise refused(
        FailureKind.MODEL_MISSING,
        f"the model's folder {folder} does not exist",
        "Name a folder of this machine, or a Hub id like Qwen/Qwen3-8B.",
    )


async def _start(
    model: str, environment: Mapping[str, str], log: Path, aside: bool
) -> asyncio.subprocess.Process:
    how = ("--aside",) if aside else ()
    with log.open("ab") as errors:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "core.hub.download", model, *how),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=dict(environment),
            cwd=log.parent,
            start_new_session=True,
        )


class _Download:
    """What a download process has told so far."""

    def __init__(
        self, process: asyncio.subprocess.Process, model: str, log: Path, progress: Progress
    ) -> None:
        self._process = process
        self._model = model
        self._log = log
        self._progress = progress
        self._done = 0
        self._total: int | None = None

    async def follow(self) -> Fetched:
        """Pass progress on until the process tells how it ended. Raises FetchError."""
        assert self._process.stdout
        async for line in self._process.stdout:
            event: dict[str, Any] = json.loads(line)
            match event["event"]:
                case "done":
                    return Fetched(Path(event["path"]), event["revision"])
                case "failed":
                    kind = FailureKind(event["kind"])
                    raise FetchError(self._failure(kind, event["message"], event["advice"]))
                case "plan":
                    self._total = event["bytes"]
                    await self._show(event["bytes"] - event["missing"])
                case "progress":
                    await self._show(event["bytes"])
        raise FetchError(await self._died())

    async def _show(self, done: int) -> None:
        self._done = done
        await self._progress(done, self._total)

    async def _died(self) -> Failure:
        status = await self._process.wait()
        message = f"the download of {self._model} ended unexpectedly (status {status})"
        lines = self._log.read_text(errors="replace").splitlines()
        advice = "Read the log that is named here, and retry: what was fetched is kept."
        if not lines:
            return self._failure(FailureKind.CRASH, message, advice)
        return self._failure(FailureKind.CRASH, message, advice, len(lines), lines[-1])

    def _failure(
        self, kind: FailureKind, message: str, advice: str,
        line: int | None = None, text: str | None = None,
    ) -> Failure:  # fmt: skip
        evidence = one_line(text) if text else None
        return Failure(kind, message, advice, self._log.name, line, evidence)

    def overdue(self, limit: float) -> Failure:
        """The failure of a download that took longer than `limit` seconds."""
        reached = f"{size_text(self._done)} of {size_text(self._total)}" if self._total else "0"
        return self._failure(
            FailureKind.NETWORK,
            f"timeouts.download ({limit:g} s) ended the download of {self._model} at {reached}",
            "Raise timeouts.download in the task; what was fetched is kept and continued.",
        )
