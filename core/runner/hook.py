"""The hook: a command line of the user's own that is run when a task ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from core import settings
from core.export.sentence import gain, sentence
from core.paths import Home
from core.store.journal import Journal
from core.store.reader import Reader
from core.store.views import TaskView
from core.values import InputError, one_line

log = logging.getLogger("autotuner.runner")

NAME = "AUTOTUNER_HOOK"
LOG = "hook.log"
_LIMIT = 30.0
# What ended longer ago, under a runner that died in that moment, is news to nobody.
_NEWS_SECONDS = 24 * 3600.0


class Hooks:
    """Tells each end of a task once. Nothing that a hook does changes its task."""

    def __init__(self, home: Home, journal: Journal, reader: Reader, limit: float = _LIMIT) -> None:
        self._home = home
        self._journal = journal
        self._reader = reader
        self._limit = limit
        self._at_work: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> bool:
        return bool(self._at_work)

    def ended(self, task: str) -> None:
        """Run the hook of a task in the background, if it has one and this end is not told."""
        work = asyncio.ensure_future(self._guarded(task))
        self._at_work.add(work)
        work.add_done_callback(self._at_work.discard)

    async def missed(self) -> None:
        """Tell the ends that an earlier runner wrote down and did not live to tell."""
        since = time.time() - _NEWS_SECONDS
        for task in await self._reader.tasks():
            if task.state.final and task.ended is not None and task.ended > since:
                self.ended(task.id)

    async def wait(self) -> None:
        """Until every hook has ended; each has a limit of its own."""
        await asyncio.gather(*self._at_work)

    async def _guarded(self, task: str) -> None:
        try:
            await self._tell(task)
        except Exception as error:
            log.exception("the hook of task %s failed", task)
            await self._failed(task, f"{type(error).__name__}: {error}")

    async def _tell(self, task: str) -> None:
        try:
            resolved = settings.read(self._home.settings(task))
        except InputError as error:
            log.info("no hook: %s", error)
            return
        command = resolved.values.get(NAME, "").strip()
        if not command or not await self._journal.claim_hook(task):
            return
        view = await self._reader.find(task)
        assert view is not None  # it was claimed
        given = settings.without_secrets(settings.host_environment(resolved))
        given |= {"AUTOTUNER_HOME": str(self._home.root), **facts(view)}
        problem = await run(command, given, self._home.task(task), self._limit)
        if problem:
            await self._failed(task, problem)
        else:
            await self._journal.event("hook.ended", task)

    async def _failed(self, task: str, problem: str) -> None:
        message = one_line(f"{problem}; see {self._home.task(task) / LOG}")
        log.warning("the hook of task %s: %s", task, message)
        await self._journal.event("hook.failed", task, message=message)


def facts(task: TaskView) -> dict[str, str]:
    """What a hook is told of a task that ended."""
    more = gain(task)
    told = {
        "TASK": task.id,
        "NAME": task.name,
        "STATE": str(task.state),
        "BEST": "" if task.best is None else str(task.best),
        "SCORE": "" if task.best_score is None else f"{task.best_score:.6g}",
        "UNIT": task.unit,
        "GAIN": "" if more is None else f"{more:.4g}",
        "SUMMARY": sentence(task),
    }
    return {f"AUTOTUNER_{name}": value for name, value in told.items()}


async def run(
    command: str, environment: Mapping[str, str], folder: Path, limit: float
) -> str | None:
    """`sh -c` in a session of its own, output added to hook.log; what went wrong, if anything.

    After `limit` seconds, or when this is cancelled, its process group is killed.
    """
    handle = os.open(folder / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(handle, "ab") as output:
        process = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", command,
            stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
            cwd=folder, env=dict(environment), start_new_session=True,
        )  # fmt: skip
    try:
        status = await asyncio.wait_for(process.wait(), limit)
    except TimeoutError:
        return f"it did not end within {limit:g} s and was killed"
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if status < 0:
        return f"it ended with signal {-status}"
    return f"it ended with exit status {status}" if status else None
