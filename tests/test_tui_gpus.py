"""The GPU screen and the GPUs in the status line, on machines of every kind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.pilot import Pilot

from core.gpu import Gpu, GpuProcess
from core.store.views import LiveView
from core.values import TaskState
from tests.gpu_samples import EIGHT, MACHINES, SIXTEEN, UNIFIED, busy, foreign, history, idle, lost
from tests.tui_console import NARROW, WIDE, console, text, until
from tests.tui_sample import CHAT, DEMO, DETAIL, NOW, FakeSource
from tui.app import AutotunerApp
from tui.glyphs import shown
from tui.history import History, gpu_key, memory_share
from tui.line import width
from tui.screens.gpus import GpusScreen
from tui.snapshot import Snapshot
from tui.views.bars import gauges, spark
from tui.views.gpus import gpu_grid, past_plot, who, work_of
from tui.views.layout import plan
from tui.widgets.table import Table


def plain(parts) -> str:
    return "".join(span.text for span in parts)


@asynccontextmanager
async def gpus(
    live: LiveView, home: Path, size: tuple[int, int] = NARROW, alive: bool = True
) -> AsyncIterator[tuple[AutotunerApp, Pilot[None], FakeSource]]:
    source = FakeSource(DETAIL)
    source.seen = live
    source.alive = replace(source.alive, alive=alive)
    async with console(source, home, size) as (app, pilot):
        await pilot.press("4")
        await until(pilot, lambda: isinstance(app.screen, GpusScreen) and app.screen.ready)
        await pilot.pause()
        yield app, pilot, source


def rows(app) -> list[str]:
    return app.screen.query_one(Table).lines


@pytest.mark.parametrize("size", [NARROW, WIDE])
@pytest.mark.parametrize("name", list(MACHINES))
async def test_every_machine_has_a_row_for_each_gpu(tmp_path, name, size):
    live = MACHINES[name]
    async with gpus(live, tmp_path, size) as (app, _, _):
        assert len(rows(app)) == len(live.gpus)
        screen = text(app)
        assert all(len(one) <= size[0] for one in screen.splitlines())
        assert "? help" in screen.splitlines()[-1]
        if live.gpus:
            assert "memory" in screen
            assert "GiB" in screen


async def test_eight_gpus_say_what_they_do_and_for_whom(tmp_path):
    async with gpus(MACHINES["8"], tmp_path, WIDE) as (app, _, _):
        shown_rows = rows(app)
        assert shown_rows[0].split()[:7] == [
            "0", "H100", "80GB", "HBM3", "███████████▁▁▁", "61.2/79.6", "97",
        ]  # fmt: skip
        assert "612/700" in shown_rows[0]
        assert shown_rows[0].endswith("qwen3-8b-chat #8")
        assert "not ours: pid 3718204 python" in shown_rows[4]
        assert shown_rows[5].endswith("free")
        assert "✖ lost" in shown_rows[6]
        assert "/79.6" not in shown_rows[6]
        screen = text(app)
        assert "8 × H100 80GB HBM3" in screen
        assert "265 of 557 GiB · 2.7 kW" in screen


def test_numbers_line_up_on_their_decimal_points():
    gpus = (busy(0), idle(1), replace(busy(2), memory_used=None), lost(3))
    grid = gpu_grid(gpus, History(), 120)
    lines = [plain(plan(grid, 117).row(row)) for row in grid.rows]
    first = lines[0].index("61.2/") + 1
    assert [one[first] for one in lines] == ["1", "0", "–", "–"]
    slash = lines[0].index("/")
    assert [one[slash] for one in lines] == ["/", "/", " ", " "]


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_sixteen_are_seen_at_once(tmp_path, size):
    async with gpus(MACHINES["16"], tmp_path, size) as (app, _, _):
        screen = text(app)
        assert all(row in screen for row in rows(app))
        assert [row.split()[0] for row in rows(app)] == [str(n) for n in range(16)]
        assert ("H100 80GB HBM3" in rows(app)[15]) is (size == WIDE)
        assert "61.2/79.6    97  612/700    71" in rows(app)[0]
        assert rows(app)[0].endswith("qwen3-8b-chat #8")
        assert "GPU 0  NVIDIA H100 80GB HBM3" in screen
        assert "pid 5100 VLLM::Worker_TP 60.2 GiB (qwen3-8b-chat #8)" in screen


async def test_what_does_not_fit_scrolls(tmp_path):
    async with gpus(MACHINES["16"], tmp_path, (80, 16)) as (app, pilot, _):
        assert rows(app)[15] not in text(app)
        await pilot.press("G")
        await until(pilot, lambda: rows(app)[15] in text(app))
        assert "GPU 15  NVIDIA H100 80GB HBM3" in text(app)


async def test_unified_memory_shows_a_dash_and_the_rest(tmp_path):
    async with gpus(MACHINES["unified"], tmp_path) as (app, _, _):
        [row] = rows(app)
        words = row.split()
        assert words[:6] == ["0", "GB10", "–", "12", "–", "48"]
        assert row.endswith("demo #0")
        assert "pid 812 VLLM::EngineCore 3.0 GiB (demo #0)" in text(app)


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_no_driver_says_so(tmp_path, size):
    async with gpus(MACHINES["0"], tmp_path, size) as (app, _, _):
        assert "No GPU: no NVIDIA driver on this machine (libnvidia-ml.so.1" in text(app)
        assert "Everything else works" in text(app)


async def test_without_a_runner_there_are_no_figures_and_it_says_what_to_do(tmp_path):
    async with gpus(LiveView(), tmp_path, alive=False) as (app, _, _):
        assert "none is at work" in text(app)
        assert "autotuner-tui run" in text(app)


async def test_old_figures_say_their_age(tmp_path):
    async with gpus(LiveView(NOW - 41, EIGHT), tmp_path, alive=False) as (app, _, _):
        assert "seen 41s ago, no runner is at work" in text(app)


async def test_a_note_beside_gpus_is_shown(tmp_path):
    async with gpus(MACHINES["mig"], tmp_path, WIDE) as (app, pilot, _):
        assert "GPU 1 is in MIG mode and has no MIG instance" in text(app)
        await pilot.press("j")
        await until(pilot, lambda: "MIG-1" in text(app))


async def test_it_is_live_and_remembers(tmp_path):
    async with gpus(LiveView(NOW - 60, (idle(0),)), tmp_path, WIDE) as (app, pilot, source):
        assert rows(app)[0].endswith("free")
        source.seen = LiveView(NOW, (busy(0),))
        await until(pilot, lambda: "#8" in rows(app)[0])
        assert app.snapshot.history.levels(busy(0).uuid, 2) == (0.0, 0.97)
        assert "▁         █" in rows(app)[0]
        source.seen = LiveView(NOW + 1, (lost(0),))
        await until(pilot, lambda: "lost" in rows(app)[0])
        assert "fell off the bus" in text(app)


@pytest.mark.parametrize(
    ("gpu", "said"),
    [
        (idle(0), "free"),
        (lost(0), "✖ lost"),
        (busy(0), "qwen3-8b-chat #8"),
        (foreign(0), "not ours: pid 3718204 python3.11"),
        (
            replace(busy(0), processes=(*busy(0).processes, *foreign(0).processes)),
            "qwen3-8b-chat #8, not ours: pid 3718204 python3.11",
        ),
        (
            replace(foreign(0), processes=(*foreign(0).processes, GpuProcess(7, "sglang"))),
            "not ours: pid 3718204 python3.11 +1",
        ),
    ],
)
def test_who_uses_a_gpu(gpu, said):
    assert plain(who(gpu)) == said


def test_history_is_the_last_two_minutes():
    seen = History()
    for second in range(300):
        level = 1.0 if second >= 240 else 0.25
        seen = seen.grown(LiveView(NOW + second, (replace(busy(0), utilisation=level),)))
    assert len(seen.points[busy(0).uuid]) == 121
    levels = seen.levels(busy(0).uuid, 4)
    assert levels == (0.25, 0.25, 1.0, 1.0)
    assert plain([spark(levels)]) == "▃▃██"
    assert {full for _, _, full in seen.points[busy(0).uuid]} == {memory_share(busy(0))}
    assert seen.grown(LiveView(seen.at, ())) is seen
    later = seen.grown(LiveView(NOW + 1000, (busy(0), idle(1))))
    assert later.levels(busy(0).uuid, 3) == (None, None, 0.97)
    assert later.levels("nobody", 2) == (None, None)


def test_gauges_lose_detail_with_the_room():
    live = MACHINES["lost"]
    assert plain(gauges(live, 80)) == "gpu0 ████████▁▁ 61/80G  97%  gpu1 lost"
    assert plain(gauges(live, 36)) == "gpu0 ████▁ 61/80G  97%  gpu1 lost"
    assert plain(gauges(live, 25)) == "gpu0 ███▁  97%  gpu1 lost"
    assert gauges(live, 24) == ()
    assert gauges(MACHINES["0"], 80) == ()
    assert plain(gauges(MACHINES["unified"], 80)) == "gpu0 –  12%"
    assert plain(gauges(MACHINES["8"], 40)) == "8 GPUs 265/557G  56% 1 lost"


MEMORY = st.one_of(st.none(), st.integers(0, 2**42))
LEVEL = st.one_of(st.none(), st.floats(0, 1))
WATTS = st.one_of(st.none(), st.floats(0, 2000))
GPU = st.builds(
    Gpu, st.integers(0, 15), st.uuids().map(str), st.text(max_size=40),
    MEMORY, MEMORY, LEVEL, WATTS, WATTS, WATTS,
    st.lists(st.builds(GpuProcess, st.integers(1), st.text(), MEMORY), max_size=3).map(tuple),
    st.booleans(),
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(GPU, max_size=6), st.integers(60, 200))
def test_whatever_a_driver_says_fits(gpus, cells):
    live = LiveView(NOW, tuple(gpus))
    grid = gpu_grid(live.gpus, History().grown(live), cells)
    chosen = plan(grid, cells - 3)
    assert all(width(chosen.row(row)) <= cells - 3 for row in grid.rows)
    assert [row.key for row in grid.rows] == [gpu_key(gpu) for gpu in gpus]
    assert width(gauges(live, cells)) <= cells


def test_without_utf8_everything_has_a_stand_in():
    for gpus in (EIGHT, SIXTEEN, (UNIFIED,)):
        live = LiveView(NOW, gpus)
        grid = gpu_grid(gpus, history(live), 120)
        drawn = [
            *plan(grid, 117).header(),
            *(plan(grid, 117).row(row) for row in grid.rows),
            gauges(live, 200),
        ]
        for one in drawn:
            assert shown(plain(one), utf8=False).isascii()
            assert "?" not in shown(plain(one), utf8=False)


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_where_there_is_room_the_past_of_one_gpu_is_plotted(tmp_path, size):
    live = MACHINES["lost"]
    async with gpus(live, tmp_path, size) as (app, pilot, _):
        app.snapshot = replace(app.snapshot, history=history(live))
        assert isinstance(app.screen, GpusScreen)
        app.screen.show()
        await until(pilot, lambda: "utilisation 97 %" in text(app))
        assert "memory 77 %" in text(app)
        assert "-120" in text(app)
        assert "GPU 0 " in text(app)
        await pilot.press("j")
        await until(pilot, lambda: "tells neither how busy" in text(app))
        assert "fell off the bus" in text(app)
        await pilot.resize_terminal(80, 16)
        await until(pilot, lambda: "tells neither" not in text(app))


def test_the_past_has_gaps_where_nobody_looked():
    gpu = busy(0)
    seen = History()
    for second in (0, 1, 2, 60, 61, 62):
        seen = seen.grown(LiveView(NOW + second, (gpu,)))
    drawn = [plain(one) for one in past_plot(gpu, seen, 100, 14)[1:11]]
    dots = sum("\u2800" < c <= "\u28ff" for one in drawn for c in one)
    assert 0 < dots < 20


@settings(deadline=None)
@given(st.lists(st.tuples(LEVEL, MEMORY), max_size=20), st.integers(-1, 200), st.integers(-1, 50))
def test_any_past_fits(looks, cells, rows):
    seen, gpu = History(), busy(0)
    for second, (level, used) in enumerate(looks):
        gpu = replace(gpu, utilisation=level, memory_used=used)
        seen = seen.grown(LiveView(NOW + second, (gpu,)))
    drawn = past_plot(gpu, seen, cells, rows)
    assert len(drawn) <= max(0, rows)
    assert all(width(one) <= max(0, cells) for one in drawn)


async def test_l_opens_the_log_of_the_experiment_on_it(tmp_path, monkeypatch):
    opened = []
    async with gpus(MACHINES["8"], tmp_path) as (app, pilot, _):
        monkeypatch.setattr(app, "open_log", lambda number: opened.append((app.opened, number)))
        app.opened = DEMO.id
        await pilot.press("l")
        await until(pilot, lambda: opened == [(CHAT.id, 8)])
        await pilot.press("G", "l")
        await until(pilot, lambda: "no experiment of ours is on GPU 7" in text(app))
        assert len(opened) == 1


def test_of_tasks_of_one_name_the_running_one_is_at_work():
    newer = replace(CHAT, id="newer", state=TaskState.CANCELLED)
    assert work_of(Snapshot(tasks=(newer, CHAT)), busy(0)) == (CHAT.id, 8)
    assert work_of(Snapshot(tasks=(newer,)), busy(0)) == ("newer", 8)
    assert work_of(Snapshot(tasks=(newer,)), busy(0, "other #8")) is None
    assert work_of(Snapshot(tasks=(newer,)), busy(0, "qwen3-8b-chat #x")) is None
    assert work_of(Snapshot(tasks=(newer,)), foreign(0)) is None


async def test_any_size_of_the_terminal(tmp_path):
    async with gpus(MACHINES["8"], tmp_path) as (app, pilot, _):
        for size in ((20, 5), (200, 60), (40, 10), NARROW):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert all(len(one) <= size[0] for one in text(app).splitlines())
