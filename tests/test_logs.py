"""Log files: any line at once, and nothing harmful in it."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.logs import BLOCK, LINE_LIMIT, LogFile, sanitize
from tests.test_logs_paint import WILD


@given(WILD)
def test_sanitized_text_is_printable(line):
    text = sanitize(line)
    assert text.isprintable()
    assert len(text) <= LINE_LIMIT
    assert not any(c in text for c in "\x1b\x9b\x07\u202e\u2066\u200b\u2028\ufe0f")


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"plain text", "plain text"),
        (b"\x1b[31mred\x1b[0m text", "red text"),
        (b"\x1b]52;c;aGVsbG8=\x07after", "after"),
        (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"\x1b]0;never ended", ""),
        (b"\x1bcreset", "reset"),
        (b"\xc2\x9b2Jwiped", "wiped"),
        (b" 10%\r 55%\r 99%", " 99%"),
        (b"100% done\r\x1b[K", "100% done"),
        (b"windows\r", "windows"),
        (b"bad \xff byte", "bad \ufffd byte"),
        (b"a\tb", "a       b"),
        ("no\u00a0break".encode(), "no break"),
        (b"[/tmp/x] [red]", "[/tmp/x] [red]"),
    ],
)
def test_what_a_line_shows(raw, shown):
    assert sanitize(raw) == shown


def test_long_line_is_cut():
    text = sanitize(b"x" * 10 * LINE_LIMIT)
    assert len(text) == LINE_LIMIT
    assert text.endswith("…")


_LINES = st.lists(
    st.one_of(
        st.text("ab c", max_size=30).map(str.encode),
        st.integers(BLOCK - 3, 2 * BLOCK + 3).map(lambda n: b"L" * n),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(_LINES, st.booleans(), st.integers(1, 4))
def test_any_range_of_lines(tmp_path_factory, lines, ended, parts):
    path = tmp_path_factory.mktemp("logs") / "engine.log"
    text = b"\n".join(lines) + (b"\n" if ended else b"")
    log = LogFile(path)
    step = max(1, len(text) // parts)
    with path.open("wb") as file:
        for at in range(0, len(text), step):  # it grows while it is followed
            file.write(text[at : at + step])
            file.flush()
            assert log.poll()
    expected = [sanitize(line) for line in text.split(b"\n")]
    if expected[-1] == "":
        expected.pop()
    assert log.count == len(expected)
    for first, last in itertools.combinations(range(len(expected) + 2), 2):
        assert log.lines(first, last) == expected[first:last]


def test_progress_bar_longer_than_a_block(tmp_path: Path):
    path = tmp_path / "engine.log"
    path.write_bytes(b"start\n" + b"".join(b"\r%9d %%" % n for n in range(20_000)) + b"\nend\n")
    log = LogFile(path)
    log.poll()
    assert log.lines(0, 3) == ["start", "    19999 %", "end"]


def test_missing_then_there_then_replaced_then_gone(tmp_path: Path):
    path = tmp_path / "engine.log"
    log = LogFile(path)
    assert not log.poll()
    assert (log.exists, log.count, log.lines(0, 9)) == (False, 0, [])

    path.write_text("one\ntwo\n")
    assert log.poll()
    assert not log.poll()
    assert log.lines(0, 9) == ["one", "two"]
    first = log.generation

    path.write_text("new\n")  # the same file, cut short
    assert log.poll()
    assert log.lines(0, 9) == ["new"]
    assert log.generation > first

    other = tmp_path / "other"
    other.write_text("three\nfour\nfive\n")
    other.replace(path)
    assert log.poll()
    assert log.lines(0, 9) == ["three", "four", "five"]

    path.unlink()
    assert log.poll()
    assert (log.exists, log.count) == (False, 0)


def test_a_folder_is_no_log(tmp_path: Path):
    log = LogFile(tmp_path)
    assert not log.poll()
    assert log.lines(0, 1) == []


def test_tail_of_a_large_file_reads_little(tmp_path: Path):
    path = tmp_path / "engine.log"
    path.write_bytes(b"".join(b"line %d\n" % n for n in range(1_000_000)))
    log = LogFile(path)
    log.poll()
    assert log.count == 1_000_000
    assert log.lines(999_999, 1_000_000) == ["line 999999"]
    assert log.lines(500_000, 500_002) == ["line 500000", "line 500001"]


def test_the_tail_before_anything_is_indexed(tmp_path: Path):
    path = tmp_path / "engine.log"
    log = LogFile(path)
    assert log.tail(5) == []
    path.write_bytes(b"".join(b"line %d\n" % n for n in range(1_000_000)))
    assert log.tail(2) == [b"line 999998", b"line 999999"]
    assert len(log.tail(1_000_000)) < 100_000
    path.write_bytes(b"one\nunfinished")
    assert log.tail(9) == [b"one", b"unfinished"]


def test_indexing_stops_when_it_is_told_and_goes_on(tmp_path: Path):
    path = tmp_path / "engine.log"
    path.write_bytes(b"".join(b"line %d\n" % n for n in range(100_000)))
    log = LogFile(path)
    stops = itertools.chain([False, False], itertools.repeat(True))
    assert log.poll(lambda: next(stops))
    assert 0 < log.count < 100_000
    assert log.poll()
    assert log.lines(99_999, 100_000) == ["line 99999"]


def test_cut_short_and_grown_again_between_two_looks(tmp_path: Path):
    path = tmp_path / "engine.log"
    path.write_text("one\ntwo\n")
    log = LogFile(path)
    log.poll()
    before = log.generation
    with path.open("w") as file:  # the same file, longer than it was
        file.write("three\nfour\nfive\n")
    assert log.poll()
    assert log.generation > before
    assert log.lines(0, 9) == ["three", "four", "five"]


def test_hostile_sizes_are_read_in_pieces(tmp_path: Path):
    path = tmp_path / "engine.log"
    huge = 10_000_000
    path.write_bytes(
        b"start\n"
        + b"x" * huge
        + b"\n"
        + bytes(huge)
        + b"\n\xff\xfe\x80"
        + b"\r" * huge
        + b"last\n"
    )
    log = LogFile(path)
    log.poll()
    start, long, zeros, last = log.lines(0, 9)
    assert (start, long[:3], len(long), zeros[:1], last) == (
        "start",
        "xxx",
        LINE_LIMIT,
        " ",
        "last",
    )
    assert max(len(raw) for raw in log.raw(0, 9)) < 5 * LINE_LIMIT
