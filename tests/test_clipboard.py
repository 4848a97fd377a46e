"""Copying: tmux, OSC 52, and always a file."""

from __future__ import annotations

import asyncio
import base64
import os
import stat
import time
from pathlib import Path

import pytest

from tests.tui_console import console, said, until
from tests.tui_sample import DETAIL, FakeSource
from tui.clipboard import Clipboard

MOST = 74_994


async def put(folder: Path, text: str, environ: dict[str, str], write=None) -> str:
    return await Clipboard(folder, environ).put(text, "12 lines", write)


def fake_tmux(folder: Path, script: str) -> dict[str, str]:
    """A folder with a program tmux in it, as the environment of a process that finds it."""
    path = folder / "bin" / "tmux"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {"TMUX": "/tmp/tmux-0/default,1,0", "PATH": f"{path.parent}:{os.environ['PATH']}"}


async def test_outside_tmux_the_terminal_is_told(tmp_path):
    written: list[str] = []
    answer = await put(tmp_path, "a\nü\x1b]52;c;?\a", {}, written.append)
    assert answer == f"copied 12 lines (also in {tmp_path / 'clipboard.txt'})"
    (code,) = written
    assert code.startswith("\x1b]52;c;")
    assert code.endswith("\a")
    # Whatever is copied, only letters reach the terminal.
    assert base64.b64decode(code[7:-1], validate=True) == "a\nü\x1b]52;c;?\a".encode()


async def test_the_file_is_for_the_user_alone_and_has_every_byte(tmp_path):
    path = tmp_path / "clipboard.txt"
    path.write_text("old")
    path.chmod(0o644)
    await put(tmp_path, "a\r\nb\ud800", {})
    assert path.read_bytes() == b"a\r\nb?"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["clipboard.txt"]


@pytest.mark.parametrize("length", [MOST // 4 * 3, MOST // 4 * 3 + 3])
async def test_more_than_terminals_take_is_only_in_the_file(tmp_path, length):
    written: list[str] = []
    answer = await put(tmp_path, "x" * length, {}, written.append)
    fits = (length + 2) // 3 * 4 <= MOST
    assert bool(written) is fits
    assert ("clipboard could not be reached" in answer) is not fits
    assert (tmp_path / "clipboard.txt").stat().st_size == length


async def test_inside_tmux_its_buffer_is_loaded(tmp_path, monkeypatch):
    environ = fake_tmux(tmp_path, f'echo "$@" > {tmp_path}/args; cat > {tmp_path}/stdin')
    monkeypatch.setenv("PATH", environ["PATH"])
    written: list[str] = []
    answer = await put(tmp_path, "one\ntwo\n", environ, written.append)
    assert (tmp_path / "args").read_text() == "load-buffer -w -\n"
    assert (tmp_path / "stdin").read_text() == "one\ntwo\n"
    assert written == []
    assert answer.startswith("copied 12 lines (also in")


@pytest.mark.parametrize("script", ["exit 1", "sleep 60", "exec kill -9 $$"])
async def test_a_tmux_that_fails_or_hangs_leaves_the_file(tmp_path, monkeypatch, script):
    environ = fake_tmux(tmp_path, script)
    monkeypatch.setenv("PATH", environ["PATH"])
    began = time.monotonic()
    answer = await put(tmp_path, "x" * 1_000_000, environ)
    assert time.monotonic() - began < 30
    assert "the clipboard could not be reached" in answer
    assert (tmp_path / "clipboard.txt").stat().st_size == 1_000_000


async def test_a_tmux_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "could not be reached" in await put(tmp_path, "x", {"TMUX": "x"})


async def test_a_home_that_cannot_be_written(tmp_path):
    written: list[str] = []
    missing = tmp_path / "missing"
    assert await put(missing, "x", {}, written.append) == "copied 12 lines"
    assert "could not be copied" in await put(missing, "x", {})


async def test_the_console_copies_and_says_so(tmp_path, monkeypatch):
    monkeypatch.delenv("TMUX", raising=False)
    async with console(FakeSource(DETAIL), tmp_path) as (app, pilot):
        await pilot.press("j", "Y")
        path = tmp_path / "clipboard.txt"
        await until(pilot, lambda: path.exists() and said(app))
        assert path.read_text() == "vllm serve Qwen/Qwen3-8B --number 5"
        assert said(app) == [f"copied the command of qwen3-8b-chat #5 (also in {path})"]


async def test_many_copies_at_once_leave_one_whole_file(tmp_path):
    clipboard = Clipboard(tmp_path, {})
    texts = [str(n) * 100_000 for n in range(8)]
    await asyncio.gather(*(clipboard.put(text, "x", None) for text in texts))
    assert (tmp_path / "clipboard.txt").read_text() in texts
