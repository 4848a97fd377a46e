"""The screen of the plots, driven by keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from core.store.views import Point
from tests.tui_console import NARROW, WIDE, console, said, text, until
from tests.tui_sample import (
    CHAT,
    DEMO,
    DETAIL,
    FakeSource,
)
from tui.app import AutotunerApp
from tui.screens.plots import PlotsScreen
from tui.views.plots import PLOTS

SLO = "model: Qwen/Qwen3-8B\nengine: vllm\nslo: {ttft_p95: 500ms, tpot_p99: 40ms}\n"


@asynccontextmanager
async def plots(
    source: FakeSource, home: Path, size: tuple[int, int] = NARROW
) -> AsyncIterator[tuple[AutotunerApp, Pilot[None]]]:
    source.files.setdefault(CHAT.id, SLO)
    async with console(source, home, size, CHAT.id) as (app, pilot):
        app.push_screen(PlotsScreen())
        await until(pilot, lambda: isinstance(app.screen, PlotsScreen) and "1/4" in text(app))
        await until(pilot, lambda: "reading" not in text(app))
        yield app, pilot


class Points(FakeSource):
    """Counts how often the points are read, and may have many."""

    reads = 0
    copies = 1

    async def points(self, task: str) -> tuple[Point, ...]:
        self.reads += 1
        return await super().points(task) * self.copies


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_tab_goes_through_the_plots_and_back(tmp_path, size):
    async with plots(FakeSource(DETAIL), tmp_path, size) as (app, pilot):
        signs = ("elapsed, ", "concurrency", "on the front", "effect")
        keys = ("tab", "right_square_bracket", "tab", "tab")
        for place, (sign, key) in enumerate(zip(signs, keys, strict=True)):
            await until(pilot, lambda: sign in text(app))  # noqa: B023
            screen = text(app)
            assert f"{place + 1}/4 {PLOTS[place]}" in screen
            assert "qwen3-8b-chat" in screen
            assert "simulated" not in screen
            assert all(len(one) <= size[0] for one in screen.splitlines())
            assert "? help" in screen.splitlines()[-1]
            await pilot.press(key)
        await until(pilot, lambda: "1/4" in text(app))
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "4/4" in text(app))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, PlotsScreen))


async def test_m_changes_the_metric_of_this_plot_only(tmp_path):
    async with plots(FakeSource(DETAIL), tmp_path) as (app, pilot):
        await pilot.press("m")
        await until(pilot, lambda: "this plot has one metric: the score" in said(app))
        await pilot.press("tab")
        for title in ("output throughput, tok/s", "TTFT p95, ms", "TPOT p99, ms", "E2E p95, s"):
            await until(pilot, lambda: title in text(app))  # noqa: B023
            assert ("SLO 500 ms" in text(app)) is title.startswith("TTFT")
            assert ("SLO 40 ms" in text(app)) is title.startswith("TPOT")
            await pilot.press("m")
        await until(pilot, lambda: "output throughput" in text(app))
        await pilot.press("tab")
        await until(pilot, lambda: "TTFT p95, ms" in text(app))
        await pilot.press("m")
        await until(pilot, lambda: "TPOT p95, ms" in text(app))


async def test_simulated_numbers_say_so(tmp_path):
    tasks = (replace(CHAT, simulated=True), DEMO)
    async with plots(FakeSource(replace(DETAIL, task=tasks[0]), tasks=tasks), tmp_path) as (
        app, pilot,
    ):  # fmt: skip
        for _ in PLOTS:
            assert text(app).splitlines()[1].endswith("simulated")
            await pilot.press("tab")
            await pilot.pause()


async def test_points_are_read_when_the_revision_grows_and_only_while_it_is_shown(tmp_path):
    source = Points(DETAIL)
    async with plots(source, tmp_path) as (app, pilot):
        await pilot.press("tab", "tab", "m")
        screen = app.screen
        assert isinstance(screen, PlotsScreen)
        screen.show()
        await pilot.pause()
        assert source.reads == 1
        source.revision = 2
        await until(pilot, lambda: source.reads == 2)
        app.action_help()
        await until(pilot, lambda: not isinstance(app.screen, PlotsScreen))
        source.revision = 3
        await until(pilot, lambda: app.overview is not None and app.overview.revision == 3)
        await pilot.pause(0.1)
        assert source.reads == 2
        await pilot.press("escape")
        await until(pilot, lambda: source.reads == 3)


async def test_many_points_are_drawn_beside_the_event_loop(tmp_path):
    source = Points(DETAIL)
    source.copies = 100
    async with plots(source, tmp_path, WIDE) as (app, pilot):
        for sign in ("elapsed", "concurrency", "on the front", "effect"):
            await until(pilot, lambda: sign in text(app))  # noqa: B023
            await pilot.press("tab")


async def test_long_lists_scroll(tmp_path):
    async with plots(FakeSource(DETAIL), tmp_path) as (app, pilot):
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "max-num-seqs" in text(app))
        assert " fp8 " not in text(app)
        await pilot.press("G")
        await until(pilot, lambda: " fp8 " in text(app))


async def test_a_failure_to_read_is_said_and_the_screen_lives(tmp_path):
    class Broken(FakeSource):
        async def points(self, task: str) -> tuple[Point, ...]:
            raise OSError("database is locked [/red]")

    source = Broken(DETAIL)
    source.files[CHAT.id] = "slo: ["
    async with console(source, tmp_path, NARROW, CHAT.id) as (app, pilot):
        app.push_screen(PlotsScreen())
        await until(pilot, lambda: any("is locked [/red]" in one for one in said(app)))
        await pilot.press("tab", "m", "escape")
        await until(pilot, lambda: not isinstance(app.screen, PlotsScreen))


async def test_a_task_file_that_cannot_be_read_costs_only_the_limits(tmp_path):
    source = FakeSource(DETAIL)
    source.files[CHAT.id] = "slo: ["
    async with plots(source, tmp_path) as (app, pilot):
        await pilot.press("tab", "m")
        await until(pilot, lambda: "TTFT p95, ms" in text(app))
        assert any("limits of the SLO are not shown" in one for one in said(app))


async def test_any_size_of_the_terminal(tmp_path):
    async with plots(FakeSource(DETAIL), tmp_path) as (app, pilot):
        for _ in PLOTS:
            for size in ((20, 5), (200, 60), (40, 10), NARROW):
                await pilot.resize_terminal(*size)
                await pilot.pause()
                assert all(len(one) <= size[0] for one in text(app).splitlines())
            await pilot.press("tab")


async def test_no_task_is_said(tmp_path):
    async with console(FakeSource(tasks=()), tmp_path) as (app, pilot):
        app.push_screen(PlotsScreen())
        await until(pilot, lambda: "No task is open." in text(app))
        await pilot.press("tab", "m", "left_square_bracket", "escape")
