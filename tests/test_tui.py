"""The console, driven by keys, on a journal that a test holds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from core.paths import Home
from core.store.views import RunnerView, TaskDetail
from core.values import TaskState
from tests.tui_sample import (
    BROKEN,
    CHAT,
    DETAIL,
    EXPERIMENTS,
    NOW,
    RAG,
    TASKS,
    FakeSource,
    done,
    failed,
)
from tui.app import AutotunerApp
from tui.screens.confirm import ConfirmScreen
from tui.screens.experiment import ExperimentScreen
from tui.screens.help import HelpScreen
from tui.screens.log import LogScreen
from tui.screens.task import TaskScreen
from tui.screens.tasks import TasksScreen
from tui.widgets.logview import LogView
from tui.widgets.page import Page
from tui.widgets.table import Table

NARROW, WIDE = (80, 24), (120, 40)


@asynccontextmanager
async def console(
    source: FakeSource,
    home: Path,
    size: tuple[int, int] = NARROW,
    task: str | None = None,
) -> AsyncIterator[tuple[AutotunerApp, Pilot]]:
    app = AutotunerApp(source, Home(home), task, clock=lambda: NOW)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.snapshot.loaded)
        await pilot.pause()
        yield app, pilot


async def until(pilot: Pilot, wanted: Callable[[], object]) -> None:
    for _ in range(750):  # a busy machine may take its time
        if wanted():
            return
        await pilot.pause(0.02)
    raise AssertionError(f"the console did not get there; it shows:\n{text(pilot.app)}")


def text(app) -> str:
    """What is on the screen, line by line."""
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in lines)


async def test_task_list_narrow(tmp_path):
    async with console(FakeSource(DETAIL), tmp_path) as (app, _):
        rows = app.screen.query_one(Table).lines
        assert [row.split()[0] for row in rows] == [
            "qwen3-8b-rag",
            "qwen3-8b-chat",
            "demo",
            "[red]captain[/tmp/x]",
        ]
        assert "● running" in rows[1]
        assert "8/30" in rows[1]
        assert "1 184" in rows[1]
        assert "+38.1" in rows[1]
        assert "✔ winner" in rows[2]
        assert "simulated" in rows[2]
        screen = text(app)
        assert "● runner 3h12m" in screen
        assert "tok/s/GPU" in screen
        assert "Engine" not in screen
        assert "? help" in screen.splitlines()[-1]


async def test_wide_shows_more_and_resizing_keeps_up(tmp_path):
    async with console(FakeSource(DETAIL), tmp_path, WIDE) as (app, pilot):
        assert "Qwen/Qwen3-8B" in text(app)
        await pilot.resize_terminal(60, 20)
        await until(pilot, lambda: "Qwen/Qwen3-8B" not in text(app))
        assert all(len(line) <= 60 for line in text(app).splitlines())
        await pilot.resize_terminal(140, 30)
        await until(pilot, lambda: "Qwen/Qwen3-8B" in text(app))


async def test_no_tasks_says_what_to_do(tmp_path):
    source = FakeSource(tasks=())
    source.alive = RunnerView(alive=False)
    async with console(source, tmp_path) as (app, pilot):
        assert "autotuner-tui demo" in text(app)
        assert "○ no runner" in text(app)
        await pilot.press("p", "x", "r", "enter", "2", "3")
        assert source.asked == []
        assert "No task is open" in text(app)


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_one_task(tmp_path, size):
    async with console(FakeSource(DETAIL), tmp_path, size, CHAT.id) as (app, _):
        assert isinstance(app.screen, TaskScreen)
        screen = text(app)
        assert "#5  1 184 tok/s/GPU  +38.1 % against the baseline  not confirmed" in screen
        assert "load ✔ 41s ▸ compile 68 % 12s ▸ capture ▸ ready ▸ benchmark" in screen
        rows = app.screen.query_one(Table).lines
        assert [row.split()[0] for row in rows] == list("876543210")
        assert "✔ best" in rows[3]
        assert "✖ out of memory: KV cache" in rows[4]
        assert "✖ ttft p95 0.691 s > 0.5" in rows[2]
        assert "✔ baseline" in rows[8]
        assert ("E2E" in screen) is (size == WIDE)
        # One column, one decimal point.
        scores = [
            row.find(score) + len(score)
            for row, score in zip(rows[7:], ("912", "858"), strict=True)
        ]
        assert scores[0] == scores[1]


async def test_order_by_score_puts_misses_and_failures_last(tmp_path):
    async with console(FakeSource(DETAIL), tmp_path, task=CHAT.id) as (app, pilot):
        await pilot.press("o")
        rows = app.screen.query_one(Table).lines
        assert [row.split()[0] for row in rows] == list("537210684")
        await pilot.press("o")
        assert [r.split()[0] for r in app.screen.query_one(Table).lines] == list("876543210")


async def test_cursor_stays_on_its_row(tmp_path):
    source = FakeSource(DETAIL)
    async with console(source, tmp_path, task=CHAT.id) as (app, pilot):
        table = app.screen.query_one(Table)
        await pilot.press("j", "j", "j")
        assert table.cursor == "5"
        ninth = done(9, 384, 2048, 1100.0, 0.4)
        source.details[CHAT.id] = TaskDetail(CHAT, (*EXPERIMENTS, ninth))
        await until(pilot, lambda: len(table.lines) == 10)
        assert table.cursor == "5"
        source.details[CHAT.id] = TaskDetail(CHAT, EXPERIMENTS[:3])
        await until(pilot, lambda: len(table.lines) == 3)
        assert table.cursor == "0"
        await pilot.press("g")
        assert table.cursor == "2"
        await pilot.press("G", "k")
        assert table.cursor == "1"


async def test_cursor_keeps_its_place_among_many_rows(tmp_path):
    many = tuple(done(n, n, 2048, 100.0 + n, 0.4) for n in range(200))
    source = FakeSource(TaskDetail(CHAT, many))
    async with console(source, tmp_path, task=CHAT.id) as (app, pilot):
        table = app.screen.query_one(Table)
        await pilot.press("G", "pageup")
        await pilot.pause()
        key, line = table.cursor, table.scroll_offset.y
        more = done(200, 7, 2048, 400.0, 0.4)
        source.details[CHAT.id] = TaskDetail(CHAT, (*many, more))
        await until(pilot, lambda: len(table.lines) == 201)
        await pilot.pause()
        assert table.cursor == key
        assert table.scroll_offset.y == line + 1
        assert f"▸ {key:>3}" in text(app)


@pytest.mark.parametrize(
    ("keys", "asked"),
    [
        (("j", "p"), ("pause", CHAT.id)),
        (("r",), ("retry", RAG.id)),
        (("j", "enter", "s"), ("skip", CHAT.id)),
        (("j", "x", "y"), ("cancel", CHAT.id)),
    ],
)
async def test_keys_ask_the_runner(tmp_path, keys, asked):
    source = FakeSource(DETAIL)
    async with console(source, tmp_path) as (_, pilot):
        await pilot.press(*keys)
        await until(pilot, lambda: source.asked == [asked])


async def test_pause_resumes_what_is_paused(tmp_path):
    source = FakeSource(tasks=(replace(CHAT, state=TaskState.PAUSED),))
    async with console(source, tmp_path) as (_, pilot):
        await pilot.press("p")
        await until(pilot, lambda: source.asked == [("resume", CHAT.id)])


async def test_cancel_can_be_declined_and_needs_something_to_cancel(tmp_path):
    source = FakeSource(DETAIL)
    async with console(source, tmp_path) as (app, pilot):
        await pilot.press("j", "x")
        assert isinstance(app.screen, ConfirmScreen)
        assert "Cancel qwen3-8b-chat?" in text(app)
        await pilot.press("n")
        assert isinstance(app.screen, TasksScreen)
        await pilot.press("j", "x")  # a task that has ended
        assert isinstance(app.screen, TasksScreen)
        assert source.asked == []


async def test_refusal_is_said_and_the_console_lives(tmp_path):
    source = FakeSource(DETAIL)
    source.refusal = "no [/tmp/x] [red]"
    async with console(source, tmp_path) as (app, pilot):
        await pilot.press("r")
        await until(pilot, lambda: "no [/tmp/x] [red]" in text(app))
        assert app.is_running


async def test_reading_that_fails_is_said_and_tried_again(tmp_path):
    source = FakeSource(DETAIL)
    async with console(source, tmp_path) as (app, pilot):
        source.broken = OSError("database [/red] is locked")
        await until(pilot, lambda: "✖ reading failed: database [/red] is locked" in text(app))
        assert "qwen3-8b-chat" in text(app)
        source.broken = None
        source.views = TASKS[1:]
        await until(pilot, lambda: "reading failed" not in text(app))
        assert "qwen3-8b-rag" not in text(app)


async def test_a_queue_without_a_runner_gets_one_once(tmp_path):
    source = FakeSource(DETAIL)
    source.alive = RunnerView(alive=False)
    async with console(source, tmp_path) as (_, pilot):
        await until(pilot, lambda: source.woken == 1)
        source.views = TASKS[:2]
        await pilot.pause(0.6)
        assert source.woken == 1
        assert source.beats >= 1


async def test_a_runner_that_died_is_replaced_and_one_that_left_is_not(tmp_path):
    source = FakeSource(DETAIL)
    async with console(source, tmp_path) as (app, pilot):
        source.alive = RunnerView(alive=False, pid=77)
        await until(pilot, lambda: source.woken == 1)
        source.alive = RunnerView(alive=True, pid=78)
        await until(pilot, lambda: app.snapshot.runner.alive)
        source.alive = RunnerView(alive=False)
        await until(pilot, lambda: "work waits" in text(app))
        assert source.woken == 1


async def test_hostile_names_are_shown_as_they_are(tmp_path):
    hostile = replace(BROKEN, name="[red]x[/tmp/x]\x1b[2J\u202e", model="[/]")
    source = FakeSource(TaskDetail(hostile, (failed(4),)), tasks=(hostile,))
    async with console(source, tmp_path, WIDE) as (app, pilot):
        assert "[red]x[/tmp/x] [2J" in text(app)
        assert "13.2 GB [/red] did not fit" in text(app)
        await until(pilot, lambda: app.detail)
        await pilot.press("2", "enter")
        await until(pilot, lambda: "seq len [/tmp/x] [red]" in text(app))
        assert "\x1b" not in text(app)
        assert "\u202e" not in text(app)


async def test_experiment_report(tmp_path):
    async with console(FakeSource(DETAIL), tmp_path, task=CHAT.id) as (app, pilot):
        await pilot.press("j", "j", "j", "j", "enter")
        assert isinstance(app.screen, ExperimentScreen)
        await until(pilot, lambda: "what to do" in text(app))
        assert "engine.log:212" in text(app)
        await pilot.press("]")
        await until(pilot, lambda: "gave the score" in text(app))
        await pilot.press("escape")
        assert isinstance(app.screen, TaskScreen)


async def test_help_and_the_way_back(tmp_path):
    async with console(FakeSource(DETAIL), tmp_path) as (app, pilot):
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        assert app.screen.query_one(Page).virtual_size.height > 10
        await pilot.press("3")
        assert isinstance(app.screen, LogScreen)
        await pilot.press("escape")
        assert isinstance(app.screen, TaskScreen)
        await pilot.press("escape")
        assert isinstance(app.screen, TasksScreen)
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)
    assert app.return_code == 0


async def test_a_snapshot_may_come_before_the_screen_is_there(tmp_path):
    async with console(FakeSource(DETAIL), tmp_path) as (app, pilot):
        app.push_screen(HelpScreen())
        app.on_autotuner_app_changed(app.Changed(app.snapshot))
        await until(pilot, lambda: "everywhere" in text(app))


def write_log(home: Path, experiment: int, kind: str, lines: int) -> Path:
    path = Home(home).start(CHAT.id, experiment, 1) / f"{kind}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{kind} line {n}\n" for n in range(lines)))
    return path


async def test_log_follows_until_scrolled_up(tmp_path):
    path = write_log(tmp_path, 8, "engine", 200)
    async with console(FakeSource(DETAIL), tmp_path, task=CHAT.id) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: "engine line 199" in text(app))
        assert "following" in text(app)
        await pilot.press("k", "k", "k")
        await until(pilot, lambda: "engine line 199" not in text(app))
        with path.open("a") as file:
            file.write("\x1b[31mERROR [/tmp/x] [red]\x1b[0m\nlast\n")
        await until(pilot, lambda: "+2 lines" in text(app))
        assert "last" not in text(app)
        assert app.screen.query_one(LogView).unseen == 2
        await pilot.press("f")
        await until(pilot, lambda: "last" in text(app))
        assert "ERROR [/tmp/x] [red]" in text(app)
        assert "following" in text(app)


async def test_log_that_comes_later_and_starts_anew(tmp_path):
    async with console(FakeSource(DETAIL), tmp_path, task=CHAT.id) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: "No engine log yet." in text(app))
        path = write_log(tmp_path, 8, "engine", 3)
        await until(pilot, lambda: "engine line 2" in text(app))
        path.write_text("fresh\n")
        await until(pilot, lambda: "fresh" in text(app) and "engine line" not in text(app))


async def test_log_of_benchmark_and_of_other_experiments(tmp_path):
    for number, kind in ((8, "engine"), (8, "benchmark"), (7, "benchmark"), (4, "engine")):
        write_log(tmp_path, number, kind, number)
    async with console(FakeSource(DETAIL), tmp_path, task=CHAT.id) as (app, pilot):
        await pilot.press("3", "tab")
        await until(pilot, lambda: "benchmark line 7" in text(app))
        await pilot.press("[")
        await until(pilot, lambda: "#7" in text(app) and "benchmark line 6" in text(app))
        await pilot.press("]")
        await until(pilot, lambda: "#8" in text(app) and "benchmark line 7" in text(app))
        await pilot.press("2", "j", "j", "j", "j", "l", "tab")
        await until(pilot, lambda: "#4  engine log" in text(app))
        await until(pilot, lambda: "engine line 3" in text(app))
