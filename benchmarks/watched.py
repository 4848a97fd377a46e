"""A program on a real terminal, and what it costs: time to paint, bytes, CPU, memory."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ansi import Screen
from tests.terminal import Tty

SIZE = (120, 40)
CONSOLE = (sys.executable, "-P", "-m", "tui.main")
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Load:
    """What a program used over some seconds: of one core (0.1 = 10 %), bytes to the terminal."""

    cpu: float
    bytes_per_second: float


def environment(home: Path) -> dict[str, str]:
    """A local terminal's, on a home of its own; bytecode may be kept as it is for a user."""
    plain = {n: v for n, v in os.environ.items() if n not in ("SSH_CONNECTION", "NO_COLOR", "TMUX")}
    return {
        **plain,
        "AUTOTUNER_HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
    }


@contextmanager
def opened(argv: Sequence[str], home: Path) -> Iterator[Tty]:
    with Tty(argv, environment(home), Path.cwd(), SIZE) as tty:
        yield tty


@contextmanager
def beside(*argv: str, home: Path) -> Iterator[None]:
    """A helper of the benchmark's own, for as long as the block lasts."""
    process = subprocess.Popen([sys.executable, "-m", *argv], env=environment(home))
    try:
        yield
    finally:
        process.kill()
        process.wait()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its threads, not of its children."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def anonymous(pid: int) -> int:
    """Memory of its own in bytes: pages of files, which the kernel can drop, do not count."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    found = re.search(r"RssAnon:\s+(\d+) kB", status)
    assert found is not None  # Linux says it since 4.5
    return int(found[1]) * 1024


def load(tty: Tty, seconds: float) -> Load:
    used, written, begun = cpu_seconds(tty.pid), len(tty.written), time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - begun
    cpu, more = cpu_seconds(tty.pid) - used, len(tty.written) - written
    return Load(cpu / took, more / took)


def seconds_until(tty: Tty, keys: str, condition: Callable[[Screen], object]) -> float:
    """From the key to the arrival of the bytes that make it true."""
    begun = time.monotonic()
    tty.press(keys)
    tty.until(condition, 120)
    return tty.at - begun


def key_times(
    tty: Tty, keys: Sequence[str], told: Callable[[Screen], object], count: int
) -> list[float]:
    """Seconds from each of `count` key presses to the paint that changes what is `told`.

    Keys come at odd intervals, so that they do not fall in step with repaints.
    """
    found = []
    for number in range(count):
        before = tty.until(lambda screen: (told(screen),))[0]
        changed = lambda screen, before=before: told(screen) != before  # noqa: E731
        found.append(seconds_until(tty, keys[number % len(keys)], changed))
        time.sleep(0.03 + 0.07 * (number * 0.618 % 1))
    return found


def percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
