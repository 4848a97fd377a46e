"""A process is known again by its pid and its start, whatever the clock says."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil

from core import pids


def test_a_start_is_counted_from_the_machine_s_boot():
    own = pids.started(os.getpid())
    assert own is not None
    # The kernel rounds the time of the boot anew when the clock is disciplined.
    assert abs(own + psutil.boot_time() - psutil.Process().create_time()) <= 1.0
    assert 0 < own <= time.clock_gettime(time.CLOCK_BOOTTIME)
    assert pids.lives(os.getpid(), own)
    assert not pids.lives(os.getpid(), own + 1)


def test_a_process_that_has_ended_lives_no_more():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        began = pids.started(process.pid)
        assert began is not None
        assert pids.lives(process.pid, began)
        process.kill()
        end = time.monotonic() + 5
        while pids.lives(process.pid, began) and time.monotonic() < end:
            time.sleep(0.01)
        # Nobody has waited for it: it is still in the table, and dead.
        assert pids.started(process.pid) == began
        assert not pids.lives(process.pid, began)
    assert pids.started(process.pid) is None
    assert not pids.lives(process.pid, began)


def test_a_name_with_brackets_and_blanks_is_no_riddle(tmp_path):
    program = tmp_path / "a) S 1 (b"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([program, "60"]) as process:
        began = pids.started(process.pid)
        assert began is not None
        assert pids.lives(process.pid, began)
        process.kill()


def test_no_process_has_the_number_zero():
    assert pids.started(0) is None
    assert pids.started(-1) is None
    assert not pids.lives(0, 0.0)
