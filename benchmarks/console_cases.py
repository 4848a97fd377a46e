"""What the console is measured at. Each case gives rows of the table."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import log_feed
from benchmarks.watched import (
    CONSOLE,
    Load,
    anonymous,
    beside,
    environment,
    key_times,
    load,
    opened,
    percentile,
    seconds_until,
)
from core.paths import Home
from tests.ansi import Screen
from tests.big_journal import fill
from tests.terminal import Tty

TASK = "b1600000"
RATE = 2000  # lines/s
KIB = 1024.0
_MIB = 1024.0 * 1024.0
_PYTHON = CONSOLE[0]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `most` is the target, `beside` Textual's RichLog at the same, None: no such.

    `scaled`: RichLog had a tenth of it, and what it took is multiplied by ten.
    """

    what: str
    unit: str
    measured: float
    most: float | None = None
    beside: float | None = None
    scaled: bool = False


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything; `quick` is for a build machine."""

    experiments: int = 2000
    many: int = 10_000
    lines: int = 1_500_000
    keys: int = 150
    seconds: float = 20.0
    starts: int = 5


QUICK = Sizes(experiments=300, many=1500, lines=150_000, keys=25, seconds=4.0, starts=2)


def first_paint(folder: Path, sizes: Sizes) -> list[Row]:
    """From exec; once before, so that bytecode and the disk's cache are as on any second start."""
    home = _journal(folder / "paint", sizes.experiments)
    firsts, fulls = [], []
    with _runner(home):
        for number in range(sizes.starts + 1):
            with opened(CONSOLE, home.root) as tty:
                tty.until(lambda screen: "big" in screen.text)
                first = tty.at - tty.started
                full = _textual_paint(tty, b"big")
                _leave(tty)
            if number:
                firsts.append(first)
                fulls.append(full)
    other = []
    for _ in range(sizes.starts):
        with _rich_log(folder, 50) as tty:
            tty.until(lambda screen: "n=00000" in screen.text)
            other.append(tty.at - tty.started)
    return [
        Row(
            "first paint, from the command", "s", percentile(firsts, 50), 0.6, percentile(other, 50)
        ),
        Row("… until Textual paints and keys act", "s", percentile(fulls, 50)),
    ]


def live(folder: Path, sizes: Sizes) -> list[Row]:
    """An engine log that grows by 2,000 lines a second, in a task with many experiments."""
    home = _journal(folder / "live", sizes.experiments)
    log = home.start(TASK, sizes.experiments - 1, 1) / "engine.log"
    log_feed.fill(log, 10_000)
    feed = beside("benchmarks.log_feed", str(log), str(RATE), home=home.root)
    with _runner(home), feed, opened(CONSOLE, home.root) as tty:
        _ready(tty)
        tty.press("3")
        tty.shows("following")
        time.sleep(2)
        shown = load(tty, sizes.seconds)
        mixed = key_times(tty, "kf", _marked_row, sizes.keys)
        times = {"log that follows": mixed[::2], "log, follow again": mixed[1::2]}
        tty.press("kkkk")
        time.sleep(1)
        times["log scrolled up"] = key_times(tty, "kj", _marked, sizes.keys)
        tty.press("f2")
        tty.until(lambda screen: "experiments" in screen.text and _cursor(screen))
        times["table"] = key_times(tty, "jjjjkkkk", _cursor, sizes.keys)
        _leave(tty)
    other, paints = _rich_live(folder, sizes)
    rows = [
        Row(f"key to paint, {what}, p{p}", "ms", percentile(found, p) * 1000, limit, beside_)
        for what, found in times.items()
        for p, limit, beside_ in (
            (50, None, percentile(paints, 50) * 1000),
            (99, 50.0, percentile(paints, 99) * 1000),
        )
    ]
    kib, other_kib = shown.bytes_per_second / KIB, other.bytes_per_second / KIB
    return [
        *rows,
        Row("to the terminal, log live", "KiB/s", kib, 100.0, other_kib),
        Row("CPU, log live", "% of a core", shown.cpu * 100, 10.0, other.cpu * 100),
    ]


def long_log(folder: Path, sizes: Sizes) -> list[Row]:
    """A log of 200 MB: opening, filtering, memory."""
    home = _journal(folder / "long", 2)
    log = home.start(TASK, 1, 1) / "engine.log"
    size = log_feed.fill(log, sizes.lines)
    last = f"n={sizes.lines - 1:08d}"
    hits = re.compile(rf"of {_spaced(sizes.lines // 1000)}(?! *…)")
    with _runner(home), opened(CONSOLE, home.root) as tty:
        _ready(tty)
        time.sleep(1)
        empty = anonymous(tty.pid)
        opening = seconds_until(tty, "3", lambda screen: last in screen.text)
        tty.press("/")
        time.sleep(0.5)
        word = log_feed.WORD
        filtering = seconds_until(tty, f"{word}\r", lambda screen: hits.search(screen.text))
        for key in "gGnN":
            tty.press(key)
            time.sleep(0.3)
        memory = anonymous(tty.pid) - empty
        _leave(tty)
    tenth = sizes.lines // 10
    with _rich_log(folder, 1) as tty:
        tty.shows("n=0000")
        bare = anonymous(tty.pid)
    with _rich_log(folder, tenth) as tty:
        tty.until(lambda screen: f"n={tenth - 1:08d}" in screen.text, 300)
        other, grown = tty.at - tty.started, anonymous(tty.pid) - bare
    named = f"{size / 1e6:.0f} MB of log"
    return [
        Row(f"{named}: open at its end", "s", opening, 0.3, other * 10, scaled=True),
        Row(f"{named}: filter, all hits", "s", filtering, 1.0),
        Row(
            f"{named}: memory (RssAnon)", "MiB", memory / _MIB, 60.0, grown * 10 / _MIB, scaled=True
        ),
    ]


def idle(folder: Path, sizes: Sizes) -> list[Row]:
    """With a real runner that has nothing to do, and without one."""
    home = Home(folder / "idle")
    fill(home, 50, name="big")
    with opened(CONSOLE, home.root) as tty:
        tty.shows("● runner")
        time.sleep(5)
        with_runner = load(tty, sizes.seconds)
        _command(home, "runner", "stop")
        tty.shows("no runner")
        without = load(tty, sizes.seconds)
        _leave(tty)
    rows = []
    for name, found in (("a runner", with_runner), ("no runner", without)):
        rows.append(Row(f"idle, {name}: CPU", "% of a core", found.cpu * 100, 1.0))
        kib = found.bytes_per_second / KIB
        rows.append(Row(f"idle, {name}: to the terminal", "KiB/s", kib, 1.0))
    return rows


def table(folder: Path, sizes: Sizes) -> list[Row]:
    """A task of 10,000 experiments: its table, and another order of it."""
    home = _journal(folder / "table", sizes.many)
    newest = f" {sizes.many - 1} "
    with _runner(home), opened(CONSOLE, home.root) as tty:
        _ready(tty)
        opening = seconds_until(tty, "2", lambda screen: newest in screen.text)
        time.sleep(1)
        sorting = []
        for _ in range(6):
            sorting.append(key_times(tty, "o", _ascending, 1)[0])
            time.sleep(0.5)
        _leave(tty)
    return [
        Row(f"{sizes.many:,} experiments: the table opens", "s", opening, 0.3),
        Row(f"{sizes.many:,} experiments: another order", "s", max(sorting), 0.2),
    ]


CASES = (first_paint, live, long_log, idle, table)


def _journal(folder: Path, experiments: int) -> Home:
    home = Home(folder)
    fill(home, experiments, running=True, name="big")
    return home


@contextmanager
def _runner(home: Home) -> Iterator[None]:
    """One that writes as a runner at work does, and is seen to be alive."""
    with beside("benchmarks.pretend_runner", TASK, home=home.root):
        while not home.lock.exists() or not home.lock.read_bytes():
            time.sleep(0.05)
        time.sleep(0.5)
        yield


@contextmanager
def _rich_log(folder: Path, lines: int) -> Iterator[Tty]:
    log = folder / f"rich-{lines}.log"
    log_feed.fill(log, lines)
    with opened((_PYTHON, "-m", "benchmarks.rich_log", str(log)), folder) as tty:
        yield tty
        _leave(tty)


def _rich_live(folder: Path, sizes: Sizes) -> tuple[Load, list[float]]:
    with _rich_log(folder, 10_000) as tty:
        log = folder / "rich-10000.log"
        tty.shows("n=00009999")
        with beside("benchmarks.log_feed", str(log), str(RATE), home=folder):
            time.sleep(2)
            found = load(tty, sizes.seconds)
            paints = key_times(tty, "j", lambda screen: screen.lines[0], sizes.keys)
    return found, paints


def _ready(tty: Tty) -> None:
    _textual_paint(tty, b"big")
    tty.shows("● runner")
    time.sleep(0.5)


def _textual_paint(tty: Tty, text: bytes) -> float:
    """Seconds from exec to the first paint by Textual, which the setting of its modes precedes."""
    mark = b"\x1b[?2004h"
    tty.until(lambda screen: text in bytes(tty.written).partition(mark)[2], 60)
    return tty.at - tty.started


def _leave(tty: Tty) -> None:
    tty.press("\x1bq" if tty.screen.modes.get(2004) else "q")
    time.sleep(0.3)
    if tty.alive:
        tty.press("q")
    tty.ended()


def _command(home: Home, *arguments: str) -> None:
    argv = [*CONSOLE, *arguments]
    subprocess.run(argv, env=environment(home.root), check=True, capture_output=True)


def _marked(screen: Screen) -> str:
    """The log line under the cursor, by its number."""
    found = re.search(r"^▸.*?(n=\d{8})", screen.text, re.MULTILINE)
    return found[1] if found else ""


def _marked_row(screen: Screen) -> int:
    """Where the cursor is on the screen: lines that come do not move it."""
    rows = (place for place, line in enumerate(screen.lines) if line.startswith("▸"))
    return next(rows, -1)


def _cursor(screen: Screen) -> str:
    return next((line[:12] for line in screen.lines if line.startswith("▸")), "")


def _ascending(screen: Screen) -> bool:
    """Whether the numbers in the first two rows under the table's header grow."""
    heads = [place for place, line in enumerate(screen.lines) if "#" in line[:8]]
    rows = screen.lines[heads[-1] + 2 :] if heads else []
    numbers = [int(found[0]) for row in rows[:2] if (found := re.search(r"\d+", row[:10]))]
    return len(numbers) == 2 and numbers[0] < numbers[1]


def _spaced(number: int) -> str:
    return f"{number:,}".replace(",", " ")
