"""Plots as lines of text: they fit, and they show what there is."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.store.views import Overview
from tests.tui_sample import CHAT
from tui.glyphs import shown
from tui.line import Line, Tone, width
from tui.views.axes import Axis, scale
from tui.views.bars import gauge, spark
from tui.views.plot import Limit, Note, Series, xy
from tui.views.progress import best_chart


def plain(lines: list[Line]) -> list[str]:
    return ["".join(span.text for span in one) for one in lines]


def check(lines: list[Line], cells: int, rows: int) -> None:
    assert len(lines) <= max(0, rows)
    for one in lines:
        assert width(one) <= max(0, cells)
        assert all(span.text.isprintable() for span in one)


ANY = st.floats() | st.sampled_from([0.0, -0.0, 5e-324, 1e308, -1e308, math.inf, -math.inf])
SERIES = st.builds(
    Series,
    st.text(max_size=12),
    st.lists(st.tuples(ANY, ANY), max_size=12).map(tuple),
    st.sampled_from(Tone),
    st.sampled_from(["", "●", "×", "漢", "\x1b", "ab", "·"]),
    st.booleans(),
)
AXIS = st.builds(
    Axis, st.text(max_size=30), st.none() | ANY, st.none() | ANY, st.booleans(),
    st.lists(ANY, max_size=3).map(tuple),
)  # fmt: skip
LIMITS = st.lists(st.builds(Limit, ANY, st.text(max_size=12), st.booleans()), max_size=3)
NOTES = st.lists(st.builds(Note, ANY, ANY, st.text(max_size=12)), max_size=3)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(SERIES, max_size=4), st.integers(-1, 200), st.integers(-1, 60),
    AXIS, AXIS, LIMITS, NOTES, st.booleans(),
)  # fmt: skip
def test_whatever_there_is_to_draw_fits(series, cells, rows, x, y, limits, notes, utf8):
    lines = xy(series, cells, rows, x=x, y=y, limits=limits, notes=notes, utf8=utf8)
    check(lines, cells, rows)
    if cells > 0 and rows > 0:
        assert any("".join(one).strip() for one in plain(lines))


@settings(deadline=None)
@given(st.lists(st.none() | ANY, max_size=200))
def test_a_history_line_takes_any_number(levels):
    assert width((spark(levels),)) == len(levels)


@settings(deadline=None)
@given(ANY, st.integers(-1, 200))
def test_a_gauge_takes_any_number(part, cells):
    assert width(gauge(part, cells, Tone.RUN)) == max(0, cells)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(ANY, ANY), max_size=6), ANY, st.none() | ANY,
    st.integers(-1, 200), st.integers(-1, 40), st.booleans(),
)  # fmt: skip
def test_the_small_chart_fits(steps, now, base, cells, rows, utf8):
    task = replace(CHAT, baseline_score=base)
    check(best_chart(Overview(task, steps=tuple(steps)), now, cells, rows, utf8=utf8), cells, rows)


@settings(deadline=None)
@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(1, 20))
def test_ticks_are_at_one_two_or_five_and_cover_the_values(low, span, most):
    found = scale(Axis(), [low, low + span], most)
    assert found is not None
    assert len(found.ticks) <= most + 3
    assert found.part(low) is not None
    assert found.part(low + span) is not None
    if len(found.ticks) > 1 and span > abs(low) * 1e-6:
        step = found.ticks[1] - found.ticks[0]
        first = step / 10 ** math.floor(math.log10(step) + 1e-6)
        assert min(abs(first - nice) for nice in (1, 2, 5)) < 0.01


def test_axes_say_their_units_once_and_ticks_are_numbers():
    load = Series("best", ((1, 20), (8, 140), (64, 600)), Tone.BEST, "●")
    drawn = plain(xy([load], 60, 16, x=Axis("concurrency", log=True), y=Axis("TTFT p95, ms"),
                     limits=[Limit(500, "SLO 500 ms")], notes=[Note(64, 600, "600")],
                     utf8=True))  # fmt: skip
    assert drawn[0] == "TTFT p95, ms   ● best"
    assert drawn[-1].rstrip().endswith("concurrency")
    assert drawn[-2].split() == ["1", "2", "4", "8", "16", "32", "64"]
    assert sum(one.count("●") for one in drawn[1:]) == 3
    assert any("SLO 500 ms" in one for one in drawn)
    assert any("600" in one and "●" in one for one in drawn[1:])
    assert sum("ms" in one for one in drawn) == 2


def test_higher_values_stand_higher_and_later_ones_further_right():
    points = tuple((n, n * n) for n in range(10))
    drawn = plain(xy([Series("s", points, Tone.RUN, "●", False)], 60, 20,
                     x=Axis("x"), y=Axis("y"), utf8=True)[1:])  # fmt: skip
    places = [(row, column) for row, one in enumerate(drawn) for column, c in enumerate(one)
              if c == "●"]  # fmt: skip
    assert len(places) == 10
    places.sort(key=lambda place: place[1])
    rows = [row for row, _ in places]
    assert rows == sorted(rows, reverse=True)


def test_without_utf8_each_cell_has_one_mark_and_nothing_is_lost():
    one = Series("best", ((1, 1), (5, 9)), Tone.BEST, "●")
    other = Series("base", ((1, 4), (5, 3)), Tone.BASE, "○")
    drawn = plain(xy([one, other], 50, 12, x=Axis("x"), y=Axis("y"),
                     limits=[Limit(8, "SLO")], utf8=False))  # fmt: skip
    ascii_ = [shown(text, utf8=False) for text in drawn]
    assert all(text.isascii() and "?" not in text for text in ascii_)
    assert sum(text.count("*") for text in ascii_[1:]) == 2
    assert sum(text.count("o") for text in ascii_[1:]) == 2
    assert any("--  --" in text for text in ascii_)
    assert "* best" in ascii_[0]


def test_a_point_that_is_no_number_interrupts_the_line():
    whole = Series("s", ((0, 0), (5, 0), (10, 0)), Tone.RUN, "")
    torn = replace(whole, points=((0, 0), (1, 0), (math.nan, 0), (9, 0), (10, 0)))
    dots = [sum(c > "\u2800" for line in plain(xy([one], 60, 12, x=Axis(), y=Axis(), utf8=True)[1:])
                for c in line if c <= "\u28ff") for one in (whole, torn)]  # fmt: skip
    assert 0 < dots[1] < dots[0] / 2


@pytest.mark.parametrize("points", [(), ((1.0, 2.0),), ((1.0, 2.0),) * 3, ((math.nan, 1.0),)])
def test_little_or_nothing_to_draw_is_said_or_drawn(points):
    drawn = "\n".join(plain(xy([Series("s", points, Tone.RUN, "●")], 60, 12,
                               x=Axis("x"), y=Axis("y"))))  # fmt: skip
    finite = [p for p in points if math.isfinite(p[0])]
    assert ("Nothing to draw" in drawn) is not bool(finite)
    assert ("2" in drawn) is bool(finite)
