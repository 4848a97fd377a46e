"""A runner that kills itself at one write: `python -P -m tests.dying_runner WHERE [WRITE]`.

WHERE says from which moment writes are counted: `start`, `experiment:NUMBER` (it is written
down) or `repeat` (a start that confirms is). WRITE is what a transaction says, as `Write.name`,
with how often it was said before, as in `UPDATE starts#2`; or `any#7`, the seventh of all. The
runner dies right after that COMMIT, or right before it when DYING_BEFORE is set. Without a WRITE
it lives. The file that DYING_NOTE names gets a line for each write from the moment on.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import aiosqlite

from core.runner.main import main
from core.store.writing import Writer

_STATEMENT = re.compile(r"(INSERT|UPDATE|DELETE)(?: INTO| FROM)? (\w+)")
_EVENT = re.compile(r"[a-z]+(\.[a-z]+)?")


class _Death:
    """Reads along what is written, and dies at one write."""

    def __init__(self, where: str, write: str = "") -> None:
        self._where, _, self._number = where.partition(":")
        self._write = write
        self._before = bool(os.environ.get("DYING_BEFORE"))
        self._note = Path(os.environ["DYING_NOTE"])
        self._counts: Counter[str] = Counter()
        self._begun = where == "start"
        self._said: list[str] = []

    def statement(self, sql: str, values: tuple[object, ...]) -> None:
        if sql == "BEGIN IMMEDIATE":
            self._said = []
        elif sql == "COMMIT":
            self._at_commit()
        elif match := _STATEMENT.match(sql):
            self._said.append(_words(match[1], match[2], values))
            self._begun |= self._marks(match[1], match[2], values)

    def committed(self) -> None:
        if self._due(self._counts):
            os.kill(os.getpid(), signal.SIGKILL)

    def _at_commit(self) -> None:
        """Counted and noted before it happens: nothing is sure afterwards."""
        if not self._begun:
            return
        name = ", ".join(self._said)
        self._counts[name] += 1
        self._counts["any"] += 1
        with self._note.open("a", encoding="utf-8") as note:
            note.write(f"{name}#{self._counts[name]}\n")
        if self._before:
            self.committed()

    def _due(self, counts: Counter[str]) -> bool:
        name, _, number = self._write.rpartition("#")
        return bool(number) and counts[name] >= int(number)

    def _marks(self, verb: str, table: str, values: tuple[object, ...]) -> bool:
        """Whether this statement is the one from which is counted."""
        if verb != "INSERT":
            return False
        if self._where == "experiment":
            return table == "experiments" and int(self._number) in values
        return self._where == "repeat" and table == "starts" and "confirm" in values


def _words(verb: str, table: str, values: tuple[object, ...]) -> str:
    """A statement in short; an event by its kind."""
    if table != "events":
        return f"{verb} {table}"
    return next(str(value) for value in values if _EVENT.fullmatch(str(value)))


def _arm(death: _Death) -> None:
    """Every statement of the journal's connection is seen; nothing else of it is changed."""
    begin = Writer.__init__

    def watched(self: Writer, connection: aiosqlite.Connection) -> None:
        execute = connection.execute

        async def seen(sql: str, parameters: Iterable[object] = ()) -> aiosqlite.Cursor:
            values = tuple(parameters.values() if isinstance(parameters, dict) else parameters)
            death.statement(sql, values)
            cursor = await execute(sql, parameters)
            if sql == "COMMIT":
                death.committed()
            return cursor

        connection.execute = seen  # type: ignore[assignment,method-assign]
        begin(self, connection)

    Writer.__init__ = watched  # type: ignore[method-assign]


if __name__ == "__main__":
    _arm(_Death(*sys.argv[1:]))
    sys.exit(main())
