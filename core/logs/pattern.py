"""What a person looks for in a log."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from core.logs.signs import Sign, sign
from core.values import InputError

REGEX = "re:"
_REACH = 1000
"""Characters of a line that a regular expression gets to see: some take ages on long ones."""

_NESTED = re.compile(r"(?<!\\)\((?:[^()\\]|\\.)*[*+](?:[^()\\]|\\.)*\)[*+{]")


class Pattern(Protocol):
    """`text` is always sanitized."""

    def places(self, text: str, first: int) -> list[int]:
        """The numbers of the matching lines, the first line of the text being `first`."""
        ...

    def spans(self, line: str) -> Iterator[tuple[int, int]]:
        """Where in a line the match is, in characters."""
        ...


@dataclass(frozen=True, slots=True)
class Words:
    """Lines that have all these words. Lower-case words also match capitals."""

    words: tuple[str, ...]
    fold: bool

    def places(self, text: str, first: int) -> list[int]:
        text = text.lower() if self.fold else text
        if not all(word in text for word in self.words):  # much faster than line by line
            return []
        lines = text.split("\n")
        found = range(len(lines))
        for word in self.words:
            found = [n for n in found if word in lines[n]]  # type: ignore[assignment]
        return [first + n for n in found]

    def spans(self, line: str) -> Iterator[tuple[int, int]]:
        flags = re.IGNORECASE if self.fold else 0
        pattern = "|".join(re.escape(word) for word in self.words)
        for found in re.finditer(pattern, line, flags):
            yield found.span()


@dataclass(frozen=True, slots=True)
class Regex:
    """Lines in whose first 1,000 characters this is found. None of them is without `needle`."""

    pattern: re.Pattern[str]
    needle: str = ""

    def places(self, text: str, first: int) -> list[int]:
        search = self.pattern.search
        lines = text.split("\n")
        places: Iterable[int] = range(len(lines))
        if self.needle and text.isascii():  # only ASCII has one lower case for all
            text = text.lower()
            if self.needle not in text:
                return []
            places = (n for n, line in enumerate(text.split("\n")) if self.needle in line)
        return [first + n for n in places if search(lines[n], 0, _REACH)]

    def spans(self, line: str) -> Iterator[tuple[int, int]]:
        for found in self.pattern.finditer(line, 0, _REACH):
            if found.end() > found.start():
                yield found.span()


@dataclass(frozen=True, slots=True)
class Errors:
    """Lines that say an error."""

    hints: tuple[str, ...] = ("ERROR", "Error", "CRITICAL", "FATAL", "Traceback")

    def places(self, text: str, first: int) -> list[int]:
        if not any(hint in text for hint in self.hints):
            return []
        lines = text.split("\n")
        return [n for n, line in enumerate(lines, first) if sign(line) is Sign.ERROR]

    def spans(self, line: str) -> Iterator[tuple[int, int]]:
        return iter(())


def parse(text: str) -> Pattern | None:
    """Words, or a regular expression after `re:`; None for nothing but blanks.

    With a capital letter anywhere, capitals count. Raises InputError with one line that says
    what is wrong with a regular expression.
    """
    text = text.strip()
    fold = text == text.lower()
    if not text.startswith(REGEX):
        words = tuple(text.lower().split() if fold else text.split())
        return Words(words, fold) if words else None
    pattern = text[len(REGEX) :].strip()
    if not pattern:
        return None
    if _NESTED.search(pattern):
        raise InputError("re: a repeat in a repeat may take for ever")
    try:
        return Regex(re.compile(pattern, re.IGNORECASE if fold else 0), _needle(pattern))
    except (re.error, OverflowError, RecursionError) as error:
        raise InputError(f"re: {getattr(error, 'msg', error)}") from None


def _needle(pattern: str) -> str:
    """The longest text every match contains, lower-case; empty when that is not easily told."""
    if re.search(r"[|()\[\]{}?\\]", pattern) or not pattern.isascii():
        return ""
    return max(re.split(r".[*+]+|[.^$]", pattern.lower()), key=len)
