"""A console with the form of a new task open, for tests that drive it by keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from core.paths import Home
from core.values import AutotunerError
from tests.tui_sample import NOW, FakeSource
from tui import asking
from tui.app import AutotunerApp
from tui.asking import Checked, Found, Model
from tui.screens.new import NewScreen
from tui.screens.preflight import PreflightScreen
from tui.widgets.field import TextField

NARROW, WIDE = (80, 24), (120, 40)
FULL = (Path(__file__).parents[1] / "examples" / "vllm-gpu.yaml").read_text()
PLAN = Checked(
    24, 25, (("a >= b", 6),), 22_500.0, "vllm serve Qwen/Qwen3-8B --seed 0",
    (Found("failure", "program", "vllm is not there", "install it"),),
)  # fmt: skip
KEYS = {"/": "slash", "-": "minus", ".": "full_stop", ",": "comma", " ": "space",
         "_": "underscore", "?": "question_mark", ":": "colon"}  # fmt: skip


@asynccontextmanager
async def form(
    source: FakeSource, home: Path, size: tuple[int, int] = NARROW, key: str = "n"
) -> AsyncIterator[tuple[AutotunerApp, Pilot, NewScreen]]:
    app = AutotunerApp(source, Home(home), clock=lambda: NOW)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.snapshot.loaded)
        screen = await opened(app, pilot, key)
        yield app, pilot, screen


async def opened(app: AutotunerApp, pilot: Pilot, key: str) -> NewScreen:
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, NewScreen) and app.screen.focused)
    await pilot.pause()
    assert isinstance(app.screen, NewScreen)
    return app.screen


async def start(app: AutotunerApp, pilot: Pilot) -> None:
    """f5, and enter as soon as nothing fails."""
    await pilot.press("f5")
    await until(pilot, lambda: isinstance(app.screen, PreflightScreen) and app.screen.view.ready)
    await pilot.press("enter")


async def until(pilot: Pilot, wanted: Callable[[], object]) -> None:
    for _ in range(1500):  # a busy machine may take its time
        if wanted():
            return
        await pilot.pause(0.02)
    raise AssertionError(f"the console did not get there; it shows:\n{text(pilot.app)}")


def text(app) -> str:
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in lines)


async def write(pilot: Pilot, words: str) -> None:
    await pilot.press(*(KEYS.get(letter, letter) for letter in words))
    await pilot.pause()


def said(app: AutotunerApp) -> list[str]:
    return [one.message for one in app._notifications]


def field_text(screen: NewScreen, key: str) -> str:
    found = screen.form.field(key)
    assert isinstance(found, TextField)
    return found.text


@pytest.fixture
def nobody_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """No other process is asked, except where a test wants it."""

    async def check(text: str, home: Home) -> Checked:
        return PLAN

    async def models(text: str, home: Home) -> tuple[Model, ...]:
        raise AutotunerError("the connection to the Hub failed: no route")

    monkeypatch.setattr(asking, "check", check)
    monkeypatch.setattr(asking, "models", models)
    monkeypatch.setattr("tui.screens.new._CHECK_PAUSE", 0.01)
    monkeypatch.setattr("tui.screens.completing._SEARCH_PAUSE", 0.01)
    monkeypatch.chdir(tmp_path)
