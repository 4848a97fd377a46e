"""Asking the runner: make sure one lives, send a command, await its answer."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from core import __version__, settings
from core.paths import Home
from core.presets import expanded
from core.store import ask as asking
from core.store.lock import runner_status
from core.store.reader import Reader
from core.task import Task
from core.task.dump import save
from core.values import AutotunerError

_POLL = 0.1
_START_SECONDS = 30.0


class Client:
    """What a console or command uses to have something done."""

    def __init__(self, home: Home) -> None:
        self._home = home

    async def ensure_runner(self) -> None:
        """Start a runner, detached from this terminal, unless one lives; wait until it is up.

        Raises AutotunerError when it does not come up, or is of another version.
        """
        deadline = time.monotonic() + _START_SECONDS
        child: subprocess.Popen[bytes] | None = None
        while not (view := runner_status(self._home.lock)).alive or view.version is None:
            if child is None or child.poll() is not None:
                child = await asyncio.to_thread(self._spawn)
            if time.monotonic() > deadline:
                raise AutotunerError(f"the runner did not start; see {self._home.runner_log}")
            await asyncio.sleep(_POLL)
        if view.version != __version__:
            raise AutotunerError(
                f"a runner of version {view.version} is at work, this is {__version__}; "
                "run `autotuner-tui runner stop` between experiments, then try again"
            )
        while not await self._journal_ready():
            if time.monotonic() > deadline:
                raise AutotunerError(f"the runner made no journal; see {self._home.runner_log}")
            await asyncio.sleep(_POLL)

    async def ask(self, verb: str, arguments: Mapping[str, object]) -> str:
        """Have the runner do something and wait until it is done; returns its answer.

        Raises AutotunerError with the runner's reason when it refuses.
        """
        await self.ensure_runner()
        number = await asking.insert_command(self._home.database, verb, arguments)
        async with Reader.open(self._home) as reader:
            asked = time.monotonic()
            while True:
                done, reply, error = await reader.reply(number)
                if error:
                    raise AutotunerError(error)
                if done:
                    return reply
                await asyncio.sleep(_POLL)
                # A runner may leave, idle, at the very moment a command is written.
                if time.monotonic() - asked > 1.0 and not runner_status(self._home.lock).alive:
                    await self.ensure_runner()

    async def tell(self, verb: str) -> None:
        """Write a command for a runner that lives, and do not wait for its answer."""
        await asking.insert_command(self._home.database, verb, {})

    async def submit(self, task: Task, cwd: Path, environ: Mapping[str, str] = os.environ) -> str:
        """Queue a task with the environment it was submitted in; returns its id.

        Its presets are written out: one that changes later does not change the task.
        """
        task = (await expanded(task, self._home)).task
        resolved = settings.resolve(cwd, environ, settings.references(task.environment))
        settings.expand(task.environment, resolved)  # a missing variable is told now
        name = secrets.token_hex(4)
        folder = self._home.create().task(name)
        folder.mkdir(parents=True, mode=0o700)
        try:
            settings.write(resolved, self._home.settings(name))
            save(task, self._home.task_file(name))
            await self.ask("submit", {"task": name})
        except AutotunerError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return name

    async def heartbeat(self, console: str) -> None:
        """Say that a console is open, so that the runner stays."""
        if self._home.database.exists():
            await asking.heartbeat(self._home.database, console)

    async def _journal_ready(self) -> bool:
        if not self._home.database.exists():
            return False
        async with Reader.open(self._home) as reader:
            return await reader.changed()

    def _spawn(self) -> subprocess.Popen[bytes]:
        """A runner in its own session: no terminal, no hang-up, no inherited folder."""
        self._home.create()
        with self._home.runner_log.open("ab") as log:
            return subprocess.Popen(
                # -P: a file named like one of our modules in some folder must not be imported.
                [sys.executable, "-P", "-m", "core.runner"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._home.root,
                env={**os.environ, "AUTOTUNER_HOME": str(self._home.root)},
                start_new_session=True,
            )
