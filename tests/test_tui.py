"""The console, driven by keys, on a journal that a test holds: tasks, dialogs, palette, faults."""

from __future__ import annotations

import stat
from dataclasses import replace

import pytest
from textual.pilot import Pilot

from core.store.views import CommandView, RunnerView, TaskDetail, VerdictView
from core.values import TaskState
from tests.tui_console import NARROW, WIDE, console, said, text, until
from tests.tui_sample import (
    BROKEN,
    CHAT,
    DEMO,
    DETAIL,
    NOW,
    OOM,
    RAG,
    TASKS,
    FakeSource,
    failed,
)
from tui.app import AutotunerApp
from tui.screens.confirm import ConfirmScreen
from tui.screens.gpus import GpusScreen
from tui.screens.help import HelpScreen
from tui.screens.task import TaskScreen
from tui.screens.tasks import TasksScreen
from tui.widgets.table import Table


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
        await pilot.resize_terminal(160, 30)
        await until(pilot, lambda: "out of memory: weights: 13.2 GB" in text(app))


@pytest.mark.parametrize(
    "keys",
    [(), ("question_mark",), ("colon",), ("T",), ("j", "b"), ("j", "a"), ("j", "e"), ("j", "x")],
)
async def test_any_size_is_survived(tmp_path, keys):
    async with console(FakeSource(DETAIL), tmp_path) as (app, pilot):
        await pilot.press(*keys)
        before, screen = text(app), app.screen
        for size in ((20, 5), (5, 2), (1, 1), (200, 3), NARROW):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        assert app.screen is screen
        if keys != ("T",):  # a long list may be scrolled to another place
            await until(pilot, lambda: text(app) == before)


async def test_no_tasks_says_what_to_do(tmp_path):
    source = FakeSource(tasks=())
    source.alive = RunnerView(alive=False)
    async with console(source, tmp_path) as (app, pilot):
        assert "autotuner-tui demo" in text(app)
        assert "○ no runner" in text(app)
        await pilot.press("p", "x", "r", "d", "b", "a", "e", "Y", "space", "u", "enter")
        assert isinstance(app.screen, TasksScreen)
        assert source.asked == []
        await until(pilot, lambda: "no task is chosen" in text(app))


@pytest.mark.parametrize(
    ("keys", "asked"),
    [
        (("j", "p"), ("pause", {"task": CHAT.id})),
        (("r",), ("retry", {"task": RAG.id})),
        (("j", "x", "y"), ("cancel", {"task": CHAT.id})),
        (("2", "p"), ("pause", {"task": CHAT.id})),
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
        await until(pilot, lambda: source.asked == [("resume", {"task": CHAT.id})])


async def test_cancel_can_be_declined_and_needs_something_to_cancel(tmp_path):
    source = FakeSource(DETAIL)
    async with console(source, tmp_path) as (app, pilot):
        for no in ("n", "escape", "q"):
            await pilot.press("g", "j", "x")
            assert isinstance(app.screen, ConfirmScreen)
            assert "Cancel qwen3-8b-chat?" in text(app)
            await pilot.press("enter", "x", no)  # neither enter nor the same key is a yes
            assert isinstance(app.screen, TasksScreen)
        await pilot.press("j", "x")  # a task that has ended
        assert isinstance(app.screen, TasksScreen)
        assert source.asked == []


# marks


async def test_marked_tasks_are_meant_together(tmp_path):
    source = FakeSource(DETAIL)
    async with console(source, tmp_path) as (app, pilot):
        await pilot.press("space", "space", "space")
        await until(pilot, lambda: "3 tasks are marked" in text(app))
        assert text(app).count("✔  ") >= 3
        await pilot.press("x")
        # One of the three has ended.
        await until(pilot, lambda: "Cancel 2 marked tasks?" in text(app))
        await pilot.press("y")
        await until(pilot, lambda: len(source.asked) == 2)
        assert {name for name, _ in source.asked} == {"cancel"}
        assert {said["task"] for _, said in source.asked} == {RAG.id, CHAT.id}
        source.asked.clear()
        await pilot.press("r")
        await until(pilot, lambda: "3 marked tasks again?" in text(app))
        await pilot.press("y")
        await until(pilot, lambda: len(source.asked) == 3)
        source.asked.clear()
        await pilot.press("p")
        await until(pilot, lambda: len(source.asked) == 2)
        await pilot.press("u")
        await until(pilot, lambda: "marked" not in text(app).splitlines()[-3])


async def test_a_mark_is_taken_away_again_and_goes_with_its_task(tmp_path):
    source = FakeSource(DETAIL)
    async with console(source, tmp_path) as (app, pilot):
        screen = app.screen
        assert isinstance(screen, TasksScreen)
        await pilot.press("space", "space")
        assert set(screen.targets()) == {RAG.id, CHAT.id}
        await pilot.press("g", "space")
        assert set(screen.targets()) == {CHAT.id}
        source.views = (RAG, DEMO)
        await until(pilot, lambda: screen.targets() == (screen.target(),))


# asked, answered


async def test_what_waits_for_an_answer_is_shown_and_not_asked_twice(tmp_path):
    source = FakeSource(DETAIL)
    release: list[bool] = []
    asked: list[str] = []

    async def ask(verb, arguments):
        import asyncio

        asked.append(verb)
        source.open = (CommandView(7, verb, CHAT.id, NOW - 12),)
        while not release:
            await asyncio.sleep(0.01)
        source.open = ()
        return "paused after this measurement"

    source.ask = ask  # type: ignore[method-assign]
    async with console(source, tmp_path) as (app, pilot):
        await pilot.press("j", "p")
        await until(pilot, lambda: "▸ pause asked 12s" in text(app))
        await pilot.press("p")
        await until(pilot, lambda: "pause: asked already" in " ".join(said(app)))
        assert asked == ["pause"]
        release.append(True)
        await until(pilot, lambda: "paused after this measurement" in said(app))
        await until(pilot, lambda: "asked 12s" not in text(app))
        await pilot.press("p")
        await until(pilot, lambda: asked == ["pause", "pause"])


async def test_several_that_wait(tmp_path):
    source = FakeSource(DETAIL)
    source.open = tuple(CommandView(n, "skip", CHAT.id, NOW - 70) for n in range(3))
    async with console(source, tmp_path) as (app, pilot):
        await until(pilot, lambda: "▸ skip asked 1m10s and 2 more" in text(app))


async def test_refusal_is_said_and_the_console_lives(tmp_path):
    source = FakeSource(DETAIL)
    source.refusal = "no [/tmp/x] [red]"
    async with console(source, tmp_path) as (app, pilot):
        await pilot.press("r")
        await until(pilot, lambda: "no [/tmp/x] [red]" in text(app))
        assert app.is_running
        await pilot.press("r")  # it may be asked again
        await until(pilot, lambda: len(said(app)) == 2)


# what happens by itself


def ended(task, state, **changes):
    return replace(task, state=state, **changes)


async def test_the_end_of_a_task_rings_once_and_is_said(tmp_path, monkeypatch):
    rung: list[int] = []
    monkeypatch.setattr(AutotunerApp, "bell", lambda self: rung.append(1))
    source = FakeSource(DETAIL)
    async with console(source, tmp_path) as (app, pilot):
        assert rung == []  # those that had ended before are no news
        won = ended(CHAT, TaskState.COMPLETED, verdict=VerdictView("winner", 0.381))
        source.views = (RAG, won, DEMO, BROKEN)
        await until(pilot, lambda: said(app))
        assert said(app) == ["qwen3-8b-chat: ✔ winner, +38.1 % against the baseline"]
        assert rung == [1]
        source.views = (ended(RAG, TaskState.FAILED, failure=OOM), won, DEMO, BROKEN)
        await until(pilot, lambda: len(rung) == 2)
        assert said(app)[-1] == "qwen3-8b-rag: ✖ failed: out of memory: KV cache"


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


async def test_a_journal_that_was_never_read_is_explained_and_comes(tmp_path):
    source = FakeSource(DETAIL)
    source.broken = OSError("file is not a database")
    async with console(source, tmp_path) as (app, pilot):
        assert "The journal cannot be read." in text(app)
        assert "reading failed: file is not a database" in text(app)
        await pilot.press("2", "3", "4", "5", "1", "p", "x")
        source.broken = None
        await until(pilot, lambda: "qwen3-8b-chat" in text(app))
        assert "cannot be read" not in text(app)


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
        for keys in (("colon",), ("e",), ("r",), ("b",)):
            await pilot.press(*keys)
            await pilot.pause()
            assert "\x1b" not in text(app)
            assert "\u202e" not in text(app)
            await pilot.press("escape")


async def test_the_tick_draws_nothing_when_nothing_changed(tmp_path, monkeypatch):
    from tui.widgets.base import Lines

    async with console(FakeSource(DETAIL), tmp_path) as (app, pilot):
        await pilot.pause(0.2)
        drawn: list[object] = []
        for cls in (Lines, Table):
            for name in ("refresh", "refresh_line", "refresh_lines"):
                if hasattr(cls, name):
                    monkeypatch.setattr(cls, name, lambda self, *a, **k: drawn.append(self))
        for _ in range(3):
            app._show()
            await pilot.pause()
        assert drawn == []


async def test_only_the_current_screen_is_told(tmp_path, monkeypatch):
    told: list[str] = []
    fill = TasksScreen.fill

    def noted(self):
        told.append("tasks")
        fill(self)

    monkeypatch.setattr(TasksScreen, "fill", noted)
    source = FakeSource(DETAIL)
    async with console(source, tmp_path) as (app, pilot):
        await pilot.press("4")
        await until(pilot, lambda: isinstance(app.screen, GpusScreen))
        told.clear()
        source.views = TASKS[1:]
        await until(pilot, lambda: len(app.snapshot.tasks) == 3)
        app._show()
        await pilot.pause()
        assert told == []
        await pilot.press("1")
        await until(pilot, lambda: "qwen3-8b-rag" not in text(app))


# ways about, and the end


async def test_help_and_the_way_back(tmp_path):
    async with console(FakeSource(DETAIL), tmp_path) as (app, pilot):
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        await pilot.press("2")
        assert isinstance(app.screen, TaskScreen)
        await pilot.press("escape")
        assert isinstance(app.screen, TasksScreen)
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)
    assert app.return_code == 0


async def test_control_c_leaves(tmp_path):
    async with console(FakeSource(DETAIL), tmp_path) as (app, pilot):
        await pilot.press("ctrl+c")
        await until(pilot, lambda: not app.is_running)
    assert app.return_code == 0


async def test_a_snapshot_may_come_before_the_screen_is_there(tmp_path):
    async with console(FakeSource(DETAIL), tmp_path) as (app, pilot):
        app.push_screen(HelpScreen("tasks"))
        app.on_autotuner_app_changed(app.Changed(app.snapshot))
        await until(pilot, lambda: "everywhere" in text(app))


async def _fails(pilot: Pilot[None], app: AutotunerApp) -> None:
    await pilot.press("1")
    await until(pilot, lambda: not app.is_running)


async def test_an_error_of_our_own_ends_with_one_line(tmp_path, monkeypatch, capsys):
    def broken(self, name):
        raise RuntimeError("boom [/red]\n" * 3)

    monkeypatch.setattr(AutotunerApp, "action_go", broken)
    with pytest.raises(RuntimeError, match="boom"):  # the test's own way to see it
        async with console(FakeSource(DETAIL), tmp_path) as (app, pilot):
            await _fails(pilot, app)
    assert app.return_code == 1
    assert "Traceback" not in "".join(capsys.readouterr())
    assert app.fault.startswith(
        "autotuner-tui: the console had to end (RuntimeError: boom [/red] boom [/red] boom [/red])"
    )
    assert "console.log" in app.fault
    assert "\n" not in app.fault
    log = tmp_path / "console.log"
    assert "Traceback" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


async def test_a_worker_that_fails_is_said(tmp_path):
    async def broken() -> None:
        raise ValueError("no [/tmp/x]")

    async with console(FakeSource(DETAIL), tmp_path) as (app, pilot):
        app.work(broken(), "looking")
        await until(pilot, lambda: said(app) == ["looking: no [/tmp/x]"])
        assert app.is_running
