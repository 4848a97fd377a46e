"""A program on a terminal of its own, read all the time by a thread, or not at all for a while."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.ansi import Screen


class Tty:
    """`screen` is what a person would see now; `written` everything that came so far.

    `found` are the terminal's modes before the program had it.
    """

    def __init__(
        self,
        argv: Sequence[str],
        environ: Mapping[str, str],
        cwd: Path,
        size: tuple[int, int] = (80, 24),
    ) -> None:
        self.screen = Screen(*size)
        self.written = bytearray()
        self.at = 0.0  # when something came last, monotonic seconds
        self._master, self._slave = pty.openpty()
        self._size(*size)
        self.found = self.modes
        self._turn = threading.Condition()
        self._reads = threading.Event()
        self._reads.set()
        self._open = True
        self._status: int | None = None
        self.started = time.monotonic()
        self.pid = self._begin(argv, environ, cwd)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def modes(self) -> list[Any]:
        """As `stty` would say them."""
        return termios.tcgetattr(self._slave)

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        with self._turn:
            self.screen.resize(columns, rows)
        self._size(columns, rows)
        if self.alive:
            os.kill(self.pid, signal.SIGWINCH)

    def stall(self) -> None:
        """Read nothing until `read_on`."""
        self._reads.clear()

    def read_on(self) -> None:
        self._reads.set()

    def until(self, condition: Callable[[Screen], Any], seconds: float = 60.0) -> Any:
        """The condition's first true value; fails with the screen when there is none in time."""
        deadline = time.monotonic() + seconds
        with self._turn:
            while not (found := condition(self.screen)):
                self._turn.wait(max(0.0, min(0.5, deadline - time.monotonic())))
                if time.monotonic() > deadline:
                    said = f"not within {seconds} s; the screen is\n{self.screen.text}"
                    raise AssertionError(said)
        return found

    def shows(self, text: str, seconds: float = 60.0) -> None:
        self.until(lambda screen: text in screen.text, seconds)

    def lacks(self, text: str, seconds: float = 60.0) -> None:
        self.until(lambda screen: text not in screen.text, seconds)

    @property
    def alive(self) -> bool:
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._status = status if pid else None
        return self._status is None

    def ended(self, seconds: float = 60.0) -> int:
        """Waits for its end; the exit status, negative for a signal."""
        deadline = time.monotonic() + seconds
        while self.alive:
            assert time.monotonic() < deadline, f"still there after {seconds} s"
            time.sleep(0.02)
        time.sleep(0.1)  # what it wrote last is on its way
        assert self._status is not None
        return os.waitstatus_to_exitcode(self._status)

    def kill(self, number: int = signal.SIGTERM) -> None:
        if self.alive:
            os.kill(self.pid, number)

    def hang_up(self) -> None:
        """As a lost connection does."""
        self._open = False
        self._reads.set()
        self._thread.join()
        os.close(self._master)

    def close(self) -> None:
        if self._open:
            self.read_on()
            self.kill(signal.SIGKILL)
            self.ended()
            self.hang_up()
        os.close(self._slave)

    def __enter__(self) -> Tty:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begin(self, argv: Sequence[str], environ: Mapping[str, str], cwd: Path) -> int:
        pid = os.fork()
        if pid:
            return pid
        try:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a background job's is ignored
            os.setsid()
            fcntl.ioctl(self._slave, termios.TIOCSCTTY, 0)
            for number in (0, 1, 2):
                os.dup2(self._slave, number)
            os.closerange(3, 256)
            os.chdir(cwd)
            os.execve(argv[0], list(argv), dict(environ))
        finally:
            os._exit(127)

    def _size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self) -> None:
        while self._open:
            self._reads.wait()
            if not select.select([self._master], [], [], 0.05)[0]:
                continue
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return
            with self._turn:
                self.at = time.monotonic()
                self.written += data
                self.screen.feed(data)
                self._turn.notify_all()
