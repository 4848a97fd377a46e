"""The new task: its file in an editor and saved, and what other processes say of it."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from core.paths import Home
from core.task import parse
from core.values import AutotunerError
from tests.form_console import (
    WIDE,
    field_text,
    form,
    nobody_answers,
    said,
    text,
    until,
    write,
)
from tests.tui_sample import DETAIL, FakeSource
from tui import asking
from tui.app import AutotunerApp
from tui.asking import Checked
from tui.screens.confirm import ConfirmScreen
from tui.widgets.prompt import Prompt

__all__ = ["nobody_answers"]
pytestmark = pytest.mark.usefixtures("nobody_answers")


async def test_saving_asks_before_it_writes_over(tmp_path):
    async with form(FakeSource(DETAIL), tmp_path) as (app, pilot, screen):
        await write(pilot, "org/chat")
        await pilot.press("f2")
        await until(pilot, lambda: screen.query_one(Prompt).open)
        await pilot.press("enter")
        path = tmp_path / "chat.yaml"
        await until(pilot, path.exists)
        assert parse(path.read_text(), "chat.yaml", tmp_path).model == "org/chat"
        await until(pilot, lambda: "saved as chat.yaml" in said(app))
        path.write_text("mine")
        await pilot.press("f2", "enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("n")
        await until(pilot, lambda: app.screen is screen)
        assert path.read_text() == "mine"
        await pilot.press("f2", "enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: path.read_text() != "mine")
        await pilot.press("f2", "ctrl+u")
        await write(pilot, "no/such/folder.yaml")
        await pilot.press("enter")
        await until(pilot, lambda: any("cannot be written" in one for one in said(app)))
        assert app.screen is screen


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """$EDITOR is a shell script; the terminal of a test can be lent to it."""

    def use(script: str) -> None:
        path = tmp_path / "my editor"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.delenv("VISUAL", raising=False)
        monkeypatch.setenv("EDITOR", f"'{path}' --wait")
        monkeypatch.setattr(AutotunerApp, "suspend", lambda self: contextlib.nullcontext())

    return use


async def test_the_yaml_in_an_editor(tmp_path, editor):
    editor('test "$1" = --wait && printf "seed: 7\\n# mine\\nslo: {ttft_p95: 1s}\\n" >> "$2"')
    async with form(FakeSource(DETAIL), tmp_path, WIDE) as (app, pilot, screen):
        await write(pilot, "a/b")
        await pilot.press("f4")
        await until(pilot, lambda: screen.form.rows("slo").pairs == (("ttft_p95", "1s"),))
        await until(pilot, lambda: "in the file: seed" in text(app))
        assert "# mine" in screen.text
        assert field_text(screen, "model") == "a/b"


async def test_an_editor_that_breaks_the_file_or_is_not_there(tmp_path, editor, monkeypatch):
    editor('printf "a: [" > "$2"')
    async with form(FakeSource(DETAIL), tmp_path) as (app, pilot, screen):
        await write(pilot, "a/b")
        await pilot.press("f4")
        await until(pilot, lambda: said(app))
        assert "f4 opens it again" in said(app)[0]
        assert field_text(screen, "model") == "a/b"
        editor('grep -q "a: \\[" "$2" && printf "model: c/d\\nengine: sglang\\n" > "$2"')
        await pilot.press("f4")
        await until(pilot, lambda: field_text(screen, "model") == "c/d")
        monkeypatch.setenv("EDITOR", "no-such-editor-here")
        await pilot.press("f4")
        await until(pilot, lambda: len(said(app)) > 1)
        assert "$EDITOR 'no-such-editor-here' cannot be run" in said(app)[1]


def test_which_editor(monkeypatch, tmp_path):
    with pytest.raises(AutotunerError, match="set \\$EDITOR"):
        asking.edited("x", {"PATH": str(tmp_path)})
    with pytest.raises(AutotunerError, match="VISUAL opens a quote"):
        asking.edited("x", {"VISUAL": "'vi", "EDITOR": "true"})
    with pytest.raises(AutotunerError, match="ended with status 1"):
        asking.edited("x", {"EDITOR": "false"})
    assert asking.edited("x\n", {"EDITOR": "true"}) == "x\n"


async def test_a_real_check(tmp_path, monkeypatch):
    monkeypatch.undo()
    home = Home(tmp_path / "home").create()
    text = "name: x\nmodel: sim-8b\nengine: simulated\nparameters: {max-num-seqs: [8, 16]}\n"
    plan = await asking.check(text, home)
    assert (plan.configurations, plan.experiments) == (2, 3)
    assert "core.engines.simserver --model sim-8b" in plan.baseline
    assert plan.seconds > 0
    with pytest.raises(AutotunerError) as caught:
        await asking.check(text + "parallel: {dp: 2}\n", home)
    assert str(caught.value).startswith("parallel.dp: simulated has no such axis")


async def test_a_real_check_from_the_form(tmp_path, monkeypatch):
    real = asking.answer

    async def check(text: str, home: Home) -> Checked:
        words = ("check", str(_written(tmp_path, text)), "--json")
        status, out, error = await real(words, home, 60)
        plan = asking._document(status, out, error, good={0, 1})["plan"]
        return Checked(plan["configurations"], plan["experiments"], (), plan["seconds"], "…")

    monkeypatch.setattr(asking, "check", check)
    async with form(FakeSource(DETAIL), tmp_path / "home") as (app, pilot, screen):
        await write(pilot, "sim-8b")
        await pilot.press("tab", "left")
        await until(pilot, lambda: "engine: simulated" in screen.text)
        await until(pilot, lambda: "12 configurations and the baseline" in text(app))


def _written(folder: Path, text: str) -> Path:
    path = folder / "asked.yaml"
    path.write_text(text)
    return path


async def test_an_answer_that_takes_too_long_is_ended(tmp_path, monkeypatch):
    home = Home(tmp_path)
    monkeypatch.setattr("sys.executable", "/bin/sh")
    # `sh -P -m tui.main …` is refused by every shell at once: a status, and no document.
    assert (await asking.answer(("check",), home, 30))[0] != 0
    script = tmp_path / "slow"
    script.write_text("#!/bin/sh\nsleep 600 & echo $! > child\nwait\n")
    script.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(script))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AutotunerError, match="no answer within 1 s"):
        await asking.answer(("check",), home, 1.0)
    child = int((tmp_path / "child").read_text())
    for _ in range(500):
        if not Path(f"/proc/{child}").exists() or "Z" in _state(child):
            break
        await asyncio.sleep(0.02)
    else:
        raise AssertionError("what it started goes on")


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"
