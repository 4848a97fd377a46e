"""Draws the console's screens as SVG files: python -m tests.tui_pictures FOLDER."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from core.paths import Home
from core.store.views import RunnerView
from tests.container_samples import HOSTILE, LIVE, NOTHING, WITHOUT_DOCKER
from tests.gpu_samples import MACHINES, history
from tests.tui_sample import CHAT, DETAIL, NOW, FakeSource
from tui.app import AutotunerApp
from tui.screens.gpus import GpusScreen

_KEYS = {
    "tasks": (),
    "task": ("2",),
    "score": ("2", "o"),
    "experiment": ("2", "j", "j", "j", "j", "enter"),
    "measured": ("2", "j", "j", "j", "enter"),
    "log": ("3",),
    "help": ("question_mark",),
    "confirm": ("j", "x"),
}


async def draw(folder: Path, home: Home, size: tuple[int, int]) -> None:
    for name, keys in _KEYS.items():
        app = AutotunerApp(FakeSource(DETAIL), home, clock=lambda: NOW)
        async with app.run_test(size=size, tooltips=False, notifications=False) as pilot:
            await _until(pilot, lambda: app.detail is not None)  # noqa: B023
            await pilot.press(*keys)
            await pilot.pause(0.4)
            text = app.export_screenshot(simplify=True)
        _write(folder / f"{name}-{size[0]}x{size[1]}.svg", text)
    app = AutotunerApp(FakeSource(tasks=()), home, clock=lambda: NOW)
    async with app.run_test(size=size) as pilot:
        await _until(pilot, lambda: app.snapshot.loaded)
        await pilot.pause(0.1)
        text = app.export_screenshot(simplify=True)
    _write(folder / f"empty-{size[0]}x{size[1]}.svg", text)


async def draw_gpus(folder: Path, home: Home, size: tuple[int, int]) -> None:
    for name, live in MACHINES.items():
        source = FakeSource(DETAIL)
        source.seen = live
        await _draw_gpus(source, home, size, folder / f"gpus-{name}-{size[0]}x{size[1]}.svg")
    source = FakeSource(tasks=())
    source.alive = RunnerView(alive=False)
    await _draw_gpus(source, home, size, folder / f"gpus-unseen-{size[0]}x{size[1]}.svg")


async def _draw_gpus(source: FakeSource, home: Home, size: tuple[int, int], path: Path) -> None:
    app = AutotunerApp(source, home, clock=lambda: NOW)
    async with app.run_test(size=size) as pilot:
        await _until(pilot, lambda: app.snapshot.loaded)
        screen = GpusScreen()
        app.switch_screen(screen)
        await pilot.pause(0.1)
        app.snapshot = replace(app.snapshot, history=history(source.seen))
        await pilot.press("j")
        screen.show()
        await pilot.pause(0.1)
        _write(path, app.export_screenshot(simplify=True))


async def draw_containers(folder: Path, home: Home, size: tuple[int, int]) -> None:
    for name, live, keys in (
        ("list", LIVE, ()),
        ("one", LIVE, ("enter",)),
        ("foreign", LIVE, ("G", "enter")),
        ("stop", LIVE, ("x",)),
        ("none", NOTHING, ()),
        ("docker", WITHOUT_DOCKER, ()),
        ("hostile", replace(LIVE, containers=(*LIVE.containers, HOSTILE)), ()),
    ):
        source = FakeSource(DETAIL)
        source.seen = live
        app = AutotunerApp(source, home, clock=lambda: NOW)
        async with app.run_test(size=size) as pilot:
            await _until(pilot, lambda: app.snapshot.loaded)  # noqa: B023
            await pilot.press("5")
            await pilot.pause(0.1)
            await pilot.press(*keys)
            await pilot.pause(0.2)
            text = app.export_screenshot(simplify=True)
        _write(folder / f"containers-{name}-{size[0]}x{size[1]}.svg", text)


def _write(path: Path, svg: str) -> None:
    # Without this, some renderers swallow the blanks at the edges of a text.
    path.write_text(svg.replace("<text ", '<text xml:space="preserve" '), encoding="utf-8")


async def _until(pilot, wanted) -> None:
    for _ in range(100):
        if wanted():
            return
        await pilot.pause(0.02)
    raise AssertionError("the console did not get there")


async def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    home = Home(folder / "home")
    log = home.start(CHAT.id, 8, 1) / "engine.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        f"INFO 11-23 14:0{n // 60 % 10}:{n % 60:02d} [loader.py:{n}] Loading shard {n}/90"
        for n in range(90)
    ]
    lines[80] = "WARNING 11-23 14:01:58 [config.py:12] [/tmp/x] [red] max_model_len is large"
    lines[84] = (
        "\x1b[31mERROR\x1b[0m 11-23 14:02:09 [core.py:7] ValueError: no room for the KV cache"
    )
    log.write_text("\n".join(lines) + "\n")
    for size in ((80, 24), (120, 40)):
        await draw(folder, home, size)
        await draw_gpus(folder, home, size)
        await draw_containers(folder, home, size)


if __name__ == "__main__":
    asyncio.run(main())
