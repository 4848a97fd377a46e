"""Draws the console's screens as SVG files: python -m tests.tui_pictures FOLDER [NAME…]."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from textual.pilot import Pilot

from core.paths import Home
from core.store.views import LiveView, RunnerView
from tests import tui_trust
from tests.container_samples import HOSTILE, LIVE, NOTHING, WITHOUT_DOCKER
from tests.gpu_samples import MACHINES, history
from tests.tui_console import NARROW, WIDE, console, text, until
from tests.tui_sample import CHAT, DETAIL, REFUSED, WARNED, FakeSource
from tui.app import AutotunerApp
from tui.asking import Checked

THEMES = ("autotuner-dark", "autotuner-light")
_SETTLES = 0.35  # seconds: longer than what is read a moment after the last key
_FOR_EVER = {"watching", "heartbeat", "reading the log"}


@dataclass(frozen=True, slots=True)
class Picture:
    """`keys` lead to it from the list of tasks; an entry of several letters is typed. `verdicts`:
    on the tasks of `tests.tui_trust`.
    """

    name: str
    keys: tuple[str, ...] = ()
    live: LiveView = NOTHING
    empty: bool = False
    verdicts: bool = False
    checks: Checked = WARNED


_TASK = ("2", "g", "j", "j", "j")
_VERDICTS = ("winner", "tie", "not-better", "unconfirmed", "none", "confirming", "few", "waiting")


def _at(name: str, *keys: str) -> tuple[str, ...]:
    """Opened from the list."""
    return (*("j",) * _VERDICTS.index(name), "enter", *keys)


SCREENS = (
    Picture("tasks"),
    Picture("verdicts", verdicts=True),
    *(Picture(f"verdict-{name}", _at(name), verdicts=True) for name in _VERDICTS),
    Picture("levels", _at("winner", "j", "enter"), verdicts=True),
    Picture("levels-below", _at("winner", "j", "enter", "G"), verdicts=True),
    Picture("levels-middle", _at("winner", "j", "enter", "pagedown"), verdicts=True),
    Picture("levels-plot", _at("winner", "v", "tab"), verdicts=True),
    Picture("levels-ttft", _at("winner", "v", "tab", "m"), verdicts=True),
    Picture("tie-compared", _at("tie", "space", "j", "space", "c"), verdicts=True),
    Picture("tasks-marked", ("space", "space")),
    Picture("tasks-empty", empty=True),
    Picture("task", ("2",)),
    Picture("task-filter", ("2", "slash", "ttft_p95<0.4")),
    Picture("task-sort", ("2", "s")),
    Picture("task-columns", ("2", "C")),
    Picture("compare", (*_TASK, "space", "j", "space", "c")),
    Picture("compare-all", (*_TASK, "space", "j", "space", "c", "a", "tab")),
    Picture("plots-1", ("2", "v")),
    Picture("plots-2", ("2", "v", "tab")),
    Picture("plots-3", ("2", "v", "tab", "tab")),
    Picture("plots-4", ("2", "v", "tab", "tab", "tab")),
    Picture("experiment-failed", (*_TASK, "j", "enter")),
    Picture("experiment-measured", (*_TASK, "enter")),
    Picture("log", ("3",)),
    Picture("log-filter", ("3", "slash", "error", "enter")),
    Picture("log-zoom", ("3", "z")),
    Picture("new", ("n",)),
    Picture("new-help", ("n", "f1")),
    Picture("check", ("2", "K")),
    Picture("check-refused", ("2", "K"), checks=REFUSED),
    Picture("environment", ("2", "l", "E")),
    Picture("environment-benchmark", ("2", "l", "E", "tab")),
    *(
        Picture(f"help-{name}", (*keys, "question_mark"))
        for name, keys in (
            ("tasks", ()), ("task", ("2",)), ("log", ("3",)), ("gpus", ("4",)),
            ("containers", ("5",)), ("plots", ("2", "v")),
            ("experiment", (*_TASK, "enter")), ("compare", (*_TASK, "space", "j", "space", "c")),
        )
    ),
    Picture("palette", ("2", "colon")),
    Picture("palette-narrowed", ("2", "colon", "copy")),
    Picture("themes", ("T",)),
    Picture("budget", ("j", "b")),
    Picture("add", ("2", "j", "a")),
    Picture("export", ("j", "e")),
    Picture("confirm", ("j", "x")),
    *(Picture(f"gpus-{name}", ("4", "j"), live) for name, live in MACHINES.items()),
    Picture("gpus-unseen", ("4",), empty=True),
    *(
        Picture(f"containers-{name}", ("5", *keys), live)
        for name, live, keys in (
            ("list", LIVE, ()),
            ("one", LIVE, ("enter",)),
            ("foreign", LIVE, ("G", "enter")),
            ("stop", LIVE, ("x",)),
            ("none", NOTHING, ()),
            ("docker", WITHOUT_DOCKER, ()),
            ("hostile", replace(LIVE, containers=(*LIVE.containers, HOSTILE)), ()),
        )
    ),
)  # fmt: skip


@asynccontextmanager
async def opened(
    picture: Picture, home: Home, size: tuple[int, int], theme: str
) -> AsyncIterator[AutotunerApp]:
    """The console with the picture's keys pressed and nothing left to be read."""
    source = FakeSource(tasks=()) if picture.empty else FakeSource(DETAIL)
    if picture.verdicts:
        source = FakeSource(*tui_trust.DETAILS, tasks=tui_trust.TASKS)
        source.files = dict.fromkeys(source.details, tui_trust.FILE)
    source.seen, source.checks = picture.live, picture.checks
    if picture.empty:
        source.alive = RunnerView(alive=False)
    async with console(source, home.root, size, theme=theme) as (app, pilot):
        if not (picture.empty or picture.verdicts):
            await until(pilot, lambda: app.overview is not None)
        app.snapshot = replace(app.snapshot, history=history(picture.live))
        for keys in picture.keys:
            named = len(keys) == 1 or keys in _NAMED
            await pilot.press(*((keys,) if named else keys))
            await settled(pilot)
        yield app


async def settled(pilot: Pilot[None]) -> None:
    """Until no reading is under way and the screen stays as it is."""
    seen, since = "", time.monotonic()
    while time.monotonic() - since < _SETTLES:
        await pilot.pause(0.05)
        shown = text(pilot.app)
        busy = any(
            worker.is_running and worker.name not in _FOR_EVER for worker in pilot.app.workers
        )
        if busy or shown != seen:
            seen, since = shown, time.monotonic()


async def draw(picture: Picture, home: Home, size: tuple[int, int], theme: str) -> str:
    """The screen as SVG."""
    async with opened(picture, home, size, theme) as app:
        svg = app.export_screenshot(simplify=True)
    # Without this, some renderers swallow the blanks at the edges of a text.
    return svg.replace("<text ", '<text xml:space="preserve" ')


async def draw_text(picture: Picture, home: Home, size: tuple[int, int]) -> str:
    """The screen as plain text."""
    async with opened(picture, home, size, THEMES[0]) as app:
        return text(app) + "\n"


_NAMED = {"space", "enter", "tab", "slash", "colon", "question_mark", "escape", "f1", "pagedown"}


def write_logs(home: Home) -> None:
    """An engine's log for each experiment that the pictures show."""
    lines = [
        f"INFO 11-23 14:0{n // 60 % 10}:{n % 60:02d} [loader.py:{n}] Loading shard {n}/90"
        for n in range(90)
    ]
    lines[80] = "WARNING 11-23 14:01:58 [config.py:12] [/tmp/x] [red] max_model_len is large"
    lines[84] = (
        "\x1b[31mERROR\x1b[0m 11-23 14:02:09 [core.py:7] ValueError: no room for the KV cache"
    )
    for number in range(9):
        log = home.start(CHAT.id, number, 1) / "engine.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("\n".join(lines) + "\n")


def wanted(names: Sequence[str]) -> Iterator[Picture]:
    """Those whose names begin with one of `names`; all when none is given."""
    for picture in SCREENS:
        if not names or any(picture.name.startswith(name) for name in names):
            yield picture


async def main() -> None:
    folder = Path(sys.argv[1])
    home = Home(folder / "home")
    write_logs(home)
    for picture in wanted(sys.argv[2:]):
        for theme in THEMES:
            for size in (NARROW, WIDE):
                name = f"{picture.name}-{size[0]}x{size[1]}-{theme.rpartition('-')[2]}.svg"
                (folder / name).write_text(await draw(picture, home, size, theme), "utf-8")


if __name__ == "__main__":
    asyncio.run(main())
