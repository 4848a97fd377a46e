"""Filtering a log: the same lines as looking at each of them, however it grows."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.logs import Errors, LogFile, Scan, Sign, parse, sanitize, sign, time_span
from core.logs.chunk import plain
from core.values import InputError
from tests.test_logs_paint import WILD

_LINES = st.lists(
    st.one_of(
        st.text("aB \t", max_size=12).map(str.encode),
        st.sampled_from(
            [
                b"\x1b[31mERROR\x1b[0m",
                b"\x1b[0;36m(core) \x1b[0mab",
                b"x\r\n",
                b" 1%\r 2%",
                b"\x1b[0",
            ]
        ),
        WILD.map(lambda line: line.replace(b"\n", b"")),
    ),
    max_size=30,
)


@given(_LINES)
def test_many_lines_at_once_are_the_same_as_one_by_one(lines):
    chunk = b"\n".join(lines)
    assert plain(chunk) == "\n".join(sanitize(line) for line in chunk.split(b"\n"))


def wanted(text: str, words: list[str]) -> list[int]:
    return [n for n, line in enumerate(text.split("\n")) if all(w in line.lower() for w in words)]


@settings(max_examples=60, deadline=None)
@given(_LINES, st.lists(st.sampled_from("ab1%"), min_size=1, max_size=3), st.integers(1, 5))
def test_a_growing_file_is_filtered_like_a_whole_one(tmp_path_factory, lines, words, parts):
    path = tmp_path_factory.mktemp("logs") / "engine.log"
    path.touch()
    text = b"\n".join(lines)
    log = LogFile(path)
    pattern = parse(" ".join(words))
    assert pattern
    scan = Scan(log, pattern)
    step = max(1, len(text) // parts)
    for at in range(0, len(text), step):
        with path.open("ab") as file:
            file.write(text[at : at + step])
        log.poll()
        scan.advance()
        known = text[: at + step].split(b"\n")
        known = known if known[-1] else known[:-1]
        expected = wanted("\n".join(map(sanitize, known)), words) if known else []
        found = scan.found
        assert [found.line(place) for place in range(found.count)] == expected
        assert found.complete
    numbers = [scan.found.line(place) for place in range(scan.found.count)]
    for line in range(len(lines) + 2):
        assert scan.found.place(line) == sum(number < line for number in numbers)


def write(path: Path, *lines: str) -> LogFile:
    path.write_text("".join(f"{line}\n" for line in lines))
    log = LogFile(path)
    log.poll()
    return log


def matching(log: LogFile, text: str) -> list[int]:
    pattern = parse(text)
    assert pattern
    scan = Scan(log, pattern)
    scan.advance()
    return [scan.found.line(place) for place in range(scan.found.count)]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("error", [0, 1]),
        ("Error", [1]),
        ("cache kv", [2]),
        ("  kv  ", [2]),
        ("re:^err", [0]),
        ("re:kv.+he$", [2]),
        ("re:KV", [2]),
        ("re:Kv", []),
        ("re:e{2}|x", []),
        ("straße", [3]),
        ("STRASSE", []),
        ("re:stra.e", [3]),
        ("[red]", [4]),
    ],
)
def test_what_a_filter_finds(tmp_path, text, lines):
    log = write(tmp_path / "log", "ERROR a", "an Error b", "KV cache", "Straße", "[red] [/tmp]")
    assert matching(log, text) == lines


@pytest.mark.parametrize("text", ["", "   ", "re:", "re:  "])
def test_nothing_to_look_for(text):
    assert parse(text) is None


@pytest.mark.parametrize("text", ["re:(", "re:[z-a]", "re:*", "re:(a+)+b", "re:x(.*){2,}"])
def test_expressions_that_cannot_be_used_are_refused_in_a_line(text):
    with pytest.raises(InputError, match=r"^re: .{5,60}$"):
        parse(text)


def test_where_the_match_is():
    words, expression = parse("kv load"), parse("re:o+")
    assert words and expression
    assert list(words.spans("Load KV")) == [(0, 4), (5, 7)]
    assert list(expression.spans("foo bo")) == [(1, 3), (5, 6)]


def test_a_scan_stops_when_it_is_told(tmp_path):
    log = write(tmp_path / "log", *(f"line {n} of many that are here" for n in range(20_000)))
    pattern = parse("line")
    assert pattern
    scan = Scan(log, pattern)
    stops = itertools.chain([False], itertools.repeat(True))
    scan.advance(lambda: next(stops))
    assert 0 < scan.found.count < 20_000
    assert not scan.found.complete
    scan.advance()
    assert scan.found.count == 20_000
    assert scan.found.complete


def test_a_replaced_file_is_scanned_anew(tmp_path):
    log = write(tmp_path / "log", "old match", "match")
    pattern = parse("match")
    assert pattern
    scan = Scan(log, pattern)
    scan.advance()
    (tmp_path / "log").write_text("x\nmatch\n")
    log.poll()
    scan.advance()
    assert [scan.found.line(place) for place in range(scan.found.count)] == [1]


def test_the_first_error(tmp_path):
    log = write(
        tmp_path / "log", "INFO ok", "WARNING: ImportError, ignored", "ValueError: no", "ERROR"
    )
    scan = Scan(log, Errors())
    scan.advance(most=1)
    assert scan.found.line(0) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ERROR 11-23 14:02:09 [core.py:7] no room", Sign.ERROR),
        ("(EngineCore_0 pid=7) ERROR 11-23 14:02:09 [core.py:7]", Sign.ERROR),
        ("Traceback (most recent call last):", Sign.ERROR),
        ("torch.OutOfMemoryError: CUDA out of memory", Sign.ERROR),
        ("2026-11-23 14:02:09,123 - genai_bench - CRITICAL - x", Sign.ERROR),
        ("WARNING 11-23 14:02:09 [x.py:1] ImportError: no flash", Sign.WARNING),
        ("INFO 11-23 14:02:09 [x.py:1] caught ValueError: fine", Sign.NONE),
        ("0 errors, no Error here", Sign.NONE),
        ("INFO: 500 Internal Server Error", Sign.NONE),
    ],
)
def test_signs(text, expected):
    assert sign(text) is expected


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("INFO 11-23 14:02:09 [loader.py:12] Loading", "INFO [loader.py:12] Loading"),
        ("(Core pid=12) INFO 11-23 14:02:09 [a.py:7] x", "(Core pid=12) INFO [a.py:7] x"),
        ("[2026-11-23 14:02:09] server_args", "server_args"),
        ("[2026-11-23 14:02:09 TP0] Load", "[TP0] Load"),
        ("2026-11-23 14:02:09,123 - genai_bench - INFO - hi", "genai_bench - INFO - hi"),
        ("2026-11-23T14:02:09.123456Z hello", "hello"),
        ("14:02:09 INFO x", "INFO x"),
        ("2026-11-23 14:02:09", ""),
        ("at 14:02:09 it ended", None),
        ("INFO:     Started", None),
        ("", None),
    ],
)
def test_where_the_time_stands(text, without):
    found = time_span(text)
    assert (found and text[: found[0]] + text[found[1] :]) == without
