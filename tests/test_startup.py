"""Coming up: what is imported on the way, the first frame, the settings of the console."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cli.group import cli
from core.cli.main import run
from core.paths import Home
from core.values import InputError
from tests.ansi import Screen
from tests.tui_console import NARROW, WIDE, console, text
from tests.tui_sample import CHAT, DETAIL, NOW, TASKS, FakeSource
from tui import first
from tui.console import _be_frugal, _seconds
from tui.keys.keymap import Keymap
from tui.line import width
from tui.reading import read
from tui.snapshot import Snapshot

HEAVY = {
    "genai_bench", "docker", "optuna", "pydantic", "httpx", "huggingface_hub", "tokenizers",
    "pynvml", "psutil", "requests", "transformers",
}  # fmt: skip

FRAME = """
import tui.main, core.cli.main, tui.console
from core.cli.home import find_home
from tui import first
from tui.keys.keymap import Keymap
seen = first.snapshot(find_home(), None)
assert seen.error is None, seen.error
first.written(first.frame(seen, None, Keymap(), 0.0, 80, 24), 80)
"""

CONSOLE = """
from pathlib import Path
from core.cli.home import find_home
from tui.console import _made
import tui.driver, tui.screens.tasks
_made(find_home(), None, None, Path("nowhere"), 0.25)
"""


def imported(code: str) -> set[str]:
    """The packages that are loaded after `code` ran in an interpreter of its own."""
    code += "\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    root = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": root},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    modules = json.loads(done.stdout.splitlines()[-1])
    return {name.partition(".")[0] for name in modules} | {
        name for name in modules if name.startswith("core.")
    }


def test_the_first_frame_needs_no_toolkit():
    found = imported(FRAME)
    assert not found & (HEAVY | {"textual", "click", "yaml"})
    assert not {name for name in found if name.startswith(("core.task", "core.engines"))}


def test_the_console_needs_no_engines_no_docker_and_no_benchmark():
    found = imported(CONSOLE)
    assert "textual" in found
    assert not found & HEAVY


@pytest.mark.parametrize("command", ["paths", "ls", "--version", "runner status"])
def test_a_command_brings_only_what_it_needs(command: str):
    code = f"from core.cli.main import run\nassert run({command.split()!r}, print) == 0"
    assert not imported(code) & (HEAVY | {"textual"})


def test_every_command_is_found_in_the_module_that_the_table_names():
    context = cli.make_context("autotuner-tui", ["ls"])
    names = cli.list_commands(context)
    assert {"run", "demo", "check", "ls", "show", "logs", "doctor", "runner"} <= set(names)
    for name in names:
        command = cli.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert command.get_short_help_str()
    assert sorted(cli.commands) == names  # no module has commands that the table lacks
    assert cli.get_command(context, "nothing") is None


def test_without_a_command_the_console_opens(home: Path):
    opened: list[tuple[Home, str | None]] = []

    def opener(where: Home, task: str | None) -> int:
        opened.append((where, task))
        return 3

    assert run([], opener) == 3
    assert opened == [(Home(home), None)]
    assert home.is_dir()


def test_a_home_that_cannot_be_made_is_told_in_one_line(home, monkeypatch, capsys):
    home.parent.joinpath("file").touch()
    monkeypatch.setenv("AUTOTUNER_HOME", str(home.parent / "file" / "home"))
    assert run([], lambda *_: 0) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "AUTOTUNER_HOME" in said


@pytest.mark.parametrize("size", [NARROW, WIDE, (200, 50)])
@pytest.mark.parametrize("tasks", [TASKS, ()])
async def test_the_first_frame_is_what_the_console_then_shows(home, size, tasks):
    source = FakeSource(DETAIL, tasks=tasks)
    seen = await read(source, None)
    drawn = Screen(*size)
    drawn.feed(first.written(first.frame(seen, None, Keymap(), NOW, *size), size[0]).encode())
    async with console(source, home, size) as (app, _pilot):
        assert drawn.text.rstrip() == text(app).rstrip()


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_the_first_frame_of_a_task_shows_its_head(size):
    seen = await read(FakeSource(DETAIL), CHAT.id)
    lines = first.frame(seen, CHAT.id, Keymap(), NOW, *size)
    assert CHAT.name in "".join(span.text for line in lines[1:4] for span in line)
    assert len(lines) == size[1]


@given(
    cells=st.integers(1, 300), rows=st.integers(1, 100),
    error=st.none() | st.text(), name=st.text(), task=st.none() | st.sampled_from([CHAT.id, "x"]),
)  # fmt: skip
def test_a_frame_fits_any_terminal_and_writes_no_escape_of_others(cells, rows, error, name, task):
    tasks = (replace(CHAT, name=name), *TASKS)
    view = Snapshot(tasks=tasks, error=error, loaded=True)
    lines = first.frame(view, task, Keymap(), NOW, cells, rows)
    assert len(lines) <= rows
    screen = Screen(cells, rows)
    screen.feed(first.written(lines, cells).encode())
    assert screen.strange == []
    assert screen.modes == {}


def test_a_broken_journal_is_said_in_the_first_frame(home):
    where = Home(home).create()
    where.database.write_bytes(b"this is no database, whatever its name says" * 100)
    seen = first.snapshot(where, None)
    assert seen.error is not None
    said = [("".join(span.text for span in line)) for line in
            first.frame(seen, None, Keymap(), NOW, 80, 24)]  # fmt: skip
    assert "reading failed" in said[0]
    assert all(width(line) <= 80 for line in first.frame(seen, None, Keymap(), NOW, 80, 24))


@pytest.mark.parametrize("said", ["fast", "0", "0.05", "-1", "11", "nan", "inf", "1s"])
def test_a_refresh_that_cannot_be_is_refused_in_one_line(said: str):
    with pytest.raises(InputError, match="AUTOTUNER_REFRESH") as error:
        _seconds(said)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("said", "seconds"), [(None, 0.25), ("", 0.25), ("0.1", 0.1), ("10", 10)])
def test_a_refresh_is_in_seconds(said, seconds):
    assert _seconds(said) == seconds


@pytest.mark.parametrize(
    ("given", "fps"),
    [
        ({}, None),
        ({"SSH_CONNECTION": "10.0.0.1 22 10.0.0.2 4711"}, "15"),
        ({"SSH_CONNECTION": "10.0.0.1 22 10.0.0.2 4711", "TEXTUAL_FPS": "30"}, "30"),
    ],
)
def test_a_remote_terminal_gets_fewer_repaints_and_none_gets_animations(given, fps):
    environ = dict(given)
    _be_frugal(environ)
    assert environ.get("TEXTUAL_FPS") == fps
    assert environ["TEXTUAL_ANIMATIONS"] == "none"
