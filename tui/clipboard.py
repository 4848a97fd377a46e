"""Copying: what reaches a clipboard from wherever the console runs, and always a file."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from core.paths import replace_file

NAME = "clipboard.txt"
_MOST = 74_994  # bytes of base64 that terminals take in one OSC 52
_SECONDS = 2.0

Write = Callable[[str], object]
"""Writes to the terminal as it is."""


class Clipboard:
    """Keeps the last copy in `folder`/clipboard.txt, for the user alone.

    Inside tmux the copy goes through `tmux load-buffer -w`, which reaches the outer
    terminal's clipboard without configuration; elsewhere it is written as OSC 52.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str] = os.environ) -> None:
        self._path = folder / NAME
        self._environ = environ

    async def put(self, text: str, what: str, write: Write | None) -> str:
        """Copy; says in one line what was done. Never raises for what a machine lacks."""
        kept = await asyncio.to_thread(self._keep, text)
        sent = await self._send(text, write)
        if sent and kept:
            return f"copied {what} (also in {self._path})"
        if sent:
            return f"copied {what}"
        if kept:
            return f"{what}: in {self._path}; the clipboard could not be reached"
        return f"{what}: could not be copied, and {self._path} cannot be written"

    async def _send(self, text: str, write: Write | None) -> bool:
        if self._environ.get("TMUX"):
            return await asyncio.to_thread(_to_tmux, text)
        code = base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")
        if write is None or len(code) > _MOST:
            return False
        write(f"\x1b]52;c;{code}\a")
        return True

    def _keep(self, text: str) -> bool:
        try:
            replace_file(self._path, text.encode("utf-8", "replace"))
        except OSError:
            return False
        return True


def _to_tmux(text: str) -> bool:
    try:
        done = subprocess.run(
            ["tmux", "load-buffer", "-w", "-"],
            input=text.encode("utf-8", "replace"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
