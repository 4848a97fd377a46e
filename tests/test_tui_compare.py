"""Experiments side by side."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.store.views import TaskDetail
from tests.tui_console import NARROW, WIDE, console, said, text, until
from tests.tui_sample import CHAT, DETAIL, EXPERIMENTS, FakeSource, done
from tui.line import width
from tui.screens.compare import CompareScreen
from tui.screens.task import TaskScreen
from tui.views.choices import compared
from tui.views.compare import MOST, comparison, overlaid, sides
from tui.widgets.results import ResultsTable


def plain(lines) -> list[str]:
    return ["".join(span.text for span in one).rstrip() for one in lines]


def rows_of(lines) -> dict[str, list[str]]:
    """Cells by the label of their row."""
    return {one[:24].split("  ")[0].strip(): one.split() for one in plain(lines) if one.strip()}


@asynccontextmanager
async def comparing(home: Path, *keys: str, size: tuple[int, int] = NARROW, source=None):
    source = source or FakeSource(DETAIL)
    async with console(source, home, size, CHAT.id) as (app, pilot):
        await until(pilot, lambda: app.screen.query_one(ResultsTable).page.total)
        await pilot.press(*keys, "c")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen))
        await until(pilot, lambda: "SLO" in text(app))
        yield app, pilot


async def test_the_row_under_the_cursor_with_the_baseline(tmp_path):
    async with comparing(tmp_path, "j", "j", "j") as (app, pilot):
        screen = text(app)
        assert "○ #0" in screen
        assert "● #5" in screen
        assert "baseline" in screen
        assert "+38.1" in screen
        assert "kv" in screen
        assert "output throughput" in screen
        await pilot.press("tab")
        await until(pilot, lambda: "TTFT p95, ms" in text(app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, TaskScreen))


async def test_the_baseline_is_held_against_the_best(tmp_path):
    async with comparing(tmp_path, "G") as (app, _):
        assert "#0" in text(app)
        assert "#5" in text(app)


async def test_three_marked_ones_fit_and_everything_is_a_key_away(tmp_path):
    async with comparing(tmp_path, "j", "space", "j", "space", "space") as (app, pilot):
        screen = text(app)
        assert all(f"#{number}" in screen for number in (7, 5, 4))
        assert "✖ out of memory: KV cache" in screen
        assert "TTFT p99" not in screen
        await pilot.press("a")
        await until(pilot, lambda: "TTFT p99" in text(app))
        await pilot.press("a")
        await until(pilot, lambda: "TTFT p99" not in text(app))


async def test_what_is_written_meanwhile_is_shown(tmp_path):
    source = FakeSource(DETAIL)
    async with comparing(tmp_path, "j", "j", "j", source=source, size=WIDE) as (app, pilot):
        better = replace(EXPERIMENTS[5], score=1300.0)
        found = tuple(better if one.number == 5 else one for one in EXPERIMENTS)
        source.details[CHAT.id] = TaskDetail(CHAT, found)
        source.revision += 1
        await until(pilot, lambda: "1 300" in text(app))


async def test_more_than_fit_is_said(tmp_path):
    many = tuple(done(n, 16 * n + 16, 2048, 900.0 + n, 0.4) for n in range(9))
    source = FakeSource(TaskDetail(CHAT, many))
    async with comparing(tmp_path, *("space",) * 9, source=source) as (app, pilot):
        assert f"the first {MOST} of 9 marked" in text(app)
        await pilot.resize_terminal(40, 12)
        await until(pilot, lambda: "a wider" in text(app))
        await pilot.resize_terminal(20, 5)
        await pilot.pause(0.1)
        await pilot.press("a", "tab", "G", "escape")
        await until(pilot, lambda: isinstance(app.screen, TaskScreen))


async def test_one_alone_is_not_compared(tmp_path):
    alone = replace(CHAT, best=None, best_score=None)
    source = FakeSource(TaskDetail(alone, EXPERIMENTS[:1]), tasks=(alone,))
    async with console(source, tmp_path, task=CHAT.id) as (app, pilot):
        await until(pilot, lambda: app.screen.query_one(ResultsTable).page.total)
        await pilot.press("c")
        await until(pilot, lambda: any("mark two" in one for one in said(app)))
        assert isinstance(app.screen, TaskScreen)


@pytest.mark.parametrize(
    ("marks", "at", "best", "wanted"),
    [
        ((), 3, 5, (0, 3)),
        ((), 0, 5, (0, 5)),
        ((), 0, 0, ()),
        ((), 0, None, ()),
        ((), None, 5, ()),
        ((7,), 3, 5, (0, 3)),
        ((7, 0, 2), 3, 5, (0, 7, 2)),
        ((7, 2), 3, 5, (7, 2)),
    ],
)
def test_what_is_compared(marks, at, best, wanted):
    assert compared(marks, at, best) == wanted


def test_only_what_differs_and_the_better_one_is_marked():
    found = rows_of(comparison(CHAT, sides(CHAT, (EXPERIMENTS[0], EXPERIMENTS[5])), 120))
    assert found["score tok/s/GPU"] == ["score", "tok/s/GPU", "858", "1", "184", "✔", "+38.1"]
    assert found["TTFT p95 ms"] == ["TTFT", "p95", "ms", "471", "412", "✔", "-12.5"]
    assert "load" not in found  # the same
    assert "max-num-seqs" in found
    everything = comparison(
        CHAT, sides(CHAT, (EXPERIMENTS[0], EXPERIMENTS[5])), 120, everything=True
    )
    assert rows_of(everything)["load"][-2:] == ["64", "64"]


def test_a_tie_looks_like_a_tie():
    other = replace(EXPERIMENTS[5], number=9, score=1184.3)
    assert "score tok/s/GPU" not in rows_of(
        comparison(CHAT, sides(CHAT, (EXPERIMENTS[5], other)), 120)
    )


def test_one_that_only_failed_makes_no_figure_differ():
    found = rows_of(comparison(CHAT, sides(CHAT, (EXPERIMENTS[5], EXPERIMENTS[4])), 120))
    assert "TPOT p95 ms" not in found
    assert "✖" in found["SLO"]


@given(st.lists(st.sampled_from(EXPERIMENTS), min_size=1, max_size=8), st.integers(20, 200))
def test_any_of_them_at_any_width(views, cells):
    found = sides(CHAT, views)
    assert len({one.mark for one in found}) == len(found) <= MOST
    for everything in (False, True):
        lines = comparison(CHAT, found, cells, everything=everything)
        assert all(width(one) <= cells for one in lines)
    for metric in range(4):
        assert all(width(one) <= cells for one in overlaid(found, metric, cells, 12))
