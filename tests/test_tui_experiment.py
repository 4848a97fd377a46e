"""The report on one experiment, driven by keys."""

from __future__ import annotations

from dataclasses import replace

from core.store.views import TaskDetail
from tests.tui_console import said, text, until
from tests.tui_sample import CHAT, DETAIL, EXPERIMENTS, FakeSource
from tests.tui_task import numbers, table, task, write
from tui.screens.choose import ChooseScreen
from tui.screens.experiment import ExperimentScreen
from tui.screens.task import TaskScreen

HIGH = (120, 45)


async def test_experiment_report(tmp_path):
    async with task(FakeSource(DETAIL), tmp_path) as (app, pilot):
        await pilot.press("j", "j", "j", "j", "enter")
        await until(pilot, lambda: "what to do" in text(app))
        assert "engine.log:212" in text(app)
        assert "seq len [/tmp/x] [red]" in text(app)
        assert "vllm serve Qwen/Qwen3-8B --number 4" in text(app)
        await pilot.press("]")
        await until(pilot, lambda: "gave the score" in text(app) and "#3" in text(app))
        await pilot.press("[", "[")
        await until(pilot, lambda: "qwen3-8b-chat #5" in text(app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, TaskScreen))
        await until(pilot, lambda: table(app).number == 5)


async def test_next_and_previous_follow_the_order_of_the_table(tmp_path):
    async with task(FakeSource(DETAIL), tmp_path) as (app, pilot):
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press(*"score", "enter")
        await until(pilot, lambda: isinstance(app.screen, TaskScreen) and numbers(app)[0] == 6)
        await pilot.press("g", "enter")
        await until(pilot, lambda: "qwen3-8b-chat #6" in text(app))
        await pilot.press("[")
        await until(pilot, lambda: "this is the first one" in said(app))
        for number in (5, 3, 7):
            await pilot.press("]")
            await until(pilot, lambda: f"qwen3-8b-chat #{number}" in text(app))  # noqa: B023


async def test_a_report_keeps_up_and_shows_a_curve_where_there_is_room(tmp_path):
    levels = replace(EXPERIMENTS[5], measurements=EXPERIMENTS[5].measurements[:1] * 1, chosen=0)
    source = FakeSource(TaskDetail(CHAT, (*EXPERIMENTS[:5], levels)))
    async with task(source, tmp_path, HIGH) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: "gave the score" in text(app))
        assert "concurrency" not in text(app)
        base = EXPERIMENTS[5].measurements
        third = replace(base[1], data=replace(base[1].data, concurrency=96))
        full = replace(EXPERIMENTS[5], measurements=(*base, third))
        write(source, *EXPERIMENTS[:5], full)
        await until(pilot, lambda: "concurrency" in text(app))


async def test_a_command_that_cannot_be_made_is_said(tmp_path):
    source = FakeSource(DETAIL)

    async def gone(task: str, number: int) -> str:
        raise FileNotFoundError("task.yaml [/red] is gone")

    source.command = gone  # type: ignore[method-assign]
    async with task(source, tmp_path) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: "✖ task.yaml [/red] is gone" in text(app))
        await pilot.press("y")
        await until(pilot, lambda: any("is gone" in one for one in said(app)))
        assert isinstance(app.screen, ExperimentScreen)
