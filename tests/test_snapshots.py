"""Every screen as text, at both sizes, beside what it showed when somebody last looked at it.

AUTOTUNER_SNAPSHOTS=write draws them anew; the change is then seen in the diff. Where the eye
is wanted, `python -m tests.tui_pictures FOLDER` draws them in colour.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.paths import Home
from tests.tui_console import NARROW, WIDE
from tests.tui_pictures import SCREENS, Picture, draw_text, write_logs

FOLDER = Path(__file__).with_name("snapshots")
SHOWN = {
    "tasks", "tasks-empty", "task", "task-filter", "compare", "plots-1", "plots-2", "plots-3",
    "plots-4", "experiment-failed", "experiment-measured", "log", "log-filter", "new",
    "help-task", "palette", "themes", "budget", "add", "export", "confirm", "gpus-8",
    "containers-list", "containers-one", "verdicts", "verdict-winner", "verdict-tie",
    "verdict-none", "verdict-confirming", "verdict-few", "levels", "levels-middle", "levels-below",
    "levels-plot", "levels-ttft", "tie-compared",
    "check", "check-refused", "environment", "environment-benchmark",
}  # fmt: skip
CHOSEN = [picture for picture in SCREENS if picture.name in SHOWN]


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The screens show the time of day."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "120x40"])
@pytest.mark.parametrize("picture", CHOSEN, ids=lambda picture: picture.name)
async def test_screen(tmp_path: Path, picture: Picture, size: tuple[int, int]) -> None:
    home = Home(tmp_path)
    write_logs(home)
    shown = await draw_text(picture, home, size)
    file = FOLDER / f"{picture.name}-{size[0]}x{size[1]}.txt"
    if os.environ.get("AUTOTUNER_SNAPSHOTS") == "write":
        file.write_text(shown, encoding="utf-8")
    assert shown == file.read_text(encoding="utf-8")


def test_no_snapshot_is_left_of_a_screen_that_is_gone() -> None:
    names = {
        f"{picture.name}-{size[0]}x{size[1]}.txt" for picture in CHOSEN for size in (NARROW, WIDE)
    }
    assert {file.name for file in FOLDER.iterdir()} == names
