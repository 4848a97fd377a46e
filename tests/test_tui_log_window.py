"""What of a log is in view, and how it is painted: for any list, any size, any bytes."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.color import Color
from rich.style import Style

from core.logs import parse
from tests.test_logs_paint import WILD
from tui.widgets.log_items import log_line
from tui.widgets.log_paint import GUTTER, Layout, Row, paint, rows, visible
from tui.widgets.log_window import Window

_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["move", "page", "scroll", "go", "end", "fit", "grow", "height"]),
        st.integers(-9, 9),
    ),
    max_size=25,
)


def do(window: Window, sizes: list[int], step: str, by: int) -> None:
    if step == "grow":
        window.count = max(0, min(len(sizes), window.count + by))
        window.fit()
    elif step == "height":
        window.height = max(1, window.height + by)
        window.fit()
    elif step in ("end", "fit"):
        getattr(window, step)()
    elif step == "go":
        window.go(by, centre=by % 2 == 0)
    elif by:
        getattr(window, step)(max(-1, min(1, by)) if step == "page" else by)


@given(st.lists(st.integers(1, 12), min_size=1, max_size=12), st.integers(1, 8), _STEPS)
def test_the_cursor_is_in_view_and_no_room_is_wasted(sizes, height, steps):
    window = Window(lambda place: sizes[place])
    window.height, window.count = height, len(sizes)
    for step, by in steps:
        do(window, sizes, step, by)
        spots = list(window.spots())
        total = sum(sizes[: window.count])
        assert len(spots) == min(window.height, total)
        assert spots == sorted(spots)
        if window.count:
            assert any(place == window.cursor for place, _ in spots)
        thumb = window.thumb()
        assert all(0 <= row < window.height for row in thumb)
        assert bool(thumb) == (total > window.height > 0 and window.count > 0)


def test_a_line_taller_than_the_window_is_read_row_by_row():
    window = Window(lambda place: 7)
    window.height, window.count = 3, 2
    window.go(0)
    seen = {row for _, row in window.spots()}
    for _ in range(4):
        window.move(1)
        seen |= {row for place, row in window.spots() if place == 0}
    assert window.cursor == 0
    assert seen == set(range(7))
    window.move(1)
    assert window.cursor == 1
    window.move(-1)
    assert (window.cursor, window.top) == (0, (0, 4))


def test_only_lines_near_the_view_are_asked_for():
    asked: list[int] = []

    def size(place: int) -> int:
        asked.append(place)
        return 2

    window = Window(size)
    window.height, window.count = 20, 1_500_000
    window.end()
    window.page(-1)
    assert len(list(window.spots())) == 20
    assert min(asked) > 1_499_900
    assert len(asked) < 500


_LAYOUTS = st.builds(Layout, st.integers(1, 40), st.booleans(), st.booleans(), st.integers(0, 30))
_ROW = re.compile(r"[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]*")


def styles(tone: object) -> Style:
    return Style(color="white", bgcolor="black")


@settings(max_examples=200, deadline=None)
@given(WILD, _LAYOUTS, st.sampled_from(["x", "re:l+", "m 3"]))
def test_no_control_character_and_no_wrong_width_reaches_the_terminal(raw, layout, find):
    line = log_line(0, raw.replace(b"\n", b""))
    count = rows(line, layout)
    shown = ""
    for row in range(min(count, 5)):
        strip = paint(Row(line, row), layout, parse(find), styles, Style(bold=True))
        text = "".join(segment.text for segment in strip)
        assert _ROW.fullmatch(text)
        assert text.isprintable()
        assert all(segment.control is None for segment in strip)
        assert cell_len(text) == strip.cell_length == layout.cells + GUTTER + 1
        shown += text[GUTTER:-1].rstrip()
    if layout.wrap and count <= 5 and layout.cells > 1:
        assert shown.replace(" ", "") == visible(line, layout).replace(" ", "")


def test_colours_are_issued_anew():
    line = log_line(0, b"\x1b[31mred \x1b[38;5;208mpalette \x1b[38;2;1;2;3mtrue\x1b[0m plain")
    strip = paint(Row(line), Layout(), None, styles, Style())
    colours = {segment.text.strip(): segment.style.color for segment in strip if segment.style}
    assert colours["red"] == Color.from_ansi(1)
    assert colours["palette"] == Color.from_ansi(208)
    assert colours["true"] == Color.from_rgb(1, 2, 3)
    assert colours["plain"] == Color.parse("white")


def test_matches_are_marked_by_more_than_colour():
    strip = paint(Row(log_line(0, b"a KV cache")), Layout(), parse("kv"), styles, Style())
    marked = [segment.text for segment in strip if segment.style and segment.style.underline]
    assert marked == ["KV"]


def test_colours_can_be_left_out():
    line = log_line(0, b"\x1b[1;31;42mred")
    strip = paint(Row(line), Layout(colours=False), None, styles, Style())
    red = next(segment.style for segment in strip if segment.text == "red")
    assert red == styles(None) + Style(bold=True)
