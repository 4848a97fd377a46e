"""What is wrong with a task file, and where."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from core.values import InputError, one_line


class TaskError(InputError):
    """A task file that cannot be used. `problems` has one line each, in file order."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(one_line(problem, 400) for problem in problems)
        more = len(self.problems) - 1
        super().__init__(self.problems[0] + (f" (and {more} more)" if more else ""))


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong. Lines and columns count from 1."""

    line: int
    column: int
    path: str
    message: str

    def show(self, source: str) -> str:
        path = f"{self.path}: " if self.path else ""
        return f"{source}:{self.line}:{self.column}: {path}{self.message}"


class RefusedError(Exception):
    """Raised by readers; gathered by whoever reads several things."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems = problems


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or the known spellings when none is near."""
    names = [str(name) for name in known]
    close = difflib.get_close_matches(word.lower().replace("-", "_"), names, 1, 0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known: {', '.join(names)}"
