"""One launcher process, as the runner holds it."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from core.bench.plan import BenchError
from core.bench.record import Process
from core.bench.trouble import advice_for
from core.values import Failure, FailureKind

CLOSE_LIMIT = 2.0
"""Seconds between the steps of ending a launcher."""

ENVIRONMENT = {"ENABLE_UI": "false", "TOKENIZERS_PARALLELISM": "false"}
"""What a launcher has besides what it is given."""


class Launched:
    """A launcher and the two pipes to it. `listens`: it has imported all and looks at its stdin."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid
        self.listens = False
        try:
            self._named: Process | None = Process.of(process.pid)
        except ProcessLookupError:
            self._named = None

    @classmethod
    async def start(
        cls, environment: Mapping[str, str], tokenizer: str, log: Path, cwd: Path
    ) -> Self:
        """Start one and return at once. Raises BenchError when that is impossible."""
        words = (sys.executable, "-P", "-m", "core.bench.launcher", tokenizer)
        pipe = asyncio.subprocess.PIPE
        try:
            with log.open("ab") as output:
                process = await asyncio.create_subprocess_exec(
                    *words,
                    stdin=pipe,
                    stdout=pipe,
                    stderr=output,
                    env={**environment, **ENVIRONMENT},
                    cwd=cwd,
                    start_new_session=True,
                )
        except OSError as error:
            raise BenchError(_unstartable(error)) from error
        return cls(process)

    @property
    def lives(self) -> bool:
        return self._named is not None and self._named.lives

    async def send(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin
        with suppress(ConnectionError):  # a dead launcher shows when it is read from
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            await self._process.stdin.drain()

    async def receive(self) -> dict[str, Any] | None:
        """The launcher's next event, None when it is gone."""
        assert self._process.stdout
        line = await self._process.stdout.readline()
        if not line.endswith(b"\n"):
            return None
        event: dict[str, Any] = json.loads(line)
        return event

    async def status(self) -> int | None:
        """Its exit status (negative: signal), None when it does not end by itself in a moment."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_LIMIT):
                return await self._process.wait()
        return None

    async def close(self) -> None:
        """End it and what it measures; each step is taken when the one before did not do."""
        stdin = self._process.stdin
        assert stdin
        if not stdin.is_closing():
            # Without this it would take its runner for dead, and let the measurement end.
            with suppress(ConnectionError):
                stdin.write(b'{"stop": true}\n')
            stdin.close()
        # A launcher ends with its stdin, but does not look at it while it is importing.
        steps = (signal.SIGTERM, signal.SIGKILL)
        for number in (None, *steps) if self.listens else steps:
            if number is not None and self._process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(self.pid, number)
            if await self.status() is not None:
                break


def _unstartable(error: OSError) -> Failure:
    kinds = {errno.EACCES: FailureKind.PERMISSION, errno.EROFS: FailureKind.PERMISSION}
    kinds[errno.ENOSPC] = FailureKind.DISK
    kind = kinds.get(error.errno or 0, FailureKind.CRASH)
    return Failure(kind, f"the benchmark's launcher cannot be started: {error}", advice_for(kind))
