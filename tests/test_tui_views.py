"""Words, lines and layouts of the console; what it does without a terminal; its themes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from core.doctor.terminal import is_utf8
from core.paths import Home
from core.store.views import PhaseView, ResultQuery, StartView, TaskDetail, VerdictView
from core.values import AutotunerError, ExperimentState, Failure, FailureKind, Phase, StartReason
from tests.tui_sample import CHAT, DETAIL, NOW, TASKS, matching, overview_of, running
from tui import theming
from tui.console import open_console
from tui.glyphs import shown
from tui.line import Span, apart, fit, line, pad, width, wrap
from tui.views import words
from tui.views.head import head_lines
from tui.views.layout import Column, Grid, Row, as_lines, plan, widths
from tui.views.phases import phase_line
from tui.views.results import Scale, result_grid
from tui.views.status import key_line
from tui.views.tasks import task_grid
from tui.widgets.base import to_strip


def text(parts) -> str:
    return "".join(span.text for span in parts)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.42, "0.4s"),
        (9.96, "10s"),
        (59.7, "1m00s"),
        (72, "1m12s"),
        (11_520, "3h12m"),
        (190_000, "2d4h"),
        (-3, "0.0s"),
    ],
)
def test_durations(seconds, said):
    assert words.duration(seconds) == said


def test_numbers_of_a_column_share_their_decimals():
    assert [s.text for s in words.numbers([1184.21, 57.0, None], 4)] == ["1 184", "57", "–"]
    assert [s.text for s in words.numbers([27.13, 5.0, None])] == ["27.1", "5.0", "–  "]
    assert [s.text for s in words.numbers([float("nan"), 0.0])] == ["–", "0"]


def test_every_failure_and_verdict_has_words():
    assert all(words.failure(Failure(kind, "")) for kind in FailureKind)
    assert all(words.experiment_state(state).text for state in ExperimentState)
    assert words.verdict(VerdictView("something_new")).text == "something new"


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("ttft_p95 0.691 s > 0.5 s", "ttft p95 +38 %"),
        ("e2e_p99 10.2 s > 10 s", "e2e p99 +2.0 %"),
        ("throughput_min 750 < 1e+03", "throughput min -25 %"),
        ("error_rate 0.02 > 0", "error rate 0.02 > 0"),
        ("hang: the benchmark hangs", "hang: the benchmark hangs"),
    ],
)
def test_a_missed_limit_in_short(text, short):
    assert words.breach(text) == short


_TEXT = st.text(max_size=30) | st.text("漢é\x1b\n[red]", max_size=30)


@given(st.lists(_TEXT, max_size=4), st.integers(0, 40), st.booleans())
def test_lines_keep_to_their_width(parts, cells, right):
    whole = line(*parts)
    assert width(fit(whole, cells)) <= cells
    assert width(pad(whole, cells, right=right)) == cells
    assert width(apart(whole, line("12:00"), cells)) <= max(cells, 0)
    assert all(span.text.isprintable() for span in whole)
    strip = to_strip(pad(whole, cells), cells, lambda tone: Style())
    assert strip.cell_length == cells


@given(st.text(max_size=200), st.integers(2, 40))
def test_wrapping_loses_nothing_and_keeps_the_width(said, cells):
    lines = wrap(said, cells)
    assert all(width(part) <= cells for part in lines)
    assert "".join("".join(text(p) for p in lines).split()) == "".join(Span(said).text.split())


@given(_TEXT)
def test_ascii_stand_ins_keep_the_width(said):
    clean = Span(said).text
    plain = shown(clean, utf8=False)
    assert plain.isascii()
    assert cell_len(plain) == cell_len(clean)


@pytest.mark.parametrize(
    ("environ", "utf8"),
    [
        ({"LANG": "de_DE.UTF-8"}, True),
        ({"LC_ALL": "en_US.utf8"}, True),
        ({"LC_ALL": "C", "LANG": "en_US.UTF-8"}, False),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, False),
        ({"LC_CTYPE": "C.UTF-8"}, True),
        ({"LANG": "de_DE.ISO-8859-1"}, False),
        ({}, True),
    ],
)
def test_locale(environ, utf8):
    assert is_utf8(environ) is utf8


def test_columns_leave_in_order_of_rank_and_empty_ones_first():
    columns = (
        Column("name", grow=True, least=6),
        Column("first", rank=2),
        Column("stays", right=True),
        Column("second", rank=1),
        Column("empty"),
    )
    cells = tuple(line(t) for t in ("a long name", "1", "2", "3", ""))
    grid = Grid(columns, (Row("k", cells),))

    def titles(size: int) -> list[str]:
        return [column.title for _, column, _ in plan(grid, size).columns]

    assert titles(80) == ["name", "first", "stays", "second"]
    assert titles(24) == ["name", "stays", "second"]
    assert titles(14) == ["name", "stays"]
    assert text(as_lines(grid, 13)[1]) == "a lon…      2"
    assert all(width(part) == 80 for part in as_lines(grid, 80))


def results(detail: TaskDetail = DETAIL, query: ResultQuery | None = None) -> Grid:
    """All results of a task."""
    query = query or ResultQuery()
    overview, rows = overview_of(detail), matching(detail, query)
    return result_grid(overview, rows, query, Scale().grown(overview, rows))


@pytest.mark.parametrize("cells", [60, 80, 120, 200])
def test_everything_fits(cells):
    for grid in (results(), task_grid(TASKS, NOW)):
        assert all(width(part) <= cells for part in as_lines(grid, cells))
    for part in head_lines(overview_of(DETAIL), NOW, cells, 11)[:1]:
        assert width(part) <= cells
    keys = (("enter", "open"), ("p", "pause"), ("x", "cancel"), ("?", "help"))
    assert width(key_line(keys, cells)) <= cells


def test_only_what_varies_is_a_column():
    titles = [column.title for column in results().columns]
    assert titles[:4] == ["#↓", "seqs", "batched", "kv"]
    same = TaskDetail(CHAT, DETAIL.experiments[:4])
    assert "kv" not in [column.title for column in results(same).columns]


def test_the_column_that_rows_are_sorted_by_stays():
    grid = results(query=ResultQuery("e2e_p95", descending=False))
    assert "E2E↑" in text(as_lines(grid, 80)[0])
    assert "E2E" not in text(as_lines(results(), 80)[0])


def test_widths_of_other_rows_are_kept():
    columns = (Column("n", right=True), Column("empty"), Column("rest", grow=True))
    narrow = Grid(columns, (Row("a", (line("1"), (), line("x"))),))
    wide = Grid(columns, (Row("b", (line("12345"), line("y"), line("x"))),))
    floors = widths(wide, widths(narrow))
    assert [size for _, _, size in plan(narrow, 40, floors).columns][:2] == [5, 5]
    assert plan(narrow, 40, floors).header() == plan(wide, 40, floors).header()
    assert [c.title for _, c, _ in plan(narrow, 40).columns] == ["n", "rest"]


def test_flags_line_up_on_the_point():
    first = replace(DETAIL.experiments[1], parameters={"gpu-memory-utilization": 0.9})
    second = replace(DETAIL.experiments[2], parameters={"gpu-memory-utilization": 0.85})
    grid = results(TaskDetail(CHAT, (DETAIL.experiments[0], first, second)))
    assert [text(row.cells[1]) for row in grid.rows] == ["0.85", "0.9 ", "–   "]


def test_decimals_do_not_follow_from_the_rows_in_view():
    overview, query = overview_of(DETAIL), ResultQuery()
    rows = matching(DETAIL, query)
    scale = Scale().grown(overview, rows)
    every = {row.key: row.cells for row in result_grid(overview, rows, query, scale).rows}
    for row in rows:
        alone = result_grid(overview, [row], query, scale.grown(overview, [row]))
        assert alone.rows[0].cells == every[str(row.number)]


def test_simulated_is_said_with_the_numbers():
    overview = overview_of(replace(DETAIL, task=replace(CHAT, simulated=True)))
    assert text(head_lines(overview, NOW, 80)[0]).rstrip().endswith("simulated")
    rows = [text(part) for part in as_lines(task_grid(TASKS, NOW), 77)[2:]]
    assert ["simulated" in row for row in rows] == [task.simulated for task in TASKS]


def test_tasks_of_other_units_line_up_on_the_point():
    latency = replace(CHAT, id="x", objective="ttft", unit="s", best_score=0.412)
    rows = [text(p) for p in as_lines(task_grid((CHAT, latency), NOW), 100)]
    assert "Unit" in rows[0]
    assert rows[2].index("1 184") + 5 == rows[3].index("0.412") + 1


def test_phases_of_a_measuring_start():
    spans = ((Phase.LOAD, 1.2), (Phase.COMPILE, 12.0), (Phase.READY, 0.2))
    phases, at = [], NOW - 40
    for phase, took in spans:
        phases.append(PhaseView(phase, at, at + took))
        at += took
    phases.append(PhaseView(Phase.BENCHMARK, NOW - 26))
    start = StartView(1, StartReason.SEARCH, "running", NOW - 40, phases=tuple(phases))
    view = replace(running(8), starts=(start,))
    said = "load ✔ 1.2s ▸ compile ✔ 12s ▸ ready ✔ ▸ benchmark 26s"
    assert text(phase_line(view, NOW, 80)) == said
    assert text(phase_line(view, NOW, 40)) == "… ready ✔ ▸ benchmark 26s"
    assert text(phase_line(replace(view, starts=()), NOW, 40)) == "▸ starting"


def test_packaged_themes_are_sound():
    themes, problems = theming.packaged()
    assert problems == []
    assert {theme.name for theme in themes} >= {"autotuner-dark", "autotuner-light"}


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("{", "no YAML"),
        ("- 1", "no mapping"),
        ("dark: true", "needs `name:`"),
        ("name: x\nprimry: red", "unknown colours: primry"),
    ],
)
def test_broken_theme_is_reported_and_skipped(broken, said):
    good = (Path(__file__).parents[1] / "themes" / "autotuner-dark.yaml").read_text()
    themes, problems = theming.load({"bad.yaml": broken, "good.yaml": good})
    assert [theme.name for theme in themes] == ["autotuner-dark"]
    assert len(problems) == 1
    assert problems[0].startswith("theme bad.yaml: ")
    assert said in problems[0]
    assert "is no colour" in theming.load({"x": good.replace("#7aa2d6", "blau")})[1][0]


def test_console_needs_a_terminal(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(AutotunerError, match="needs a terminal") as error:
        open_console(Home(tmp_path))
    assert "\n" not in str(error.value)


def test_opening_the_console_is_what_imports_textual():
    code = "import sys, tui.main, tui.console; print('textual' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_the_engine_has_a_column_where_several_are_compared():
    assert "engine" not in [column.title for column in results().columns]
    task = replace(DETAIL.task, engine="vllm, sglang")
    first, *rest = DETAIL.experiments
    mixed = replace(DETAIL, task=task, experiments=(replace(first, engine="sglang"), *rest))
    grid = results(mixed)
    place = [column.title for column in grid.columns].index("engine")
    said = {row.key: text(row.cells[place]) for row in grid.rows}
    assert said[str(first.number)] == "sglang"
    assert {said[str(one.number)] for one in rest} == {"vllm"}
