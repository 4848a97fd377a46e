"""A few labelled lines to fill in: a budget, a configuration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from core.values import InputError
from tui.line import Line, Span, Tone, line, wrap
from tui.widgets.base import Lines


@dataclass(frozen=True, slots=True)
class Field:
    """One line; `hint` says what is expected."""

    label: str
    value: str = ""
    hint: str = ""


class AskScreen(ModalScreen[tuple[str, ...] | None]):
    """Gives the lines as they were typed, once `check` takes them; None: escape.

    `check` raises InputError with what is wrong, which is shown.
    """

    CSS_PATH = "ask.tcss"
    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    def __init__(
        self, title: str, fields: Sequence[Field], check: Callable[[tuple[str, ...]], object]
    ) -> None:
        super().__init__()
        self._title = title
        self._fields = tuple(fields)
        self._check = check

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Lines(id="title")
            for index, field in enumerate(self._fields):
                with Horizontal():
                    yield Lines(id=f"label-{index}")
                    box = Input(field.value, select_on_focus=False)
                    box.cursor_blink = False
                    yield box
                hint = Lines(id=f"hint-{index}")
                yield hint.add_class("hint")
            yield Lines(id="error")
            yield Lines(id="answers")

    def on_mount(self) -> None:
        self._say("title", line(Span(self._title, Tone.STRONG)))
        for index, field in enumerate(self._fields):
            self._say(f"label-{index}", line(Span(field.label, Tone.KEY)))
            self._say(f"hint-{index}", line(Span(field.hint, Tone.DIM)))
        more = "tab the next line  " if len(self._fields) > 1 else ""
        self._say("answers", line(Span(f"enter does it  {more}esc leaves", Tone.DIM)))

    def on_input_changed(self) -> None:
        self.query_one("#error", Lines).show(lambda cells: [])

    def on_input_submitted(self) -> None:
        texts = tuple(box.value for box in self.query(Input))
        try:
            self._check(texts)
        except InputError as error:
            said = f"✖ {error}"
            self.query_one("#error", Lines).show(lambda cells: wrap(said, cells, Tone.BAD))
        else:
            self.dismiss(texts)

    def _say(self, where: str, text: Line) -> None:
        self.query_one(f"#{where}", Lines).show(lambda cells: [text])
