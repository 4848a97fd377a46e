"""The console on a real terminal: what befalls terminals, and that each is left as it was found."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from core.paths import Home
from core.store.lock import runner_status
from tests.ansi import Screen
from tests.big_journal import add_finished, fill
from tests.e2e import PROGRAM, Program, until
from tests.terminal import Tty

TASK = "b1600000"
NAME = "größe-測試"
TEXT_ENDS = (b"\x1b[?1049l", b"\x1b[?25h")
POINTER = b"\x1b]22;default\x07"
"""The only thing Textual writes that draws nothing: the shape of the mouse's pointer."""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A home with one finished task of twelve experiments; its runner has nothing to do."""
    made = Program(tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work"))
    fill(Home(made.home), 12, name=NAME)
    yield made
    made.close()


def opened(program: Program, size: tuple[int, int] = (80, 24), **environ: str | None) -> Tty:
    """The console; a variable that is None is not set."""
    given = {**program.environment, "TERM": "xterm-256color", "LANG": "C.UTF-8", **environ}
    for name in ("LC_ALL", "NO_COLOR", "TMUX", "SSH_CONNECTION", "COLORTERM"):
        if name not in environ:
            given[name] = None
    kept = {name: value for name, value in given.items() if value is not None}
    return Tty(PROGRAM, kept, program.cwd, size)


def ready(tty: Tty) -> None:
    """Waits until Textual has the terminal and shows the task."""
    tty.until(lambda screen: screen.modes.get(2004) and "12/12" in screen.text)
    tty.shows("● runner")


def left_as_found(tty: Tty) -> None:
    assert tty.modes == tty.found
    changed = {mode for mode, on in tty.screen.modes.items() if on}
    assert changed <= {7, 25}  # the wrapping and the cursor that every terminal has
    assert tty.screen.modes[25]
    assert not tty.screen.alternate
    assert b"Traceback" not in tty.written
    assert set(tty.screen.strange) <= {POINTER}


def test_a_key_pressed_before_the_toolkit_is_there_is_acted_on_and_not_echoed(program: Program):
    with opened(program) as tty:
        tty.shows("12/12")
        assert not tty.screen.modes.get(2004)  # nobody reads keys yet
        assert not tty.modes[3] & termios.ECHO
        assert tty.screen.alternate
        tty.press("5")
        tty.until(lambda screen: "12/12" not in screen.text)
        tty.press("q")
        assert tty.ended() == 0
        left_as_found(tty)


def test_keys_pressed_before_anything_is_drawn_are_not_lost(program: Program):
    with opened(program) as tty:
        tty.press("5")
        tty.until(lambda screen: screen.modes.get(2004) and "12/12" not in screen.text)
        tty.press("q")
        assert tty.ended() == 0


def _key(key: str) -> Callable[[Tty], None]:
    return lambda tty: tty.press(key)


def _signal(number: int) -> Callable[[Tty], None]:
    return lambda tty: tty.kill(number)


ENDINGS = {
    "q": (_key("q"), {0}),
    "ctrl+c": (_key("\x03"), {0}),
    "SIGTERM": (_signal(signal.SIGTERM), {-signal.SIGTERM}),
    "SIGHUP": (_signal(signal.SIGHUP), {-signal.SIGHUP}),
    "SIGINT": (_signal(signal.SIGINT), {130, 0}),  # 0: when it comes up or leaves just then
}


@pytest.mark.parametrize("way", ENDINGS)
def test_the_terminal_is_left_as_it_was_found(program: Program, way: str):
    end, statuses = ENDINGS[way]
    with opened(program) as tty:
        ready(tty)
        end(tty)
        assert tty.ended() in statuses
        left_as_found(tty)


@pytest.mark.parametrize("way", ENDINGS)
def test_so_it_is_when_the_end_comes_during_the_first_frame(program: Program, way: str):
    end, statuses = ENDINGS[way]
    with opened(program) as tty:
        tty.until(lambda screen: screen.alternate)
        end(tty)
        assert tty.ended() in statuses
        left_as_found(tty)


def test_an_error_of_its_own_leaves_the_terminal_as_it_was_found(program: Program, tmp_path: Path):
    tmp_path.joinpath("sitecustomize.py").write_text(
        "import sys\nsys.modules['tui.app'] = None\n"  # what cannot be imported
    )
    with opened(program, PYTHONPATH=str(tmp_path)) as tty:
        assert tty.ended() == 1
        assert tty.modes == tty.found
        assert not tty.screen.alternate


def test_a_hang_up_ends_the_console_and_nothing_else(program: Program):
    tty = opened(program)
    try:
        ready(tty)
        tty.hang_up()
        assert tty.ended() == -signal.SIGHUP
        assert runner_status(Home(program.home).lock).alive
    finally:
        tty.close()


def test_a_stalled_terminal_is_current_again_when_it_is_read(program: Program, tmp_path: Path):
    home = Home(tmp_path / "stalled")
    fill(home, 40, name=NAME)
    own = Program(home.root, program.cwd)
    try:
        with opened(own) as tty:
            tty.until(lambda screen: screen.modes.get(2004) and "40/40" in screen.text)
            tty.press("2")
            tty.shows("enter detail")
            tty.stall()
            for _ in range(16):  # paints more than the pipe and the writer's queue hold
                for _ in range(8):
                    tty.press("G")
                    tty.press("g")
                time.sleep(0.5)
            add_finished(home, TASK)
            tty.read_on()
            tty.shows("41/40")
            tty.press("1")
            tty.shows("new")
            tty.press("q")
            assert tty.ended() == 0
            left_as_found(tty)
    finally:
        own.close()


def test_a_tiny_terminal_and_back(program: Program):
    with opened(program) as tty:
        ready(tty)
        for keys in ("1", "2", "3", "4", "5", "?", "\x1b", "1"):
            tty.press(keys)
            tty.resize(20, 5)
            tty.until(lambda screen: screen.text.strip())
            time.sleep(0.3)
            assert tty.alive
            tty.resize(80, 24)
            tty.until(lambda screen: "help" in screen.lines[-1] or "back" in screen.lines[-1])
        tty.shows("12/12")
        tty.press("q")
        assert tty.ended() == 0
        left_as_found(tty)


@pytest.mark.parametrize("size", [(20, 5), (1, 1), (3, 2), (300, 100)])
def test_it_comes_up_in_any_size(program: Program, size: tuple[int, int]):
    with opened(program, size) as tty:
        tty.until(lambda screen: screen.modes.get(2004))
        time.sleep(1.0)
        assert tty.alive
        tty.press("q")
        assert tty.ended() == 0
        left_as_found(tty)


def test_it_is_there_again_when_tmux_is_attached_again(program: Program, tmp_path: Path):
    tmux = shutil.which("tmux")
    assert tmux, "install tmux: re-attaching is tested with the real one"
    server = [tmux, "-S", str(tmp_path / "socket"), "-f", "/dev/null"]
    environ = {**program.environment, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    environ.pop("TMUX", None)

    def do(*arguments: str) -> None:
        subprocess.run([*server, *arguments], env=environ, cwd=program.cwd, check=True, timeout=60)

    do("-u", "new-session", "-d", "-x", "80", "-y", "24", *PROGRAM)
    try:
        with Tty([*server, "-u", "attach"], environ, program.cwd) as tty:
            tty.shows("12/12")
            tty.shows("● runner")
            do("detach-client")
            assert tty.ended() == 0
        with Tty([*server, "-u", "attach"], environ, program.cwd, (100, 30)) as tty:
            tty.shows("12/12")
            tty.press("2")
            tty.shows("enter detail")
            tty.press("q")
            assert tty.ended() == 0  # the session's only program has ended, and so has the session
    finally:
        subprocess.run([*server, "kill-server"], env=environ, check=False, capture_output=True)


@pytest.mark.parametrize("term", ["dumb", "", None])
def test_a_terminal_that_cannot_move_its_cursor_is_refused_in_one_line(program, term):
    with opened(program, TERM=term) as tty:
        assert tty.ended() == 1
        said = tty.written.decode().strip()
        assert said.startswith("autotuner-tui: ")
        assert "\n" not in said
        assert "\x1b" not in said
        assert tty.modes == tty.found


@pytest.mark.parametrize("locale", ["C", "POSIX", "de_DE.ISO-8859-1"])
def test_without_utf8_only_ascii_is_written(program: Program, locale: str):
    with opened(program, LC_ALL=locale) as tty:
        tty.until(lambda screen: screen.modes.get(2004) and "12/12" in screen.text)
        for keys in ("2", "\r", "\x1b", "3", "4", "5", "?"):
            tty.press(keys)
            time.sleep(0.4)
        tty.press("\x1b1q")
        tty.press("q")
        assert tty.ended() == 0
        assert bytes(tty.written).isascii()
        left_as_found(tty)


def colours(written: bytes) -> set[str]:
    """All parameters of what sets colours and weights."""
    found = re.findall(rb"\x1b\[([0-9;]*)m", written)
    return {text.decode() for text in found}


def test_no_color_means_shades_of_grey(program: Program):
    with opened(program, NO_COLOR="1") as tty:
        ready(tty)
        tty.press("2")
        tty.shows("enter detail")
        tty.press("q")
        assert tty.ended() == 0
    greys = {16, 59, 102, 145, 188, 231, *range(232, 256), 0, 7, 8, 15}
    for text in colours(bytes(tty.written)):
        for number in re.findall(r"[34]8;5;(\d+)", text):
            assert int(number) in greys
        for red, green, blue in re.findall(r"[34]8;2;(\d+);(\d+);(\d+)", text):
            assert red == green == blue


def test_a_terminal_of_16_colours_gets_no_others(program: Program):
    with opened(program, TERM="xterm") as tty:
        ready(tty)
        tty.press("2")
        tty.shows("enter detail")
        tty.press("q")
        assert tty.ended() == 0
    assert not {text for text in colours(bytes(tty.written)) if re.search(r"[34]8;[25];", text)}


HOSTILE = (
    b"first line\n"
    b"\x00\x00nul MARK1\x00\n"
    b"\x1b]52;c;TUFSSzI=\x07 clipboard MARK2\n"
    b"\x1b]0;MARK3\x1b\\ title\n"
    b"\x1bP+q544e;MARK4\x1b\\ dcs\n"
    b"\x1b[6n\x1b[?1049l\x1b[?47l\x1b[2J\x1b[H\x1b[31mred MARK5\x1b[0m\n"
    b"\x1b[20;20Hmoved\x1b[5i printed\x1b[?25h\x1bc reset MARK6\n"
    b"\x9b31m\x9d52;c;TUFSSzc=\x9c c1 MARK7\n"
    b"\xc2\x9b2J\xc2\x9d0;MARK8\xc2\x9c c1 in UTF-8\n"
    b"10%\r20%\r100% progress MARK9\n"
    + bytes(range(256)) + b" binary\n"
    + b"\xff\xfe\xf0\x9f" * 100 + b" broken UTF-8\n"
    + b"x" * 10_000_000 + b" long\n"
    b"\x1b[8;1;1t\x1b]8;;http://example.com\x07link\x1b]8;;\x07\n"
    b"the last line MARKEND\n"
)  # fmt: skip


def test_a_hostile_log_is_shown_and_nothing_of_it_reaches_the_terminal(
    program: Program, tmp_path: Path
):
    home = Home(tmp_path / "hostile")
    fill(home, 3, name="hostile")
    for number in range(3):
        path = home.start(TASK, number, 1) / "engine.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(HOSTILE)
    own = Program(home.root, program.cwd)
    try:
        with opened(own) as tty:
            tty.until(lambda screen: screen.modes.get(2004) and "3/3" in screen.text)
            tty.press("3")
            tty.shows("MARKEND")
            for keys in ("k", "k", "k", "k", "k", "g", "j", "j", "w", "w", "L", "H", "t", "G"):
                tty.press(keys)
                time.sleep(0.2)
            tty.shows("MARKEND")
            assert tty.screen.alternate
            assert not tty.screen.modes[25]
            tty.press("q")
            assert tty.ended() == 0
            left_as_found(tty)
        written = bytes(tty.written)
        for evil in (
            b"\x1b]52", b"\x1b]0;", b"\x1bP", b"\x1b[6n", b"\x1b[2J", b"\x1b[5i", b"\x1bc",
            b"\x1b]8;", b"\x1b[8;1;1t", b"\x1b[?47l", b"\x1b[20;20H", b"\x00",
        ):  # fmt: skip
            assert evil not in written
        # Bytes above 127 are parts of characters, and no character is a control of 8 bits.
        assert not [c for c in written.decode("utf-8") if "\x80" <= c < "\xa0"]
    finally:
        own.close()


def _broken(tmp_path: Path, kind: str) -> Home:
    """A home whose journal cannot be used."""
    home = Home(tmp_path / kind).create()
    if kind == "missing":
        return home
    fill(home, 3)
    with closing(sqlite3.connect(home.database, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        if kind == "newer":
            db.execute("UPDATE schema_version SET version = 99")
    if kind == "corrupt":
        data = home.database.read_bytes()
        home.database.write_bytes(data[:100] + bytes(reversed(data[100:])))
    if kind == "no database":
        home.database.write_bytes(b"hello" * 1000)
    return home


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("newer", "version 99"),
        ("corrupt", "cannot be"),
        ("no database", "not a database"),
    ],
)
def test_a_journal_that_cannot_be_used_is_said_plainly(program, tmp_path, kind, said):
    own = Program(_broken(tmp_path, kind).root, program.cwd)
    with opened(own) as tty:
        tty.until(lambda screen: screen.modes.get(2004))
        tty.until(lambda screen: said in " ".join(screen.text.split()))
        for keys in ("2", "3", "4", "5", "1"):
            tty.press(keys)
            time.sleep(0.2)
        assert tty.alive
        assert "Traceback" not in tty.screen.text
        tty.press("q")
        assert tty.ended() == 0
        left_as_found(tty)
    own("runner", "stop")


def test_a_journal_that_is_not_there_yet_is_made(program: Program, tmp_path: Path):
    own = Program(_broken(tmp_path, "missing").root, program.cwd)
    try:
        with opened(own) as tty:
            tty.shows("No tasks yet")
            tty.shows("● runner")
            assert Home(own.home).database.exists()
            tty.press("q")
            assert tty.ended() == 0
            left_as_found(tty)
    finally:
        own.close()


def test_a_locked_journal_is_said_and_read_when_it_is_let_go(program: Program, tmp_path: Path):
    home = _broken(tmp_path, "locked")
    own = Program(home.root, program.cwd)
    db = sqlite3.connect(home.database, isolation_level=None)
    try:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("BEGIN EXCLUSIVE")
        db.execute("UPDATE tasks SET note = 'mine'")
        with opened(own) as tty:
            tty.until(lambda screen: screen.modes.get(2004) and "locked" in screen.text, 120)
            db.execute("ROLLBACK")
            db.close()
            tty.shows("3/3", 120)
            tty.press("q")
            assert tty.ended() == 0
            left_as_found(tty)
    finally:
        db.close()
        own.close()


def test_a_runner_that_dies_while_it_is_watched_is_replaced(program: Program):
    with opened(program) as tty:
        ready(tty)
        first = until(lambda: _runner(program))
        os.kill(first, signal.SIGKILL)
        until(lambda: _runner(program) not in (None, first))
        tty.shows("● runner")
        tty.shows("12/12")
        tty.press("q")
        assert tty.ended() == 0
        left_as_found(tty)


def _runner(program: Program) -> int | None:
    try:
        found = int(json.loads(Home(program.home).lock.read_text())["pid"])
    except (ValueError, KeyError):
        return None
    return found if psutil.pid_exists(found) else None


def test_what_it_prints_when_it_is_left(program: Program):
    with opened(program) as tty:
        ready(tty)
        tty.press("q")
        assert tty.ended() == 0
        after = bytes(tty.written).rpartition(TEXT_ENDS[0])[2]
        assert TEXT_ENDS[1] in after
        screen = Screen()
        screen.feed(after)
        assert "the runner goes on" in screen.text
