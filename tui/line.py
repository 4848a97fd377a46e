"""Text as the console draws it: spans with a tone. Runtime text is never markup here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rich.cells import cell_len, set_cell_size


class Tone(StrEnum):
    """What a piece of text is; the theme says how it looks. Never the only carrier of meaning."""

    PLAIN = "plain"
    DIM = "dim"
    STRONG = "strong"
    KEY = "key"
    RUN = "run"
    GOOD = "good"
    BAD = "bad"
    WARN = "warn"
    BEST = "best"
    BASE = "base"


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line. Characters that would move the cursor are blanks."""

    text: str
    tone: Tone = Tone.PLAIN

    def __post_init__(self) -> None:
        if not self.text.isprintable():
            clean = "".join(c if c.isprintable() else " " for c in self.text)
            object.__setattr__(self, "text", clean)


Line = tuple[Span, ...]


def line(*parts: Span | str) -> Line:
    """A line of spans and plain text."""
    return tuple(Span(part) if isinstance(part, str) else part for part in parts if part)


def width(text: Line) -> int:
    """In terminal cells."""
    return sum(cell_len(span.text) for span in text)


def fit(text: Line, cells: int) -> Line:
    """At most `cells` wide; what is cut ends in an ellipsis."""
    if width(text) <= cells:
        return text
    if cells <= 0:
        return ()
    kept: list[Span] = []
    room = cells - 1
    for span in text:
        size = cell_len(span.text)
        if size > room:
            kept.append(Span(set_cell_size(span.text, room).rstrip() + "…", span.tone))
            break
        kept.append(span)
        room -= size
    return tuple(kept)


def pad(text: Line, cells: int, *, right: bool = False) -> Line:
    """Exactly `cells` wide; `right` puts the text at the right edge."""
    text = fit(text, cells)
    gap = cells - width(text)
    if gap <= 0:
        return text
    blank = Span(" " * gap)
    return (blank, *text) if right else (*text, blank)


def apart(left: Line, right: Line, cells: int) -> Line:
    """`left` and `right` at the two edges; the left one is cut when both do not fit."""
    right = fit(right, cells)
    room = cells - width(right) - (2 if right else 0)
    gap = cells - width(right)
    return (*pad(fit(left, max(0, room)), gap), *right)


def wrap(text: str, cells: int, tone: Tone = Tone.PLAIN) -> list[Line]:
    """Broken at blanks into lines of at most `cells`; a longer word is cut in pieces."""
    lines: list[str] = [""]
    for word in Span(text).text.split():
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if cell_len(joined) <= cells:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        while cell_len(word) > cells:
            piece = set_cell_size(word, cells).rstrip()[: len(word)] or word[0]
            lines[-1] = piece
            lines.append("")
            word = word[len(piece) :]
        lines[-1] = word
    return [(Span(text, tone),) for text in lines if text]


def labelled(label: Span, text: str, cells: int, tone: Tone = Tone.PLAIN) -> list[Line]:
    """A label and, beside it, the wrapped text."""
    size = cell_len(label.text)
    first, *rest = wrap(text, max(10, cells - size), tone) or [()]
    return [(label, *first), *((Span(" " * size), *part) for part in rest)]
