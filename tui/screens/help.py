"""?: all keys."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.line import Line, Span, Tone, labelled, line
from tui.screens.base import View
from tui.views.status import Key
from tui.widgets.page import Page

_KEYS: tuple[tuple[str, tuple[Key, ...]], ...] = (
    (
        "everywhere",
        (
            ("1 2 3 4 5", "tasks, one task, its logs, GPUs, containers"),
            ("↑ ↓ j k g G", "move; g to the first, G to the last"),
            (
                "p",
                "pause: finishes the measurement, stops the engine, frees the GPU; p again goes on",
            ),
            ("x", "cancel the task, after a question; what was measured is kept"),
            ("r", "try the failed experiments again"),
            ("q", "leave; the work goes on"),
        ),
    ),
    (
        "one task",
        (
            ("enter", "everything about the experiment under the cursor"),
            ("o", "newest first, or best first"),
            ("s", "skip the experiment at work"),
            ("l", "the log of the experiment under the cursor"),
        ),
    ),
    (
        "containers",
        (
            ("enter", "what it is, and its environment as it really has it"),
            ("l", "the log of its experiment"),
            ("x", "stop and remove it, after a question; only ours"),
        ),
    ),
    (
        "logs",
        (
            ("tab", "engine or benchmark"),
            ("[ ]", "the experiment before, the one after"),
            ("f", "follow again; scrolling up stops it"),
            ("← →", "long lines"),
        ),
    ),
)


class HelpScreen(View):
    CSS_PATH = "help.tcss"
    KEYS: ClassVar[tuple[Key, ...]] = (("q", "leave"), ("esc", "back"))
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark", "dismiss", show=False)]

    def body(self) -> ComposeResult:
        yield Page(id="help")

    def fill(self) -> None:
        self.query_one(Page).show(_lines)


def _lines(cells: int) -> list[Line]:
    lines: list[Line] = []
    for title, keys in _KEYS:
        lines.append(line(Span(title, Tone.STRONG)))
        for key, text in keys:
            lines += labelled(Span(f"  {key:<14}", Tone.KEY), text, cells)
        lines.append(())
    return lines[:-1]
