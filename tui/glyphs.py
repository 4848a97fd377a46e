"""One place that knows whether the terminal shows more than ASCII."""

from __future__ import annotations

import os
from functools import cache

from rich.cells import cell_len

from core.doctor.terminal import is_utf8

# Every glyph of ours is one cell wide and has a stand-in of one cell.
_BRAILLE = range(0x2800, 0x2900)
_STAND_INS = str.maketrans(
    {
        "●": "*", "○": "o", "◌": ".", "‖": "=", "✔": "+", "✖": "x", "▪": "#", "▸": ">",
        "▾": "v", "▼": "v", "–": "-", "·": "-", "…": "~", "Δ": "d",
        "•": "*", "↑": "^", "↓": "v", "←": "<", "→": ">", "°": " ", "×": "x",
        "≈": "~", "ⁿ": "n", "◉": "@", "▴": "^", "≤": "<",
        # Axes.
        "│": "|", "┤": "|", "├": "|", "─": "-", "┬": "+", "┴": "+", "┼": "+", "└": "+",
        # Gauges and histories.
        "▁": "_", "▂": ".", "▃": ":", "▄": "-", "▅": "=", "▆": "+", "▇": "*", "█": "#",
    }
)  # fmt: skip
_STAND_INS |= {dots: "*" if dots > _BRAILLE.start else " " for dots in _BRAILLE}


@cache
def utf8_here() -> bool:
    """Decided once."""
    return is_utf8(os.environ)


def shown(text: str, *, utf8: bool | None = None) -> str:
    """`text` as this terminal can show it, of the same width."""
    if text.isascii() or (utf8_here() if utf8 is None else utf8):
        return text
    plain = text.translate(_STAND_INS)
    return "".join(c if c.isascii() else "?" * cell_len(c) for c in plain)
