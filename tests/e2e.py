"""Driving the real program: its command line, its runner, its processes."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from core.deploy.process import labelled
from core.paths import Home

PROGRAM = [sys.executable, "-P", "-m", "tui.main"]

UNCHECKED = str(Path(__file__).with_name("unchecked.py"))

QUICK = """
name: {name}
model: sim-8b
engine: simulated
parameters: {{max-num-seqs: {seqs}}}
workload: {{scenarios: ["D(40,10)"], concurrency: {levels}, requests: 8, max_duration: 2s}}
objective: throughput
"""


@dataclass
class Console:
    """A console under test: what it wrote so far, and its end."""

    pid: int
    terminal: int
    written: bytes = b""

    def shows(self, text: str) -> bool:
        """Whether it ever wrote this; reads what there is."""
        while select.select([self.terminal], [], [], 0.1)[0]:
            try:
                self.written += os.read(self.terminal, 65536)
            except OSError:  # it has ended and closed its side
                break
        return text.encode() in self.written

    def press(self, keys: str) -> None:
        os.write(self.terminal, keys.encode())

    def end(self, number: int) -> int:
        """Send a signal (0: none), wait for its end; the exit status, negative for a signal."""
        if number:
            os.kill(self.pid, number)
        _, status = os.waitpid(self.pid, 0)
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(status)


@dataclass
class Program:
    """The command line on a home of its own."""

    home: Path
    cwd: Path

    @property
    def environment(self) -> dict[str, str]:
        """Ours, without proxies of the machine: tests bring their own."""
        plain = {n: v for n, v in os.environ.items() if not n.lower().endswith("_proxy")}
        return {**plain, "AUTOTUNER_HOME": str(self.home)}

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PROGRAM, *arguments], env={**self.environment, **environment}, cwd=self.cwd,
            capture_output=True, text=True, timeout=240, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def unchecked(self, file: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """`run` without the checks before: as a task runs whose world has changed since then."""
        return subprocess.run(
            [sys.executable, UNCHECKED, file],
            env={**self.environment, **environment}, cwd=self.cwd,
            capture_output=True, text=True, timeout=240, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def start_unchecked(self, file: str, **environment: str) -> subprocess.Popen[str]:
        """The same in the background, its output thrown away."""
        return self._begin([sys.executable, UNCHECKED, file], environment)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """In the background, its output thrown away."""
        return self._begin([*PROGRAM, *arguments], environment)

    def _begin(self, words: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            words, env={**self.environment, **environment}, cwd=self.cwd,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            text=True,
        )  # fmt: skip

    def show(self, task: str) -> dict[str, Any]:
        done = self("show", task, "--json")
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    def write(self, name: str, seqs: str = "[4, 8]", levels: str = "[2, 4]", more: str = "") -> str:
        """A quick task file in the program's folder; returns its path.

        Nothing is confirmed unless `more` brings a budget.
        """
        more += "" if "budget:" in more else "budget: {repeats: 0}\n"
        path = self.cwd / f"{name}.yaml"
        path.write_text(QUICK.format(name=name, seqs=seqs, levels=levels) + more)
        return str(path)

    def console(self) -> Console:
        """The console on a terminal of its own, 80 by 24."""
        pid, terminal = pty.fork()
        if pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a background job's is ignored
            os.chdir(self.cwd)
            os.execve(PROGRAM[0], PROGRAM, {**self.environment, "TERM": "xterm-256color"})
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        return Console(pid, terminal)

    @property
    def runner_pid(self) -> int:
        return int(json.loads(Home(self.home).lock.read_text())["pid"])

    def processes(self) -> list[psutil.Process]:
        """Everything this home has started, but the runner."""
        return labelled(f"{Home(self.home).label}/")

    def close(self) -> None:
        self("runner", "stop")
        assert self.processes() == []


def until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """The condition's first true value; fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError("did not come true in time")
