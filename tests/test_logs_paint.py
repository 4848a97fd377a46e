"""The colours of a log: kept as styles, with the very text that is shown without them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.logs import LINE_LIMIT, Paint, Piece, pieces, sanitize

WILD = st.lists(
    st.one_of(
        st.binary(max_size=12),
        st.sampled_from([b"\x1b[", b"\x1b]52;c;", b"\x1bP", b"\x9b", b"\xc2\x9b", b"\xc2\x9d"]),
        st.sampled_from(
            [b"\x1b", b"\\", b"\x07", b"\r", b"\t", b"31m", b"38;5;", b"0", b";", b"m"]
        ),
        st.sampled_from(
            ["\u202e", "\u2066", "\u200b", "\u2028", "\ufe0f", "e\u0301", "漢", "👍🏽"]
        ).map(str.encode),
        st.integers(1, 3 * LINE_LIMIT).map(lambda n: b"long" * n),
    ),
    max_size=20,
).map(b"".join)


@given(WILD)
def test_pieces_say_what_the_plain_line_says(line):
    parts = pieces(line)
    assert "".join(part.text for part in parts) == sanitize(line)
    assert all(part.text for part in parts)
    assert all(one.paint != two.paint for one, two in pairwise(parts))


@given(WILD)
def test_what_is_clean_stays_as_it_is(line):
    text = sanitize(line)
    assert sanitize(text.encode()) == text


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"plain", (Piece("plain"),)),
        (b"", ()),
        (b"\x1b[31mred\x1b[0m not", (Piece("red", Paint(fore=1)), Piece(" not"))),
        (b"\x1b[mnone", (Piece("none"),)),
        (b"\x1b[1;97;44mx\x1b[22;39my",
         (Piece("x", Paint(15, 4, bold=True)), Piece("y", Paint(back=4)))),
        (b"\x1b[38;5;208mx", (Piece("x", Paint(fore=208)),)),
        (b"\x1b[48:2::10:20:300mx", (Piece("x", Paint(back=(10, 20, 255))),)),
        (b"\x1b[38;2;1;2;3;4mx", (Piece("x", Paint(fore=(1, 2, 3), underline=True)),)),
        (b"\x1b[2;3;7mx\x1b[27;23;22my",
         (Piece("x", Paint(dim=True, italic=True, reverse=True)), Piece("y"))),
        (b"\x1b[4:3mx\x1b[4:0my", (Piece("x", Paint(underline=True)), Piece("y"))),
        (b"\x1b[38mx", (Piece("x"),)),
        (b"\x1b[38;5mx", (Piece("x", Paint(fore=0)),)),
        (b"\x1b[5;8mneither blinks nor hides", (Piece("neither blinks nor hides"),)),
        (b"\x1b[999999999999999999;31mx", (Piece("x", Paint(fore=1)),)),
        (b"\x1b[31m\x1b[2Jred\x1b]0;title\x07", (Piece("red", Paint(fore=1)),)),
        (b"ab\x1b[31m\tc", (Piece("ab"), Piece("      c", Paint(fore=1)))),
    ],
)  # fmt: skip
def test_styles(raw, expected):
    assert pieces(raw) == expected


def test_a_cut_line_says_so_in_plain():
    *_, last = pieces(b"\x1b[31m" + b"x" * 9 * LINE_LIMIT)
    assert last == Piece(" (cut) …")
