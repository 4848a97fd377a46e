"""The colours a log asks for, as values: which escape sequences mean a style, and which one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

Colour = int | tuple[int, int, int]
"""0 to 15: the terminal's own colours, to 255: the fixed palette, or red, green and blue."""


@dataclass(frozen=True, slots=True)
class Paint:
    """How a piece of text is to look; None is the colour of ordinary text."""

    fore: Colour | None = None
    back: Colour | None = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    reverse: bool = False


PLAIN = Paint()


@dataclass(frozen=True, slots=True)
class Piece:
    """Printable text of one look."""

    text: str
    paint: Paint = PLAIN


_SWITCHES: dict[int, dict[str, bool]] = {
    1: {"bold": True}, 2: {"dim": True}, 3: {"italic": True}, 4: {"underline": True},
    7: {"reverse": True}, 21: {"underline": True}, 22: {"bold": False, "dim": False},
    23: {"italic": False}, 24: {"underline": False}, 27: {"reverse": False},
}  # fmt: skip

# Text that blinks or hides has no place in a console to read: 5, 6 and 8 are left out.


def painted(paint: Paint, parameters: str) -> Paint:
    """`paint` after the sequence `ESC [ parameters m`; what is not understood changes nothing."""
    codes = _codes(parameters)
    for code in codes:
        if code == 0:
            paint = PLAIN
        elif code in _SWITCHES:
            paint = replace(paint, **_SWITCHES[code])
        elif code in (38, 48):
            name, colour = "fore" if code == 38 else "back", _extended(codes)
            if colour is not None:
                paint = _coloured(paint, name, colour)
        else:
            paint = _base(paint, code)
    return paint


def _base(paint: Paint, code: int) -> Paint:
    """The sixteen colours every terminal has."""
    tens, colour = divmod(code, 10)
    if tens in (3, 4) and colour in (*range(8), 9):
        return _coloured(paint, "fore" if tens == 3 else "back", None if colour == 9 else colour)
    if tens in (9, 10) and colour < 8:
        return _coloured(paint, "fore" if tens == 9 else "back", colour + 8)
    return paint


def _coloured(paint: Paint, name: str, colour: Colour | None) -> Paint:
    return replace(paint, fore=colour) if name == "fore" else replace(paint, back=colour)


def _codes(parameters: str) -> Iterator[int]:
    """Both spellings as one row of numbers: `38;2;1;2;3` and `38:2::1:2:3`."""
    for group in parameters.split(";"):
        first, *others = group.split(":")
        if first == "4" and others:  # 4:3 is a curly line, 4:0 none
            yield 24 if others[0] == "0" else 4
            continue
        if others and others[0] == "2" and len(others) > 4:
            del others[1]  # the number of a colour space
        yield from (int(part) if part.isascii() and part.isdigit() else 0
                    for part in (first, *others))  # fmt: skip


def _extended(codes: Iterator[int]) -> Colour | None:
    """What follows 38 and 48."""
    kind = next(codes, 0)
    if kind == 5:
        return _byte(next(codes, 0))
    if kind == 2:
        return _byte(next(codes, 0)), _byte(next(codes, 0)), _byte(next(codes, 0))
    return None


def _byte(number: int) -> int:
    return min(number, 255)
