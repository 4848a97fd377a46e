"""What a terminal shows after it was written to: as much of one as the console needs."""

from __future__ import annotations

import codecs
import re

from rich.cells import cell_len

_SEQUENCE = re.compile(
    rb"\x1b\[(?P<csi>[0-?]*[ -/]*[@-~])"
    rb"|\x1b\](?P<osc>[^\x07\x1b]*)(?:\x07|\x1b\\)"
    rb"|\x1b(?P<string>[PX^_])[^\x1b]*\x1b\\"
    rb"|\x1b(?P<other>[ -/]*[0-OQ-WYZ\\`-~])"
)
_DRAWING = "mHJKABCDG"  # colours, the cursor, clearing
_SETTING = "hlpqu"  # modes, questions, the keyboard


class Screen:
    """Rows of characters. `modes`: private ones by number, as they were last set.

    `strange` are sequences that only draw nothing: whoever wrote them, it was not the console.
    """

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self.columns, self.rows = columns, rows
        self.modes: dict[int, bool] = {}
        self.strange: list[bytes] = []
        self._cells = self._blank()
        self._x = self._y = 0
        self._rest = b""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    @property
    def lines(self) -> list[str]:
        return ["".join(row).rstrip() for row in self._cells]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def alternate(self) -> bool:
        return self.modes.get(1049, False)

    def resize(self, columns: int, rows: int) -> None:
        """As terminals do: what no longer fits is gone, the program draws the rest again."""
        kept = self._cells
        self.columns, self.rows = columns, rows
        self._cells = self._blank()
        for new, old in zip(self._cells, kept, strict=False):
            new[: len(old)] = old[:columns]
        self._x, self._y = min(self._x, columns - 1), min(self._y, rows - 1)

    def feed(self, data: bytes) -> None:
        data = self._rest + data
        done = 0
        while (escape := data.find(b"\x1b", done)) >= 0:
            self._print(data[done:escape])
            found = _SEQUENCE.match(data, escape)
            if found is None:  # the rest is still to come
                self._rest = data[escape:]
                return
            self._obey(found)
            done = found.end()
        self._rest = b""
        self._print(data[done:])

    def _print(self, data: bytes) -> None:
        for character in self._decoder.decode(data):
            match character:
                case "\r":
                    self._x = 0
                case "\n":
                    self._y = min(self._y + 1, self.rows - 1)
                case "\b":
                    self._x = max(0, self._x - 1)
                case _ if character.isprintable():
                    self._put(character)

    def _put(self, character: str) -> None:
        size = cell_len(character)
        if self._x + size <= self.columns:
            self._cells[self._y][self._x : self._x + size] = [character, *[""] * (size - 1)]
        self._x += size

    def _obey(self, found: re.Match[bytes]) -> None:
        control = (found["csi"] or b"").decode("ascii", "replace")
        if control[-1:] and control[-1] in _SETTING:
            self._mode(control)
        elif control[-1:] and control[-1] in _DRAWING and not control.startswith("?"):
            self._draw(control[-1], [int(n or 0) for n in re.findall(r"\d+", control[:-1])])
        else:
            self.strange.append(found[0])

    def _mode(self, control: str) -> None:
        if control.startswith("?") and control[-1] in "hl":
            for number in control[1:-1].split(";"):
                self.modes[int(number)] = control[-1] == "h"
                if number == "1049" and control[-1] == "h":
                    self._cells = self._blank()

    def _draw(self, what: str, numbers: list[int]) -> None:
        first = max(1, numbers[0]) if numbers else 1
        match what:
            case "H":
                self._y = min(first, self.rows) - 1
                self._x = min(max(1, numbers[1]) if len(numbers) > 1 else 1, self.columns) - 1
            case "A":
                self._y = max(0, self._y - first)
            case "B":
                self._y = min(self.rows - 1, self._y + first)
            case "C":
                self._x = min(self.columns - 1, self._x + first)
            case "D":
                self._x = max(0, self._x - first)
            case "G":
                self._x = first - 1
            case "K":
                self._cells[self._y][self._x :] = [" "] * (
                    self.columns - min(self._x, self.columns)
                )
            case "J":
                self._cells = self._blank()

    def _blank(self) -> list[list[str]]:
        return [[" "] * self.columns for _ in range(self.rows)]
