"""What the terminal can show."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from core.doctor.report import Check, ok, unknown, warning

_LEAST = (80, 24)


def terminal_check(environ: Mapping[str, str], streams: Sequence[int] = (1, 2, 0)) -> Check:
    """TERM, colours, UTF-8, tmux and size of the terminal that any of these streams is."""
    term = environ.get("TERM", "")
    size = _size(streams)
    said = ", ".join(
        (
            f"TERM={term or '(not set)'}",
            _colours(environ),
            "UTF-8" if is_utf8(environ) else "no UTF-8",
            *(name for name, variable in (("tmux", "TMUX"), ("screen", "STY"), ("SSH", "SSH_TTY"))
              if environ.get(variable)),
            f"{size[0]}x{size[1]}" if size else "no terminal: this is a pipe or a file",
        )
    )  # fmt: skip
    if size is None:
        return unknown("terminal", said)
    advice = _advice(term, size, environ)
    return warning("terminal", said, advice) if advice else ok("terminal", said)


def _advice(term: str, size: tuple[int, int], environ: Mapping[str, str]) -> str:
    if term in ("", "dumb"):
        return "set TERM, for example to xterm-256color: the console does not open without"
    if size[0] < _LEAST[0] or size[1] < _LEAST[1]:
        return f"make it at least {_LEAST[0]}x{_LEAST[1]}: less cuts what the console shows"
    if not is_utf8(environ):
        return "set LANG=C.UTF-8 if the terminal shows UTF-8: the console is plain ASCII without"
    return ""


def _colours(environ: Mapping[str, str]) -> str:
    if environ.get("NO_COLOR"):
        return "no colours (NO_COLOR)"
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return "16 million colours"
    return "256 colours" if "256" in environ.get("TERM", "") else "16 colours"


def _size(streams: Sequence[int]) -> tuple[int, int] | None:
    """Columns and rows."""
    for stream in streams:
        try:
            columns, rows = os.get_terminal_size(stream)
        except OSError:
            continue
        return columns, rows
    return None


def is_utf8(environ: Mapping[str, str]) -> bool:
    """Whether the locale of `environ` is a UTF-8 one; without any locale, it is taken as one."""
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        value = environ.get(name, "").upper().replace("-", "")
        # Python itself sets LC_CTYPE=C.UTF-8 under LANG=C; the terminal knows nothing of that.
        if value and not (value == "C.UTF8" and name == "LC_CTYPE" and environ.get("LANG")):
            return "UTF8" in value
    return True
