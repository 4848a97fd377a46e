"""Verdicts, ties, time left, and the marks of numbers that are worth less than they look."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.store.views import Condition, ResultPage, ResultQuery, VerdictView
from core.values import Failure, FailureKind, TaskState
from tests import tui_trust
from tests.tui_console import NARROW, WIDE, console, text, until
from tests.tui_sample import CHAT, NOW, FakeSource, matching, overview_of, row
from tui.beside import beside
from tui.glyphs import shown
from tui.line import Line, width
from tui.screens.experiment import ExperimentScreen
from tui.screens.task import TaskScreen
from tui.views import words
from tui.views.budget import Budget, spent
from tui.views.compare import comparison, sides
from tui.views.head import HEIGHT, head_lines
from tui.views.layout import as_lines
from tui.views.left import left, left_in_words
from tui.views.measured import confirmed_lines, measured_lines
from tui.views.results import Scale, bar_line, result_grid
from tui.views.tasks import task_grid
from tui.views.verdict import closest, gain_decimals, sentence, verdict_line, worth


def plain(lines: Iterable[Line]) -> list[str]:
    return ["".join(span.text for span in one).rstrip() for one in lines]


def said(detail) -> str:
    return "".join(span.text for span in verdict_line(detail.task))


def test_every_verdict_in_words_and_shapes():
    assert said(tui_trust.WINNER) == "✔ winner +38.1 % (+35.0 … +41.2 %, 3 repeats)"
    assert said(tui_trust.TIE) == (
        "≈ tie with #7, the cheaper is chosen: +37.7 % (+34.1 … +40.9 %, 3 repeats)"
    )
    assert said(tui_trust.NOT_BETTER) == (
        "○ not better than the defaults (-1.2 … +1.5 %, 3 repeats)"
    )
    assert said(tui_trust.UNCONFIRMED) == (
        "◌ unconfirmed +38.1 % (1 repeat): the budget ended after 1 of 3 repeats"
    )
    assert said(tui_trust.FEW) == "◌ unconfirmed +38.1 %: measured once"
    assert said(tui_trust.NONE) == "✖ none feasible: no configuration keeps every limit"
    once = replace(CHAT, verdict=VerdictView("unconfirmed", 0.381, note="the budget is spent"))
    assert sentence(once) == "unconfirmed +38.1 %: measured once; the budget is spent"
    tie = replace(CHAT, verdict=VerdictView("tie", tied=(0, 2), note="[red]"), best=1)
    assert sentence(tie).startswith("tie with the baseline #0 #2, the cheaper is chosen: +38.1 %")
    assert sentence(tie).endswith("; [red]")
    assert sentence(replace(CHAT, verdict=None)) == "not judged yet"
    sure = VerdictView("winner", 0.2, (0.1, 0.3), 4, confidence=0.9)
    assert sentence(replace(CHAT, verdict=sure)) == (
        "winner +20.0 % (+10.0 … +30.0 %, at 90% confidence, 4 repeats)"
    )


VERDICTS = st.builds(
    VerdictView,
    st.sampled_from(["winner", "tie", "not_better", "unconfirmed", "none_feasible", "new_one"]),
    st.none() | st.floats(-2, 9),
    st.none() | st.tuples(st.floats(-2, 9), st.floats(-2, 9)),
    st.integers(0, 9),
    tied=st.lists(st.integers(0, 99), max_size=4).map(tuple),
    note=st.text(max_size=120),
)


@given(VERDICTS, st.sampled_from(tui_trust.DETAILS), st.integers(20, 130), st.sampled_from([5, 11]))
def test_any_verdict_keeps_to_the_head(verdict, detail, cells, rows):
    detail = replace(detail, task=replace(detail.task, verdict=verdict))
    near = closest(row(view) for view in detail.experiments)
    lines = head_lines(overview_of(detail), NOW, cells, rows, near)
    assert HEIGHT <= len(lines) <= rows
    assert all(width(one) <= cells for one in lines)
    assert all(shown("".join(s.text for s in one), utf8=False).isascii() for one in lines)


@pytest.mark.parametrize("size", [NARROW, WIDE])
@pytest.mark.parametrize("detail", tui_trust.DETAILS, ids=lambda detail: detail.task.name)
async def test_the_verdict_is_on_the_tasks_screen_whole(tmp_path, detail, size):
    source = FakeSource(detail, tasks=(detail.task,))
    async with console(source, tmp_path, size, detail.task.id) as (app, pilot):
        await until(pilot, lambda: isinstance(app.screen, TaskScreen))
        for part in sentence(detail.task).split():
            await until(pilot, lambda: part in text(app))  # noqa: B023
        await until(pilot, lambda: "experiments" in text(app))
        assert "…" not in text(app).replace(" … ", "")
        if detail is tui_trust.WINNER:
            assert "load 96" in text(app)


async def test_what_comes_closest_is_said_with_each_gap(tmp_path):
    detail = tui_trust.NONE
    source = FakeSource(detail, tasks=(detail.task,))
    async with console(source, tmp_path, NARROW, detail.task.id) as (app, pilot):
        await until(pilot, lambda: "closest #1: ttft p95 550 ms > 500 ms (+10 %)" in text(app))
        assert "attainment 93 % < 99 % (-6.1 %)" in " ".join(text(app).split())
    wanted = (Condition("state", "=", "infeasible"),)
    assert wanted in [query.conditions for query, _, _ in source.read]
    found = await beside(source, replace(detail.task, verdict=VerdictView("winner")))
    assert found.closest is None


def test_closest_is_the_one_whose_worst_limit_is_missed_least():
    rows = [row(view) for view in tui_trust.NONE.experiments]
    found = closest(rows)
    assert found is not None
    assert found.number == 1
    assert closest([]) is None
    assert closest(row(view) for view in tui_trust.WINNER.experiments[:2]) is None
    assert words.excess("hang: nothing came") == 1.0


def test_the_list_says_what_came_of_each():
    grid = task_grid(tui_trust.TASKS, NOW, confirming={tui_trust.CONFIRMING.task.id})
    rows = plain(as_lines(grid, 77))[2:]
    states = ("✔ winner", "≈ tie", "○ not better", "◌ unconfirmed", "✖ none feasible",
              "● confirming", "● running", "‖ paused")  # fmt: skip
    for said_, shape in zip(rows, states, strict=True):
        assert shape in said_
    assert [one.split()[-1] for one in rows] == ["–"] * 5 + ["25m", "1h50m", "–"]
    # Within the noise no more digits than it is worth.
    assert "+38 " in rows[0]
    assert "+38.1" in rows[3]


def test_a_tie_looks_like_a_tie():
    detail = tui_trust.TIE
    overview, query = overview_of(detail), ResultQuery()
    rows = matching(detail, query)
    grid = result_grid(overview, rows, query, Scale().grown(overview, rows))
    said_ = {one.key: "".join(s.text for s in one.cells[-1]) for one in grid.rows}
    assert said_["5"] == said_["7"] == "✔ ≈ best"
    assert said_["3"] == "✔"
    views = [one for one in detail.experiments if one.number in (5, 7)]
    drawn = plain(comparison(detail.task, sides(detail.task, views), 100))
    score = next(one for one in drawn if one.startswith("score"))
    assert score.endswith("≈")
    assert "✔" not in score
    assert "✔" in next(one for one in drawn if one.startswith("TTFT p95"))


def test_decimals_that_the_noise_allows():
    wide, narrow = (
        VerdictView("winner", 0.3, (0.2, 0.4)),
        VerdictView("winner", 0.3, (0.299, 0.301)),
    )
    assert gain_decimals(replace(CHAT, verdict=wide)) == 0
    assert gain_decimals(replace(CHAT, verdict=narrow)) == 1
    assert worth(replace(CHAT, verdict=wide), 0.412, 3) == 2
    assert worth(replace(CHAT, verdict=narrow), 0.412, 3) == 3
    assert worth(CHAT, 0.412, 3) == 3
    assert words.gain(-0.0004, 0) == "+0"


@pytest.mark.parametrize(
    ("expected", "deadline", "short", "long"),
    [
        (6600, None, "1h50m", "about 1h50m left"),
        (6600, 3000, "50m", "about 50m left"),
        (None, 3000, "≤50m", "at most 50m left"),
        (None, None, "?", "no estimate yet"),
        (-5, None, "<1m", "about <1m left"),
    ],
)
def test_time_left_is_always_said(expected, deadline, short, long):
    ends = [None if one is None else NOW + one for one in (expected, deadline)]
    task = replace(CHAT, expected=ends[0], deadline=ends[1])
    assert (left(task, NOW), left_in_words(task, NOW)) == (short, long)
    idle = replace(task, state=TaskState.PAUSED)
    assert (left(idle, NOW), left_in_words(idle, NOW)) == ("", "")


def test_what_of_the_budget_is_spent():
    task = replace(CHAT, deadline=NOW + 5400)
    budget = Budget("30", "4h", "8", "5")
    assert spent(task, budget, NOW) == "budget 2h30m of 4h, 8 GPU-hours"
    assert spent(replace(task, state=TaskState.PAUSED), budget, NOW) == "budget 4h, 8 GPU-hours"
    assert spent(task, Budget("30"), NOW) == ""
    assert spent(task, Budget(duration="soon", gpu_hours="1.5"), NOW) == "budget 1.5 GPU-hours"
    ended = replace(task, state=TaskState.COMPLETED)
    assert spent(ended, budget, NOW) == ""


def test_confirming_says_so():
    lines = plain(head_lines(overview_of(tui_trust.CONFIRMING), NOW, 80))
    assert "● confirming" in lines[0]
    assert "#5  confirming #5: repeat 2" in "\n".join(lines)
    overview, query = overview_of(tui_trust.CONFIRMING), ResultQuery()
    rows = matching(tui_trust.CONFIRMING, query)
    grid = result_grid(overview, rows, query, Scale().grown(overview, rows))
    assert plain(row.cells[-1] for row in grid.rows) == [
        "✔ best ▸ confirming", "✔", "✔ baseline",
    ]  # fmt: skip


@pytest.mark.parametrize("cells", [60, 76, 118])
def test_each_bad_level_says_why(cells):
    lines = measured_lines(tui_trust.searched(), cells)
    assert all(width(one) <= cells for one in lines)
    whole = " ".join(" ".join(plain(lines)).split())
    for reason in (
        "benchmark errors: 96 of 96 requests failed with HTTP 503 [/tmp/x]",
        "died under load: the engine died while 256 requests were in flight",
        "ended early: ttft_p95 cannot be met any more: 26 requests took over 0.5 s",
        "ttft p95 691 ms > 500 ms (+38 %)", "tpot p95 34.1 ms > 30 ms (+14 %)",
        "no steady state: over-saturated: TTFT went from 0.5 s to 2.3 s and goes on rising",
        "client-bound: it was 18 ms late", "prefix cache not reset before it",
        "3 answers have fewer tokens than were asked for", "holds the requests of 2 looks, pooled",
        "✔ looked at again", "✔ gave the score", "✖ saturated", "✖ died under load",
    ):  # fmt: skip
        assert reason in whole
    loads = [one.split()[0] for one in plain(lines) if one[:6].strip().isdigit()]
    assert loads == ["8", "32", "64", "96", "96", "128", "160", "192", "256"]
    assert "low n: p95 needs 40 requests" in whole
    marked = [one for one in plain(lines) if "ⁿ" in one]
    assert len(marked) == 2  # the legend, and the one row
    assert "120ⁿ" in marked[1]


def test_the_repeats_their_mean_and_spread_and_pooled_percentiles():
    view = tui_trust.WINNER.experiments[2]
    assert view.confirmed is not None
    lines = plain(confirmed_lines(tui_trust.WINNER.task, view.confirmed, 76))
    assert lines[0].startswith("confirmed  3 repeats")
    assert lines[0].endswith("✔ meets the SLO")
    assert lines[1] == "each   1 171 · 1 184 · 1 197"
    assert lines[2:4] == ["mean   1 184 tok/s/GPU", "spread 2.2 % from lowest to highest"]
    assert "p99" in lines[5]
    assert any("1 152 requests" in one and "SLO met 99.5 %" in one for one in lines)
    few = replace(view.confirmed.measurements[0].data, requests=50)
    pooled = replace(view.confirmed.measurements[0], data=few)
    worse = replace(view.confirmed, feasible=False, measurements=(pooled,), values=(1.0,) * 40)
    drawn = confirmed_lines(tui_trust.WINNER.task, worse, 60)
    assert all(width(one) <= 60 for one in drawn)
    assert any(
        "ⁿ low n: p50 needs 4, p90 20, p95 40, p99 200 requests" in one for one in plain(drawn)
    )
    assert plain(drawn)[0].endswith("✖ misses the SLO")


async def test_starts_that_confirm_stand_apart(tmp_path):
    detail = tui_trust.WINNER
    source = FakeSource(detail, tasks=(detail.task,))
    source.files[detail.task.id] = tui_trust.FILE
    async with console(source, tmp_path, (120, 100), detail.task.id) as (app, pilot):
        await until(pilot, lambda: isinstance(app.screen, TaskScreen))
        await until(pilot, lambda: "4 experiments" in text(app))
        await pilot.press("j", "enter")
        await until(pilot, lambda: isinstance(app.screen, ExperimentScreen))
        await until(pilot, lambda: "starts to confirm" in text(app))
        screen = text(app)
        assert screen.index("1 search, stopped") < screen.index("starts to confirm")
        assert screen.index("starts to confirm") < screen.index("2 confirm, stopped")
        await until(pilot, lambda: "SLO 500 ms" in text(app))  # of the curve of TTFT


def test_few_requests_and_a_late_client_show_in_the_results():
    detail = tui_trust.FEW
    overview, query = overview_of(detail), ResultQuery()
    rows = matching(detail, query)
    scale = Scale().grown(overview, rows)
    drawn = plain(as_lines(result_grid(overview, rows, query, scale), 100))
    assert "398ⁿ" in drawn[3]
    assert drawn[3].endswith("✔ client-bound")
    assert scale.grown(overview, rows[:1]).low  # nothing jumps while one scrolls
    bar = "".join(s.text for s in bar_line(_page(rows), "", 0, None, 78, low=True, spent="b 1"))
    assert "ⁿ low n" in bar
    assert bar.rstrip().endswith("b 1")
    crowded = bar_line(_page(rows), "x" * 60, 2, None, 78, low=True, spent="budget 2h of 4h")
    assert "budget" not in "".join(s.text for s in crowded)


def _page(rows):
    return ResultPage(tuple(rows), 0, len(rows), len(rows))


def test_a_task_that_waits_for_a_person_says_what_to_do():
    advice = "start it; then `autotuner-tui resume qwen3-8b-chat`"
    failure = Failure(FailureKind.DOCKER, "Docker is not running", advice)
    overview = overview_of(tui_trust.CONFIRMING)
    task = replace(overview.task, state=TaskState.PAUSED, failure=failure)
    lines = plain(head_lines(replace(overview, task=task, busy=None), NOW, 80))
    assert len(lines) == HEIGHT
    assert "Docker is not running" in lines[-2]
    assert advice in lines[-1]
