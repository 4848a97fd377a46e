"""One line of a log as printable text: nothing in it moves the cursor or turns the text round."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from core.logs.paint import PLAIN, Paint, Piece, painted

LINE_LIMIT = 4000
"""Characters of a line that are shown, searched and copied; the rest is cut."""

RAW_LIMIT = 4 * LINE_LIMIT
"""Bytes of a line that are looked at: a character has at most four."""

CUT = " (cut) …"
"""Ends a line that was cut."""

_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)(?P<numbers>[0-9;:]*)(?P<style>m)"  # colours: kept as a style
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: cursor moves, clearing
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c|$)"  # OSC: titles, links, clipboard
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c\n]*(?:\x1b\\|\x9c|$)"  # DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-~]"  # two-character sequences
)
_UNSEEN = re.compile(rb"\s+|\x1b\[[0-?]*[ -/]*[@-~]")
# Printable to Python, and yet nothing is seen, or the width of what is seen changes: fillers,
# joiners, variation selectors, tones of skin.
_BLANKS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0"
    "\U0001f3fb-\U0001f3ff\U000e0100-\U000e01ef]"
)
_TAB = 8


def sanitize(line: bytes) -> str:
    """One line as printable text, at most LINE_LIMIT characters.

    Escape sequences go, a progress bar shows its last state, tabs become blanks, invalid
    UTF-8 becomes U+FFFD, and control, bidirectional and other invisible characters go:
    a log can neither move the cursor nor turn the text round.
    """
    state, whole = _state(line)
    text = state.decode("utf-8", "replace")
    if not _plain(text):
        text = "".join(text for text, _ in _cleaned(text))
    return text if whole and len(text) <= LINE_LIMIT else text[: LINE_LIMIT - len(CUT)] + CUT


def pieces(line: bytes) -> tuple[Piece, ...]:
    """The same text as `sanitize` gives, with the colours the line asks for."""
    state, whole = _state(line)
    text = state.decode("utf-8", "replace")
    parts = [(text, PLAIN)] if _plain(text) else list(_cleaned(text))
    if not whole or sum(len(text) for text, _ in parts) > LINE_LIMIT:
        parts = [*_first(parts, LINE_LIMIT - len(CUT)), (CUT, PLAIN)]
    return tuple(
        Piece("".join(text for text, _ in group), paint)
        for paint, group in groupby((part for part in parts if part[0]), key=lambda part: part[1])
    )


def last_state(raw: bytes) -> bytes:
    """What a terminal would show after the carriage returns of a line."""
    if b"\r" not in raw:
        return raw
    end = len(raw.rstrip(b"\r"))
    while (at := raw.rfind(b"\r", 0, end)) >= 0:
        if _seen(raw[at + 1 : end]):
            return raw[at + 1 : end]
        end = at
    return raw[:end]


def _seen(state: bytes) -> bool:
    # The beginning decides for a state of many megabytes.
    return bool(_UNSEEN.sub(b"", state[: 4 * RAW_LIMIT]))


def _state(line: bytes) -> tuple[bytes, bool]:
    """What of the line is looked at, and whether that is all of it."""
    state = last_state(line)
    return state[:RAW_LIMIT], len(state) <= RAW_LIMIT


def _plain(text: str) -> bool:
    return text.isprintable() and (text.isascii() or not _BLANKS.search(text))


def _cleaned(text: str) -> Iterator[tuple[str, Paint]]:
    paint, column, at = PLAIN, 0, 0
    for found in _ESCAPE.finditer(text):
        if found.start() > at:
            part, column = _printable(text[at : found.start()], column)
            yield part, paint
        at = found.end()
        if found["style"]:
            paint = painted(paint, found["numbers"])
    yield _printable(text[at:], column)[0], paint


def _printable(text: str, column: int) -> tuple[str, int]:
    """Without what is not printed, and where it ends; it begins at `column`."""
    if "\t" in text:
        before = column % _TAB  # the stops count from the beginning of the line
        text = (" " * before + text).expandtabs(_TAB)[before:]
    column += len(text)
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " * c.isspace() for c in text)
    return (text if text.isascii() else _BLANKS.sub("", text)), column


def _first(parts: list[tuple[str, Paint]], characters: int) -> Iterator[tuple[str, Paint]]:
    for text, paint in parts:
        yield text[:characters], paint
        characters = max(0, characters - len(text))
