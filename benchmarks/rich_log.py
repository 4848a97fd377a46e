"""Textual's own log widget following a file: python -m benchmarks.rich_log FILE. `q` leaves.

What the console's log view is measured beside. `j` counts in the header: a key and its paint.
"""

from __future__ import annotations

import os
import sys
from typing import BinaryIO, ClassVar

os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")

from textual.app import App, ComposeResult  # reads the environment
from textual.binding import Binding, BindingType
from textual.widgets import RichLog, Static

_POLL = 0.1


class RichLogApp(App[None]):
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "count", show=False, priority=True),
        Binding("q", "quit", show=False, priority=True),
    ]

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._keys = 0
        self._rest = b""

    def compose(self) -> ComposeResult:
        yield Static("keys 0", markup=False)
        yield RichLog(markup=False)

    def on_mount(self) -> None:
        self._poll()
        self.set_interval(_POLL, self._poll)

    def action_count(self) -> None:
        self._keys += 1
        self.query_one(Static).update(f"keys {self._keys}")

    def _poll(self) -> None:
        whole, newline, rest = self._file.read().rpartition(b"\n")
        if newline:
            # At once: line by line it falls behind for good.
            self.query_one(RichLog).write((self._rest + whole).decode("utf-8", "replace"))
            self._rest = b""
        self._rest += rest


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as opened:  # noqa: PTH123  # Path.open says no BinaryIO
        RichLogApp(opened).run()
