"""One task and its experiments, driven by keys."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.widgets import Input

from core.store.views import Condition, ResultQuery, TaskDetail
from core.values import ExperimentState, TaskState
from tests.tui_console import NARROW, WIDE, console, said, text, until
from tests.tui_sample import (
    CHAT,
    DEMO,
    DETAIL,
    EXPERIMENTS,
    OOM,
    RAG,
    FakeSource,
    done,
    failed,
)
from tests.tui_task import header, many, numbers, table, task, write
from tui.screens.choose import ChooseScreen
from tui.screens.confirm import ConfirmScreen
from tui.screens.experiment import ExperimentScreen
from tui.screens.task import TaskScreen
from tui.screens.tasks import TasksScreen
from tui.widgets.prompt import Prompt


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_one_task(tmp_path, size):
    async with task(FakeSource(DETAIL), tmp_path, size) as (app, _):
        screen = text(app)
        assert "#5  1 184 tok/s/GPU  seqs=256 batched=4096 kv=fp8" in screen
        assert "◌ unconfirmed +38.1 %: measured once" in screen
        assert "● running 8/30  about 1h50m left" in screen
        assert "load ✔ 41s ▸ compile 68 % 12s of ~1m35s ▸ capture ▸ ready ▸ benchmark" in screen
        assert "max-num-seqs above 256 not tried yet" in screen
        assert "9 experiments" in screen
        rows = table(app).lines
        assert numbers(app) == [8, 7, 6, 5, 4, 3, 2, 1, 0]
        assert "✔ best" in rows[3]
        assert "✖ out of memory: KV cache" in rows[4]
        assert "✖ ttft p95 +38 %" in rows[2]
        assert "✔ baseline" in rows[8]
        assert ("E2E" in screen) is (size == WIDE)
        assert ("Δ base" in screen) is (size == WIDE)
        assert ("← baseline" in screen) is (size == WIDE)  # the chart of the best over time
        # One column, one decimal point.
        ends = [
            row.find(score) + len(score)
            for row, score in zip(rows[7:], ("912", "858"), strict=True)
        ]
        assert ends[0] == ends[1]


async def test_gain_over_the_baseline_is_a_column_where_there_is_room(tmp_path):
    async with task(FakeSource(DETAIL), tmp_path, WIDE) as (app, _):
        assert "+38.1" in table(app).lines[3]
        assert "+38.1" not in table(app).lines[8]


async def test_sort_by_a_column_and_turn_round(tmp_path):
    source = FakeSource(DETAIL)
    async with task(source, tmp_path) as (app, pilot):
        await pilot.press("j", "j", "s")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press(*"score", "enter")
        await until(pilot, lambda: isinstance(app.screen, TaskScreen) and numbers(app)[0] == 6)
        assert numbers(app)[:7] == [6, 5, 3, 7, 2, 1, 0]
        assert table(app).number == 6
        assert "score↓" in text(app)
        await pilot.press("o")
        await until(pilot, lambda: numbers(app)[0] == 0)
        assert "score↑" in text(app)
        assert table(app).number == 6
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press("enter")  # the column it is sorted by: the other way round
        await until(pilot, lambda: isinstance(app.screen, TaskScreen) and numbers(app)[0] == 6)
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press(*"ttft", "enter")
        await until(pilot, lambda: isinstance(app.screen, TaskScreen) and numbers(app)[0] == 3)
        assert source.read[-1][0] == ResultQuery("ttft_p95", descending=False)


async def test_leaving_the_list_of_columns_changes_nothing(tmp_path):
    source = FakeSource(DETAIL)
    async with task(source, tmp_path) as (app, pilot):
        for key in ("s", "C"):
            await pilot.press(key)
            await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, TaskScreen))
        assert table(app).wants == ResultQuery()
        assert table(app).hidden == frozenset()


async def test_columns_are_hidden_and_come_back(tmp_path):
    async with task(FakeSource(DETAIL), tmp_path) as (app, pilot):
        assert "batched" in header(app)
        for shown in (False, True):
            await pilot.press("C")
            await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
            await pilot.press(*"batched", "space", "enter")
            await until(pilot, lambda: isinstance(app.screen, TaskScreen))
            await until(pilot, lambda: ("batched" in header(app)) is shown)  # noqa: B023


async def test_filter_works_while_it_is_typed(tmp_path):
    source = FakeSource(DETAIL)
    async with task(source, tmp_path) as (app, pilot):
        await pilot.press("j", "j", "j", "j", "j", "slash")
        assert app.screen.query_one(Prompt).open
        await pilot.press(*"fp8 seqs<200")
        await until(pilot, lambda: numbers(app) == [7, 3, 2, 1])
        assert "4 of 9" in text(app)
        assert table(app).number == 3
        assert source.read[-1][0].conditions == (Condition("max-num-seqs", "<", 200),)
        assert source.read[-1][0].words == ("fp8",)
        await pilot.press("enter")
        assert not app.screen.query_one(Prompt).open
        assert app.focused is table(app)
        assert "fp8 seqs<200" in text(app)
        await pilot.press("slash")
        assert app.screen.query_one(Input).value == "fp8 seqs<200"
        await pilot.press("escape")  # leaves the prompt: no filter
        await until(pilot, lambda: len(numbers(app)) == 9)
        assert table(app).number == 3
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, TasksScreen))


async def test_escape_takes_a_kept_filter_away_first(tmp_path):
    async with task(FakeSource(DETAIL), tmp_path) as (app, pilot):
        await pilot.press("slash", *"zz", "enter")
        await until(pilot, lambda: "No experiment is like that" in text(app))
        await pilot.press("escape")
        await until(pilot, lambda: len(table(app).lines) == 9)
        assert isinstance(app.screen, TaskScreen)


async def test_the_cursor_returns_to_its_row_when_a_filter_hid_it(tmp_path):
    async with task(FakeSource(DETAIL), tmp_path) as (app, pilot):
        await pilot.press("j", "j", "j", "j")
        assert table(app).number == 4
        await pilot.press("slash", *"seqs<1000")
        await until(pilot, lambda: len(table(app).lines) == 7)
        await pilot.press("escape")
        await until(pilot, lambda: table(app).number == 4)


async def test_a_filter_that_is_none_is_said_and_can_be_mended(tmp_path):
    async with task(FakeSource(DETAIL), tmp_path) as (app, pilot):
        await pilot.press("slash", *"seqs=64")
        await until(pilot, lambda: len(table(app).lines) == 2)
        await pilot.press(*" tpott<1")
        await until(pilot, lambda: "did you mean tpot" in text(app))
        kept = table(app).wants
        assert kept.conditions == (Condition("max-num-seqs", "=", 64),)
        await pilot.press("enter")
        assert app.screen.query_one(Prompt).open
        assert "did you mean tpot" in text(app)
        assert table(app).wants == kept
        await pilot.press(*("backspace",) * 3, *"<1", "enter")
        await until(pilot, lambda: not app.screen.query_one(Prompt).open)
        await until(pilot, lambda: numbers(app) == [2, 1])


async def test_keys_that_are_letters_are_text_in_the_filter(tmp_path):
    source = FakeSource(DETAIL)
    async with task(source, tmp_path) as (app, pilot):
        await pilot.press("slash", *"1q?xTp:S")
        assert app.screen.query_one(Input).value == "1q?xTp:S"
        assert isinstance(app.screen, TaskScreen)
        assert source.asked == []


async def test_marks_and_comparing(tmp_path):
    async with task(FakeSource(DETAIL), tmp_path) as (app, pilot):
        await pilot.press("space", "j", "space")
        assert table(app).marks == (8, 6)
        assert "• 2 marked" in text(app)
        assert sum("•" in one for one in text(app).splitlines()) == 3
        await pilot.press("k", "space")
        assert table(app).marks == (8,)
        await pilot.press("u")
        assert table(app).marks == ()
        assert "•" not in text(app)


async def test_cursor_stays_on_its_row(tmp_path):
    source = FakeSource(DETAIL)
    async with task(source, tmp_path) as (app, pilot):
        await pilot.press("j", "j", "j")
        assert table(app).number == 5
        write(source, *EXPERIMENTS, done(9, 384, 2048, 1100.0, 0.4))
        await until(pilot, lambda: len(table(app).lines) == 10)
        assert table(app).number == 5
        write(source, *EXPERIMENTS[:3])
        await until(pilot, lambda: len(table(app).lines) == 3)
        assert table(app).number == 0
        await pilot.press("g")
        assert table(app).number == 2
        await pilot.press("G", "k")
        assert table(app).number == 1


async def test_cursor_keeps_its_line_among_many_rows(tmp_path):
    experiments = many(2000)
    source = FakeSource(TaskDetail(CHAT, experiments))
    async with task(source, tmp_path) as (app, pilot):
        await pilot.press("G")
        await until(pilot, lambda: table(app).number == 0)
        await pilot.press("pageup", "pageup", "pageup")
        await until(pilot, lambda: table(app).number not in (0, None))
        await pilot.pause(0.2)
        number, line = table(app).number, table(app).scroll_offset.y
        write(source, *experiments, done(2000, 7, 2048, 400.0, 0.4))
        await until(pilot, lambda: table(app).page.total == 2001)
        await until(pilot, lambda: table(app).scroll_offset.y == line + 1)
        assert table(app).number == number
        assert f"▸ {number:>4}" in text(app)
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press(*"score", "enter")
        await until(pilot, lambda: "score↓" in text(app))
        assert table(app).number == number
        assert f"▸ {number:>4}" in text(app)


async def test_only_the_rows_in_view_and_some_around_are_read(tmp_path):
    source = FakeSource(TaskDetail(CHAT, many(3000)))
    async with task(source, tmp_path) as (app, pilot):
        assert table(app).virtual_size.height == 3002
        for keys in (("G",), ("g",), ("pagedown",) * 12, ("j",) * 30, ("pageup",) * 5):
            await pilot.press(*keys)
            await pilot.pause(0.1)
        assert max(limit for _, _, limit in source.read) < 120
        reads = len(source.read)
        await pilot.pause(1.5)  # some snapshots and a tick: nothing was written
        assert len(source.read) == reads


async def test_steps_beyond_the_rows_that_are_held_add_up(tmp_path):
    source = FakeSource(TaskDetail(CHAT, many(500)))
    async with task(source, tmp_path) as (app, pilot):
        await pilot.press(*("j",) * 150)
        await until(pilot, lambda: table(app).number == 499 - 150)
        assert "▸ 349" in text(app)
        await pilot.press("G", "k", "k")
        await until(pilot, lambda: table(app).number == 2)


async def test_rows_that_did_not_change_are_not_drawn_again(tmp_path):
    source = FakeSource(DETAIL)
    async with task(source, tmp_path) as (app, pilot):
        drawn: list[int] = []
        real = table(app).render_line

        def counted(y: int):
            drawn.append(y)
            return real(y)

        table(app).render_line = counted  # type: ignore[method-assign]
        changed = replace(EXPERIMENTS[3], score=1050.9)
        write(source, *EXPERIMENTS[:3], changed, *EXPERIMENTS[4:])
        await until(pilot, lambda: "1 051" in text(app) and table(app).page.rows[5].score == 1050.9)
        write(source, *EXPERIMENTS[:3], replace(changed, score=999.0), *EXPERIMENTS[4:])
        await until(pilot, lambda: "  999" in table(app).lines[5])
        await pilot.pause(0.1)
        assert set(drawn) <= {2 + 5}


async def test_columns_do_not_change_their_width_while_one_scrolls(tmp_path):
    experiments = many(400)
    wild = replace(experiments[200], parameters={**experiments[200].parameters, "dtype": "a" * 12})
    source = FakeSource(TaskDetail(CHAT, (*experiments[:200], wild, *experiments[201:])))
    async with task(source, tmp_path, WIDE) as (app, pilot):
        await pilot.press(*("pagedown",) * 9, "j", "j")
        await until(pilot, lambda: "aaaa" in text(app))
        wide = header(app)
        await pilot.press("g")
        await until(pilot, lambda: table(app).number == 399 and "aaaa" not in text(app))
        assert header(app) == wide


@pytest.mark.parametrize(
    ("keys", "asked"),
    [
        (("S", "y"), ("skip", {"task": CHAT.id})),
        (("j", "j", "j", "j", "r"), ("retry", {"task": CHAT.id, "number": 4})),
        (("j", "j", "j", "j", "enter", "r"), ("retry", {"task": CHAT.id, "number": 4})),
    ],
)
async def test_keys_ask_the_runner(tmp_path, keys, asked):
    source = FakeSource(DETAIL)
    async with task(source, tmp_path) as (_, pilot):
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.1)
        await until(pilot, lambda: source.asked == [asked])


async def test_skipping_is_asked_once_and_needs_something_to_skip(tmp_path):
    source = FakeSource(DETAIL)
    async with task(source, tmp_path) as (app, pilot):
        await pilot.press("S")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert "Skip #8?" in text(app)
        await pilot.press("n")
        write(source, *EXPERIMENTS[:8])
        await until(pilot, lambda: len(table(app).lines) == 8)
        await pilot.press("S")
        await until(pilot, lambda: any("nothing to skip" in one for one in said(app)))
        assert source.asked == []


async def test_only_a_failed_one_is_tried_again(tmp_path):
    source = FakeSource(DETAIL)
    async with task(source, tmp_path) as (app, pilot):
        await pilot.press("j", "r")
        await until(pilot, lambda: any("#7 did not fail" in one for one in said(app)))
        assert source.asked == []


async def test_the_command_is_copied(tmp_path, monkeypatch):
    copied: list[tuple[str, str]] = []
    async with task(FakeSource(DETAIL), tmp_path) as (app, pilot):
        monkeypatch.setattr(app, "copy", lambda text, what: copied.append((text, what)))
        await pilot.press("j", "y")
        wanted = ("vllm serve Qwen/Qwen3-8B --number 7", "the command of #7")
        await until(pilot, lambda: copied == [wanted])
        await pilot.press("enter")
        await until(pilot, lambda: "--number 7" in text(app))
        await pilot.press("y")
        await until(pilot, lambda: copied == [wanted, wanted])


async def test_the_log_opens_at_the_line_that_proves_the_failure(tmp_path, monkeypatch):
    opened: list[tuple[object, ...]] = []
    broken = replace(failed(9), failure=replace(OOM, log="benchmark.log", line=7))
    source = FakeSource(TaskDetail(CHAT, (*EXPERIMENTS, broken)))
    async with task(source, tmp_path) as (app, pilot):
        monkeypatch.setattr(app, "open_log", lambda *asked: opened.append(asked))
        await pilot.press("l", "j", "l", "j", "j", "j", "j", "l", "enter")
        await until(pilot, lambda: "what to do" in text(app))
        await pilot.press("l")
        await until(pilot, lambda: len(opened) == 4)
        assert opened == [
            (9, 7, "benchmark"), (8, None, "engine"), (4, 212, "engine"), (4, 212, "engine"),
        ]  # fmt: skip


async def test_plots_are_a_key_away(tmp_path):
    async with task(FakeSource(DETAIL), tmp_path) as (app, pilot):
        await pilot.press("v")
        await until(pilot, lambda: app.screen.NAME == "plots")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, TaskScreen))


async def test_another_task_begins_without_filter_and_marks(tmp_path):
    source = FakeSource(DETAIL, TaskDetail(DEMO, EXPERIMENTS[:3]))
    async with task(source, tmp_path) as (app, pilot):
        await pilot.press("j", "space", "slash", *"seqs<1000", "enter")
        await until(pilot, lambda: len(table(app).lines) == 7)
        app.open_task(DEMO.id)
        await until(pilot, lambda: len(table(app).lines) == 3)
        assert table(app).marks == ()
        assert "marked" not in text(app)
        assert table(app).number == 2


async def test_nothing_there_says_so(tmp_path):
    source = FakeSource(TaskDetail(RAG))
    async with console(source, tmp_path, task=RAG.id) as (app, pilot):
        await until(pilot, lambda: "No experiment yet" in text(app))
        await pilot.press("enter", "l", "escape")
        app.open_task(RAG.id)
        await pilot.press("space", "u", "c", "o", "S", "r", "y", "k", "G", "pagedown")
        await pilot.pause(0.2)
        assert isinstance(app.screen, TaskScreen)
        assert source.asked == []


async def test_reading_that_fails_is_said_and_tried_again(tmp_path):
    source = FakeSource(DETAIL)
    async with task(source, tmp_path) as (app, pilot):
        real = source.results

        async def broken(*asked):
            raise OSError("database [/red] is locked")

        source.results = broken  # type: ignore[method-assign]
        write(source, *EXPERIMENTS[:5])
        await until(pilot, lambda: "✖ reading failed: database [/red] is locked" in text(app))
        assert len(table(app).lines) == 9  # what was read stays
        source.results = real  # type: ignore[method-assign]
        await until(pilot, lambda: len(table(app).lines) == 5)
        await until(pilot, lambda: "reading failed" not in text(app))


@pytest.mark.parametrize("size", [(20, 5), (40, 10), (200, 60)])
async def test_any_size_will_do(tmp_path, size):
    source = FakeSource(TaskDetail(CHAT, (*many(100), failed(100))))
    async with task(source, tmp_path, size) as (app, pilot):
        await pilot.press("j", "G", "k", "slash", *"fp8", "enter", "enter")
        await until(pilot, lambda: isinstance(app.screen, ExperimentScreen))
        await pilot.resize_terminal(20, 5)
        await pilot.press("G", "g", "escape")
        await until(pilot, lambda: isinstance(app.screen, TaskScreen))
        await pilot.resize_terminal(100, 30)
        await until(pilot, lambda: "about 1h50m left" in text(app))
        assert all(len(one) <= 100 for one in text(app).splitlines())


async def test_a_task_that_ended(tmp_path):
    ended = replace(CHAT, state=TaskState.COMPLETED, ended=CHAT.submitted + 4000)
    calm = tuple(e for e in EXPERIMENTS if e.state is not ExperimentState.STARTING)
    source = FakeSource(TaskDetail(ended, calm), tasks=(ended,))
    async with task(source, tmp_path) as (app, _):
        assert "done in 1h05m" in text(app)
