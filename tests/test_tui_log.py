"""The log screen, driven by keys."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.strip import Strip

from core.paths import Home
from core.store.views import TaskDetail
from tests.tui_console import NARROW, WIDE, console, text, until
from tests.tui_sample import CHAT, DETAIL, EXPERIMENTS, TASKS, FakeSource, start
from tui.screens.log import LogScreen
from tui.screens.task import TaskScreen
from tui.widgets.logview import LogView

TINY = (20, 5)


def path_of(home: Path, experiment: int = 8, kind: str = "engine", attempt: int = 1) -> Path:
    path = Home(home).start(CHAT.id, experiment, attempt) / f"{kind}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def write(home: Path, lines: int, experiment: int = 8, kind: str = "engine") -> Path:
    path = path_of(home, experiment, kind)
    path.write_text("".join(f"{kind} line {n}\n" for n in range(lines)))
    return path


def state(app):
    return app.screen.query_one(LogView).state


def body(app) -> list[str]:
    """The log's rows, without what marks them."""
    log = app.screen.query_one(LogView)
    shown = text(app).split("\n")[log.region.y : log.region.bottom]
    return [row[3:].strip() for row in shown]


def cursor(app) -> str:
    return next((row[3:] for row in text(app).split("\n") if row.startswith("▸")), "")


class Copied:
    """Takes the place of the app's copying."""

    def __init__(self, app, monkeypatch: pytest.MonkeyPatch) -> None:
        self.texts: list[str] = []
        self.whats: list[str] = []
        monkeypatch.setattr(app, "copy", self.put)

    def put(self, text: str, what: str) -> None:
        self.texts.append(text)
        self.whats.append(what)


async def test_follows_until_scrolled_up(tmp_path):
    path = write(tmp_path, 200)
    async with console(FakeSource(DETAIL), tmp_path, task=CHAT.id) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: "engine line 199" in text(app))
        assert "following ▼" in text(app)
        await pilot.press("k", "k", "pageup")
        await until(pilot, lambda: "engine line 199" not in text(app))
        before = body(app)
        with path.open("a") as file:
            file.write("\x1b[31mERROR [/tmp/x] [red]\x1b[0m\nlast\n")
        await until(pilot, lambda: "+2 lines" in text(app))
        assert body(app) == before
        assert state(app).unseen == 2
        await pilot.press("f")
        await until(pilot, lambda: "last" in text(app))
        assert "✖ ERROR [/tmp/x] [red]" in text(app)
        assert "following ▼" in text(app)


@pytest.mark.parametrize("keys", [("G",), ("end",), ("pagedown", "pagedown"), ("j", "j", "j")])
async def test_reaching_the_end_follows_again(tmp_path, keys):
    write(tmp_path, 100)
    async with console(FakeSource(DETAIL), tmp_path, task=CHAT.id) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: "engine line 99" in text(app))
        await pilot.press("k", "k", "k")
        await until(pilot, lambda: not state(app).following)
        await pilot.press(*keys)
        await until(pilot, lambda: state(app).following)
        assert cursor(app) == "engine line 99"


async def test_comes_later_and_starts_anew(tmp_path):
    async with console(FakeSource(DETAIL), tmp_path, task=CHAT.id) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: "No engine log yet." in text(app))
        path = write(tmp_path, 3)
        await until(pilot, lambda: "engine line 2" in text(app))
        path.write_text("fresh\n")
        await until(pilot, lambda: "fresh" in text(app) and "engine line" not in text(app))
        other = tmp_path / "other"
        other.write_text("rotated\n" * 99)
        other.replace(path)
        await until(pilot, lambda: "rotated" in text(app) and "fresh" not in text(app))
        assert state(app).following


async def test_benchmark_and_other_experiments(tmp_path):
    for number, kind in ((8, "engine"), (8, "benchmark"), (7, "benchmark"), (4, "engine")):
        write(tmp_path, number, number, kind)
    async with console(FakeSource(DETAIL), tmp_path, task=CHAT.id) as (app, pilot):
        await pilot.press("3", "tab")
        await until(pilot, lambda: "benchmark line 7" in text(app))
        await pilot.press("[")
        await until(pilot, lambda: "#7 benchmark" in text(app) and "benchmark line 6" in text(app))
        await pilot.press("]")
        await until(pilot, lambda: "#8 benchmark" in text(app) and "benchmark line 7" in text(app))
        await pilot.press("]")
        await until(pilot, lambda: "#8 is the last one" in text(app))
        app.open_log(4)
        await until(pilot, lambda: "#4 engine" in text(app) and "engine line 3" in text(app))
        await pilot.press("escape")
        assert isinstance(app.screen, TaskScreen)


async def test_opens_at_the_line_that_proves_a_failure(tmp_path):
    write(tmp_path, 1000, 4)
    async with console(FakeSource(DETAIL), tmp_path, task=CHAT.id) as (app, pilot):
        app.open_log(4, 212)
        await until(pilot, lambda: "engine line 211" in text(app))
        assert cursor(app) == "engine line 211"
        assert not state(app).following
        assert "engine line 207" in text(app)  # with what stood before it
        app.open_log(4, 5000)
        await until(pilot, lambda: cursor(app) == "engine line 999")
        assert not state(app).following


async def test_a_line_that_is_written_later_is_gone_to_when_it_comes(tmp_path):
    path = write(tmp_path, 10, 4)
    async with console(FakeSource(DETAIL), tmp_path, task=CHAT.id) as (app, pilot):
        app.open_log(4, 212)
        await until(pilot, lambda: "engine line 9" in text(app))
        with path.open("a") as file:
            file.writelines(f"engine line {n}\n" for n in range(10, 300))
        await until(pilot, lambda: cursor(app) == "engine line 211")


async def test_none_goes_along_with_the_experiment_at_work(tmp_path):
    write(tmp_path, 3, 7)
    write(tmp_path, 5, 8)
    source = FakeSource(DETAIL)
    async with console(source, tmp_path, task=CHAT.id) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: "engine line 4" in text(app))
        ended = replace(EXPERIMENTS[8], state=EXPERIMENTS[0].state)
        source.details[CHAT.id] = TaskDetail(CHAT, (*EXPERIMENTS[:8], ended))
        source.revision += 1
        await until(pilot, lambda: app.overview and app.overview.busy is None)
        await until(pilot, lambda: "#8 engine  ✔" in text(app))
        assert "engine line 4" in text(app)


async def test_nothing_at_work_shows_the_last_one_that_was_started(tmp_path):
    write(tmp_path, 3, 7)
    idle = replace(EXPERIMENTS[8], state=EXPERIMENTS[0].state, starts=())
    source = FakeSource(TaskDetail(CHAT, (*EXPERIMENTS[:8], idle)))
    async with console(source, tmp_path, task=CHAT.id) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: "#7 engine" in text(app) and "engine line 2" in text(app))
        await pilot.press("]")
        await until(pilot, lambda: "#8 was not started yet" in text(app))


async def test_the_newest_start_is_shown_and_a_missing_file_is_said(tmp_path):
    write(tmp_path, 3, 4)
    again = replace(EXPERIMENTS[4], starts=(start(), replace(start(), attempt=2)))
    source = FakeSource(TaskDetail(CHAT, (*EXPERIMENTS[:4], again, *EXPERIMENTS[5:])))
    async with console(source, tmp_path, WIDE, task=CHAT.id) as (app, pilot):
        app.open_log(4)
        await until(pilot, lambda: "No engine log: start 2 of #4 wrote none." in text(app))
        path_of(tmp_path, 4, attempt=2).write_text("second start\n")
        await until(pilot, lambda: "second start" in text(app))


async def test_says_what_to_press_while_there_is_nothing(tmp_path):
    async with console(FakeSource(tasks=()), tmp_path) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: "No task is open: 1 shows the list." in text(app))
        for key in (
            "slash",
            "escape",
            "n",
            "w",
            "t",
            "space",
            "y",
            "exclamation_mark",
            "f",
            "z",
            "z",
        ):
            await pilot.press(key)
        await pilot.press("tab", "[", "j", "k", "G", "g", "right")
        assert isinstance(app.screen, LogScreen)
    async with console(FakeSource(TaskDetail(TASKS[0])), tmp_path, task=TASKS[0].id) as (
        app,
        pilot,
    ):
        await pilot.press("3")
        await until(pilot, lambda: "No experiment yet: 2 shows" in text(app))


async def test_filter_is_live_and_steps_through_its_lines(tmp_path):
    path = path_of(tmp_path)
    path.write_text("".join(f"line {n}{' KV cache' * (n % 10 == 3)}\n" for n in range(170)))
    async with console(FakeSource(DETAIL), tmp_path, task=CHAT.id) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: "line 169" in text(app))
        await pilot.press("slash", *"kv")
        await until(pilot, lambda: "/kv  17 of 17" in text(app))  # before enter
        assert "line 169" not in text(app)
        await pilot.press("enter", "N", "N")
        await until(pilot, lambda: "/kv  15 of 17" in text(app))
        assert cursor(app) == "line 143 KV cache"
        with path.open("a") as file:
            file.write("nothing\nline 170 kv\n")
        await until(pilot, lambda: "15 of 18" in text(app))
        assert "+1 line " in text(app)
        await pilot.press("n", "n", "n", "n")
        await until(pilot, lambda: "/kv  1 of 18" in text(app))  # round the end
        assert cursor(app) == "line 3 KV cache"
        await pilot.press("escape")
        await until(pilot, lambda: "line 4" in text(app))
        assert "/kv" not in text(app)
        assert "+" not in text(app)
        assert cursor(app) == "line 3 KV cache"
        assert isinstance(app.screen, LogScreen)
        await pilot.press("escape")
        assert isinstance(app.screen, TaskScreen)


async def test_filter_that_is_left_or_wrong_changes_nothing(tmp_path):
    write(tmp_path, 50)
    async with console(FakeSource(DETAIL), tmp_path, task=CHAT.id) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: "engine line 49" in text(app))
        await pilot.press("n")
        await until(pilot, lambda: "no filter is set: / sets one" in text(app))
        await pilot.press("slash", *"zebra")
        await until(pilot, lambda: "No line has this." in text(app) and "no line" in text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "engine line 49" in text(app) and "zebra" not in text(app))
        await pilot.press("slash", "r", "e", "colon", "left_parenthesis")
        await until(pilot, lambda: "re: missing )" in text(app))
        assert "engine line 49" in text(app)
        await pilot.press("backspace", *"ne 4.", "enter")
        await until(pilot, lambda: "/re:ne 4.  10 of 10" in text(app))


async def test_a_filter_stays_with_the_other_log(tmp_path):
    write(tmp_path, 30)
    write(tmp_path, 30, kind="benchmark")
    async with console(FakeSource(DETAIL), tmp_path, task=CHAT.id) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: "engine line 29" in text(app))
        await pilot.press("slash", *"line 2", "enter", "tab")
        await until(pilot, lambda: "benchmark line 29" in text(app) and "of 12" in text(app))


async def test_first_error_and_the_marks(tmp_path):
    lines = [f"INFO 11-23 14:02:{n % 60:02d} [a.py:{n}] fine" for n in range(300)]
    lines[40], lines[41] = "ERROR 11-23 14:02:40 [a.py:40] no room", "WARNING 11-23 odd"
    path = path_of(tmp_path)
    path.write_text("\n".join(lines))
    async with console(FakeSource(DETAIL), tmp_path, task=CHAT.id) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: "[a.py:299]" in text(app))
        await pilot.press("slash", *"fine", "enter", "exclamation_mark")
        await until(pilot, lambda: "▸✖ ERROR 11-23 14:02:40" in text(app))
        assert " ! WARNING" in text(app)
        assert "/fine" not in text(app)  # which would hide it
        assert not state(app).following
        await pilot.press("t")
        await until(pilot, lambda: "▸✖ ERROR [a.py:40] no room" in text(app))
        assert "no time" in text(app)
        path.write_text("all is well\n")
        await until(pilot, lambda: "all is well" in text(app))
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: "no line says an error" in text(app))


async def test_copies_a_line_a_selection_and_the_last_lines(tmp_path, monkeypatch):
    path = write(tmp_path, 200)
    with path.open("a") as file:
        file.write("\x1b[31mred\x1b[0m \x1b]52;c;x\x07end\n")
    async with console(FakeSource(DETAIL), tmp_path, task=CHAT.id) as (app, pilot):
        copied = Copied(app, monkeypatch)
        await pilot.press("3")
        await until(pilot, lambda: "red end" in text(app))
        await pilot.press("y")
        await until(pilot, lambda: copied.texts == ["red end"])
        assert copied.whats == ["1 line of #8 engine log"]
        await pilot.press("k", "space", "k", "k", "space", "k")
        await until(pilot, lambda: "3 selected" in text(app))
        await pilot.press("y")
        await until(pilot, lambda: len(copied.texts) == 2)
        assert copied.texts[1] == "engine line 197\nengine line 198\nengine line 199"
        assert "selected" not in text(app)
        await pilot.press("Y", "enter")
        await until(pilot, lambda: len(copied.texts) == 3)
        assert copied.texts[2].count("\n") == 99
        assert copied.texts[2].endswith("engine line 199\nred end")
        await pilot.press("Y", "backspace", "backspace", "backspace", *"two", "enter")
        await until(pilot, lambda: "'two' is no number of lines" in text(app))
        assert len(copied.texts) == 3


async def test_a_selection_of_a_filter_has_only_its_lines(tmp_path, monkeypatch):
    write(tmp_path, 100)
    async with console(FakeSource(DETAIL), tmp_path, task=CHAT.id) as (app, pilot):
        copied = Copied(app, monkeypatch)
        await pilot.press("3")
        await until(pilot, lambda: "engine line 99" in text(app))
        await pilot.press("slash", *"5", "enter")
        await until(pilot, lambda: "19 of 19" in text(app))
        await pilot.press("space", "k", "k", "y")
        await until(pilot, lambda: copied.texts)
        assert copied.texts == ["engine line 75\nengine line 85\nengine line 95"]


async def test_escape_takes_the_selection_the_filter_and_the_zoom_first(tmp_path):
    write(tmp_path, 100)
    async with console(FakeSource(DETAIL), tmp_path, task=CHAT.id) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: "engine line 99" in text(app))
        await pilot.press("z", "slash", *"9", "enter", "space")
        await until(pilot, lambda: state(app).selected and state(app).count == 19)
        assert "runner" not in text(app)
        await pilot.press("escape")
        await until(pilot, lambda: not state(app).selected)
        await pilot.press("escape")
        await until(pilot, lambda: state(app).count == 100)
        assert "runner" not in text(app)
        await pilot.press("escape")
        await until(pilot, lambda: "runner" in text(app))
        await pilot.press("escape")
        assert isinstance(app.screen, TaskScreen)


async def test_wraps_only_what_is_in_view_and_goes_sideways(tmp_path):
    path = path_of(tmp_path)
    path.write_text("".join(f"{n} {'abcdefghij' * 30} x end{n}\n" for n in range(5000)))
    async with console(FakeSource(DETAIL), tmp_path, task=CHAT.id) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: "4999 abc" in text(app))
        assert "end4999" not in text(app)
        await pilot.press(*["L"] * 30)
        await until(pilot, lambda: "end4999" in text(app))
        assert "→" in text(app)
        await pilot.press("w")
        await until(pilot, lambda: "end4999" in text(app) and "4999 abc" in text(app))
        assert "wrapped" in text(app)
        await pilot.press("g")
        await until(pilot, lambda: "end0" in text(app) and cursor(app).startswith("0 abc"))
        await pilot.press("w")
        await until(pilot, lambda: "19 abc" not in text(app) or "17 abc" in text(app))
        assert cursor(app).startswith("0 abc")


async def test_progress_bars_and_hostile_bytes(tmp_path):
    path = path_of(tmp_path)
    path.write_bytes(
        b"".join(b"\r%3d %%" % n for n in range(101)) + b"\n"
        b"\x1b]52;c;aGk=\x07\x1b[2J\x1b[H\x9b31mx\x00\xff\xc2\x9b1my \xe2\x80\xaeback\n"
        + b"z" * 10_000_000 + b"\n" + bytes(range(256)) + b"\nlast\n"
    )  # fmt: skip
    async with console(FakeSource(DETAIL), tmp_path, task=CHAT.id) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: "last" in text(app))
        assert body(app)[0] == "100 %"
        for keys in ("w", "t", "w", "g", "G"):
            await pilot.press(keys)
            assert all(row.isprintable() for row in text(app).split("\n"))


async def test_hidden_screens_do_no_work(tmp_path):
    path = write(tmp_path, 10)
    async with console(FakeSource(DETAIL), tmp_path, task=CHAT.id) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: "engine line 9" in text(app))
        log = app.screen.query_one(LogView)
        await pilot.press("2")
        await until(pilot, lambda: not log.watching)
        with path.open("a") as file:
            file.write("while away\n")
        await pilot.pause(0.6)
        assert log.state.count == 10
        await pilot.press("3")
        await until(pilot, lambda: "while away" in text(app))


@pytest.mark.parametrize("size", [NARROW, WIDE, TINY])
async def test_every_size_and_every_key(tmp_path, size, monkeypatch):
    path = write(tmp_path, 300)
    with path.open("a") as file:
        file.write("ERROR 漢字 wide\n" * 3)
    async with console(FakeSource(DETAIL), tmp_path, size, task=CHAT.id) as (app, pilot):
        Copied(app, monkeypatch)
        await pilot.press("3")
        await until(pilot, lambda: "ERROR" in text(app))
        await pilot.press("w", "k", "k", "pageup", "g", "j", "ctrl+d", "ctrl+u", "t", "space", "j")
        await pilot.press("y", "w", "L", "H", "z", "z", "slash", *"line 1", "enter", "n", "N", "f")
        await until(pilot, lambda: state(app).count == 138)
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: "ERROR" in cursor(app))
        await pilot.resize_terminal(*TINY)
        await pilot.resize_terminal(*size)
        await until(pilot, lambda: "ERROR" in cursor(app))
        await pilot.press("slash", "escape", "escape")
        assert isinstance(app.screen, TaskScreen)


async def test_growth_repaints_only_what_changed(tmp_path, monkeypatch):
    path = write(tmp_path, 200)
    async with console(FakeSource(DETAIL), tmp_path, task=CHAT.id) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: "engine line 199" in text(app))
        await pilot.press("g")
        await until(pilot, lambda: "engine line 0" in text(app))
        log = app.screen.query_one(LogView)
        await pilot.pause()
        drawn: list[int] = []
        real = log.render_line

        def noted(y: int) -> Strip:
            drawn.append(y)
            return real(y)

        monkeypatch.setattr(log, "render_line", noted)
        with path.open("a") as file:
            file.write("more\n")
        await until(pilot, lambda: "+1 line" in text(app))
        assert drawn == []
        await pilot.press("j")
        await until(pilot, lambda: cursor(app) == "engine line 1")
        assert sorted(set(drawn)) == [0, 1]
