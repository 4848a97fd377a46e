"""What is killed, and how it is found: by its label or by its home, never by its name alone."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from core.deploy.process import LABEL, labelled
from core.paths import Home
from tests.docker.machines import Machine
from tests.e2e import Console, Program

Killed = str | None
"""Who was killed, in words; None when there was nobody."""


class Person:
    """Keeps a console open, as somebody would who comes back to it."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._console: Console | None = None

    def look(self) -> None:
        """Read what the console draws; open another when it is gone."""
        if self._console is not None and _gone(self._console.pid):
            os.close(self._console.terminal)
            self._console = None
        if self._console is None:
            self._console = self._program.console()
        self._console.shows("")

    def lose(self, number: signal.Signals) -> Killed:
        """The console is killed, or its link is cut."""
        if self._console is None:
            return None
        pid = self._console.pid
        self._console.end(number)
        self._console = None
        return f"console {pid} by {number.name}"

    def leave(self) -> None:
        self.lose(signal.SIGTERM)


class Killer:
    """Draws who dies next. `machine`: the Docker daemon that engines run on; None: processes."""

    def __init__(
        self, home: Home, person: Person, machine: Machine | None, dice: random.Random
    ) -> None:
        self._home = home
        self._machine = machine
        self._dice = dice
        self._ways: list[Callable[[], Killed]] = [
            lambda: _kill(self._runners("core.runner.main"), dice, "runner"),
            lambda: _kill(self._runners("core.runner"), dice, "runner's parent"),
            self._both,
            lambda: person.lose(dice.choice([signal.SIGKILL, signal.SIGHUP])),
            lambda: _kill(self._engines(), dice, "engine"),
            lambda: _kill(self._of("/bench/"), dice, "benchmark"),
        ]
        self._ways += [self._daemon] if machine else []

    def strike(self, seconds: float) -> Killed:
        """Kill one that is there; drawn again while there is nobody of the kind."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if killed := self._dice.choice(self._ways)():
                return killed
            time.sleep(0.05)
        return None

    def runners(self) -> list[psutil.Process]:
        """Runners of this home and their parents."""
        return self._runners("core.runner.main") + self._runners("core.runner")

    def _both(self) -> Killed:
        one = _kill(self._runners("core.runner.main"), self._dice, "runner")
        two = _kill(self._runners("core.runner"), self._dice, "its parent")
        return " and ".join(filter(None, [one, two])) or None

    def _daemon(self) -> Killed:
        assert self._machine is not None
        self._machine.kill()
        away = self._dice.uniform(0.5, 3.0)
        time.sleep(away)
        self._machine.start()
        return f"Docker daemon for {away:.1f} s"

    def _engines(self) -> list[psutil.Process]:
        """Labelled with the numbers of their start, `HOME/TASK/3/1/`."""
        return [one for one in self._of("/") if _label(one).rstrip("/")[-1].isdigit()]

    def _of(self, part: str) -> list[psutil.Process]:
        return [one for one in labelled(f"{self._home.label}/") if part in _label(one)]

    def _runners(self, module: str) -> list[psutil.Process]:
        return [one for one in psutil.process_iter() if _runs(one, self._home.root, module)]


def _kill(found: list[psutil.Process], dice: random.Random, name: str) -> Killed:
    if not found:
        return None
    one = dice.choice(sorted(found, key=lambda process: process.pid))
    with suppress(psutil.Error):
        one.kill()
        return f"{name} {one.pid}"
    return None


def _runs(process: psutil.Process, home: Path, module: str) -> bool:
    with suppress(psutil.Error, OSError):
        mine = process.environ().get("AUTOTUNER_HOME") == str(home)
        return mine and module in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _label(process: psutil.Process) -> str:
    with suppress(psutil.Error, OSError):
        return str(process.environ().get(LABEL, "-"))
    return "-"


def _gone(pid: int) -> bool:
    with suppress(ChildProcessError):
        return os.waitpid(pid, os.WNOHANG)[0] != 0
    return True


def each(seconds: float, until: float) -> Iterator[float]:
    """The time left, again and again, until a moment of the monotonic clock."""
    while (left := until - time.monotonic()) > 0:
        yield left
        time.sleep(min(seconds, left))
