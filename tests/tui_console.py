"""The console on a journal that a test holds, and how tests wait and look."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from textual.app import App
from textual.pilot import Pilot

from core.paths import Home
from tests.tui_sample import NOW, FakeSource
from tui.app import AutotunerApp

NARROW, WIDE = (80, 24), (120, 40)


@asynccontextmanager
async def console(
    source: FakeSource,
    home: Path,
    size: tuple[int, int] = NARROW,
    task: str | None = None,
    user: Path | None = None,
    theme: str | None = None,
) -> AsyncIterator[tuple[AutotunerApp, Pilot[None]]]:
    app = AutotunerApp(source, Home(home), task, clock=lambda: NOW, user=user, theme=theme)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.snapshot.loaded)
        await pilot.pause()
        yield app, pilot


async def until(pilot: Pilot[None], wanted: Callable[[], object]) -> None:
    for _ in range(750):  # a busy machine may take its time
        if wanted():
            return
        await pilot.pause(0.02)
    raise AssertionError(f"the console did not get there; it shows:\n{text(pilot.app)}")


def text(app: App[None]) -> str:
    """What is on the screen, line by line."""
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in lines)


def said(app: App[None]) -> list[str]:
    """What toasts say."""
    return [one.message for one in app._notifications]
