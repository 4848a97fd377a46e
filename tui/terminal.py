"""The terminal while the console has it: taken once, given back as it was found."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import termios
import threading
from types import FrameType, TracebackType
from typing import Any

ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"
"""To the alternate screen and back."""

_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"
# What Textual switches on: synchronised output, mouse, focus, pasting, sizes, keys, no wrap.
_DRIVEN = "\x1b[?2026l" + "".join(
    f"\x1b[?{mode}l" for mode in (1016, 1015, 1006, 1003, 1000, 1004, 2004, 2048)
) + "\x1b[<u\x1b[?7h"  # fmt: skip
_ENDINGS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
_INTERRUPTED = 130  # a shell's exit status for it
_STALLED = 0.5  # seconds that a dying console waits for a terminal that nobody reads


class Terminal:
    """Both ends of a terminal, as file numbers. Text goes out in `encoding`, `?` for the rest.

    Within `with`, nothing typed is echoed, the alternate screen is shown, and keys wait for
    whoever reads them. However that ends, also by a signal, the modes are those found.
    """

    def __init__(self, source: int = 0, target: int = 1, encoding: str = "utf-8") -> None:
        self.output = Output(target, encoding)
        self.found: list[Any] = []
        self.alternate = False  # whether its alternate screen is shown
        self.driven = False  # whether Textual has switched more on
        self._source = source
        self._handlers: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Terminal:
        self.found = termios.tcgetattr(self._source)
        for number in _ENDINGS:
            ignored = signal.getsignal(number) is signal.SIG_IGN
            if number == signal.SIGINT and ignored:  # in a background job of a shell
                continue
            self._handlers[number] = signal.signal(number, self._ended)
        try:
            termios.tcsetattr(self._source, termios.TCSANOW, _quiet(self.found))
            self.alternate = True
            self.output.write(ENTER + _HIDE)
        except BaseException:
            self._give_back()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._give_back()

    def _give_back(self) -> None:
        if self.alternate:
            self.output.write((_DRIVEN if self.driven else "") + f"\x1b[0m{LEAVE}{_SHOW}")
            self.alternate = False
        with contextlib.suppress(termios.error):  # it has gone
            termios.tcsetattr(self._source, termios.TCSANOW, self.found)
            termios.tcflush(self._source, termios.TCIFLUSH)  # keys meant for the console
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _ended(self, number: int, _frame: FrameType | None) -> None:
        """Nothing more comes from Textual, whatever its threads are at; then the usual end."""
        for other in _ENDINGS:
            signal.signal(other, signal.SIG_IGN)  # a terminal that has gone says so again
        self.output.close(_STALLED)
        if self.output.writable(_STALLED):
            self.output.closed = False
            self._give_back()
        else:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._source, termios.TCSANOW, self.found)
        if number == signal.SIGINT:
            os._exit(_INTERRUPTED)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


class Output:
    """A text file as Textual's writer wants it. What cannot be written is dropped, and a
    terminal that has gone is a hang-up.
    """

    def __init__(self, target: int, encoding: str) -> None:
        self.closed = False
        self._target = target
        self._encoding = encoding
        # A signal may interrupt a write and have something to write itself.
        self._turn = threading.RLock()

    def write(self, text: str) -> int:
        data = memoryview(text.encode(self._encoding, "replace"))
        with self._turn:
            while data and not self.closed:
                try:
                    data = data[os.write(self._target, data) :]
                except OSError:
                    self.closed = True
                    os.kill(os.getpid(), signal.SIGHUP)
        return len(text)

    def flush(self) -> None:
        """Nothing waits here."""

    def fileno(self) -> int:
        return self._target

    def isatty(self) -> bool:
        return True

    def close(self, seconds: float) -> None:
        """Drop what comes from now on; waits so long for a write that is under way."""
        self.closed = True
        if self._turn.acquire(timeout=seconds):
            self._turn.release()

    def writable(self, seconds: float) -> bool:
        """Whether somebody reads at the other end."""
        with contextlib.suppress(OSError):
            return bool(select.select([], [self._target], [], seconds)[1])
        return False


def _quiet(found: list[Any]) -> list[Any]:
    """Keys neither echoed nor turned into lines and signals; output as it was."""
    modes = list(found)
    modes[0] &= ~(termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR)
    modes[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
    modes[6] = list(modes[6])
    modes[6][termios.VMIN] = 1
    return modes
