"""A signal that comes while something is being written to the terminal."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.terminal import Tty

ROOT = Path(__file__).parents[1]
PROGRAM = """
import os, signal, sys
from tui.terminal import ENTER, Terminal
write = os.write
def interrupted(target, data):
    written = write(target, data)
    if bytes(data).startswith(ENTER.encode()):
        os.write = write
        os.kill(os.getpid(), int(sys.argv[1]))
    return written
os.write = interrupted
with Terminal():
    print("goes on")
"""


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (signal.SIGHUP, -signal.SIGHUP),
        (signal.SIGTERM, -signal.SIGTERM),
        (signal.SIGINT, 130),
    ],
)
def test_a_signal_in_the_middle_of_a_write_ends_it(tmp_path: Path, number: int, status: int):
    words = [sys.executable, "-c", PROGRAM, str(int(number))]
    given = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}
    with Tty(words, given, tmp_path, (80, 24)) as tty:
        assert tty.ended(20) == status
        assert tty.modes == tty.found
        assert not tty.screen.alternate
        assert b"goes on" not in tty.written
