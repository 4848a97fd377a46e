"""One place that knows whether the terminal shows more than ASCII."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache

from rich.cells import cell_len

# Every glyph of ours is one cell wide and has a stand-in of one cell.
_STAND_INS = str.maketrans(
    {
        "●": "*", "○": "o", "◌": ".", "‖": "=", "✔": "+", "✖": "x", "▪": "#", "▸": ">",
        "▾": "v", "▼": "v", "–": "-", "·": "-", "…": "~", "Δ": "d",
        "•": "*", "↑": "^", "↓": "v", "←": "<", "→": ">",
    }
)  # fmt: skip


def is_utf8(environ: Mapping[str, str]) -> bool:
    """Whether the locale of `environ` is a UTF-8 one; without any locale, it is taken as one."""
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        value = environ.get(name, "").upper().replace("-", "")
        # Python itself sets LC_CTYPE=C.UTF-8 under LANG=C; the terminal knows nothing of that.
        if value and not (value == "C.UTF8" and name == "LC_CTYPE" and environ.get("LANG")):
            return "UTF8" in value
    return True


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
