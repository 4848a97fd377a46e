"""Text as Markdown (CommonMark with GitHub's tables) that stays text, whatever is in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from core.values import one_line

# Characters that can begin or end markup inside a line, and what turns addresses into links.
_MARKUP = re.compile(r"[\\`*\[\]<|~&$@]|(?<![^\W_])_|_(?![^\W_])|(?<=www)\.|:(?=//)", re.IGNORECASE)
# What makes a line a heading, a list, a rule or a quotation.
_FIRST = re.compile(r"^(\d*)([#>+=.)-])")


def escaped(text: str, limit: int = 400) -> str:
    """One line of a table's cell or inside a paragraph."""
    return _MARKUP.sub(r"\\\g<0>", one_line(text, limit))


def line(text: str, limit: int = 400) -> str:
    """A line that a paragraph or a point of a list begins with."""
    return _FIRST.sub(r"\1\\\2", escaped(text, limit))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], align: str) -> str:
    """Cells of any text; `align` has an `l` or `r` for each column."""
    rule = [":--" if side == "l" else "--:" for side in align]
    return "\n".join([_row(map(escaped, head)), _row(rule), *(_row(map(escaped, r)) for r in rows)])


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def bullets(texts: Iterable[str]) -> str:
    return "\n".join(f"- {line(text)}" for text in texts)


def block(text: str, language: str = "") -> str:
    """A block of code, whatever backticks it has."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    body = text.rstrip("\n")
    return f"{fence}{language}\n{body}\n{fence}"
