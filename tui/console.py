"""Opening the console. Textual is imported here, behind a first frame, and nowhere before."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, MutableMapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from core import settings
from core.paths import Home, user_folder
from core.values import AutotunerError, InputError
from tui import first
from tui.glyphs import utf8_here
from tui.keys.keymap import Keymap
from tui.snapshot import Snapshot
from tui.terminal import Terminal

if TYPE_CHECKING:
    from tui.app import AutotunerApp

_REFRESH = 0.25
_SETTINGS = ("AUTOTUNER_THEME", "AUTOTUNER_REFRESH")


def open_console(home: Home, task: str | None = None) -> int:
    """Show the console until it is left, at `task` (an id) if given; the exit status.

    AutotunerError when there is no terminal to show it on, InputError for a setting that
    cannot be used.
    """
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if not terminal or os.environ.get("TERM", "") in ("", "dumb"):
        raise AutotunerError(
            "the console needs a terminal; use autotuner-tui ls, show or logs instead"
        )
    _be_frugal(os.environ)
    chosen = settings.resolve(Path.cwd(), os.environ, _SETTINGS).values
    refresh = _seconds(chosen.get("AUTOTUNER_REFRESH"))
    user = user_folder()
    threading.excepthook = partial(_unless_late, threading.excepthook)
    gc.disable()  # until the first paint there is nothing to collect
    with Terminal(encoding="utf-8" if utf8_here() else "ascii") as taken:
        seen = _first_frame(taken, home, task, user)
        app = _made(home, task, chosen.get("AUTOTUNER_THEME") or None, user, refresh)
        status = _run(app, taken, seen)
    if app.fault:
        print(app.fault, file=sys.stderr)
    elif app.snapshot.runner.alive:
        print("the runner goes on; autotuner-tui opens this again")
    return status


def _be_frugal(environ: MutableMapping[str, str]) -> None:
    """Textual reads these once, at its import. A slow line gets fewer repaints."""
    environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    if environ.get("SSH_CONNECTION"):
        environ.setdefault("TEXTUAL_FPS", "15")


def _seconds(text: str | None) -> float:
    if not text:
        return _REFRESH
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 10.0:
        raise InputError(f"AUTOTUNER_REFRESH: {text!r} is no number of seconds from 0.1 to 10")
    return seconds


def _first_frame(terminal: Terminal, home: Home, task: str | None, user: Path) -> Snapshot:
    seen = first.snapshot(home, task)
    cells, rows = first.size(terminal.output.fileno())
    lines = first.frame(seen, task, _keymap(user), time.time(), cells, rows)
    terminal.output.write(first.written(lines, cells))
    return seen


def _keymap(user: Path) -> Keymap:
    if not user.is_dir():
        return Keymap()
    from tui.keys import userfile

    return userfile.load(user / userfile.NAME)[0]  # what is wrong in it is said by the console


def _made(
    home: Home, task: str | None, theme: str | None, user: Path, refresh: float
) -> AutotunerApp:
    from tui.app import AutotunerApp
    from tui.source import JournalSource

    source = JournalSource(home, Path.cwd())
    return AutotunerApp(source, home, task, theme=theme, user=user, refresh=refresh)


def _run(app: AutotunerApp, terminal: Terminal, seen: Snapshot) -> int:
    from tui.driver import ConsoleDriver

    app.snapshot = seen  # its first paint then says what the frame says
    ConsoleDriver.terminal = terminal
    app.driver_class = ConsoleDriver
    gc.freeze()  # what was imported stays for good: no collection has to look at it
    gc.enable()
    app.run()
    return app.return_code or 0


def _unless_late(
    report: Callable[[threading.ExceptHookArgs], object], error: threading.ExceptHookArgs
) -> None:
    """A thread that brings what it read when the console is left already has nobody to tell."""
    if str(error.exc_value) != "Event loop is closed":
        report(error)
