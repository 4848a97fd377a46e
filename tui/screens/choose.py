"""A short list to choose from: columns, themes, what to export, the palette."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.line import Line, Span, Tone, line
from tui.views.layout import Column, Grid, Row
from tui.widgets.base import Lines
from tui.widgets.table import Table


@dataclass(frozen=True, slots=True)
class Option:
    """`key` is what choosing it gives; `hint` stands beside it, dimmed."""

    key: str
    label: str
    hint: str = ""


class _Narrowing(Input):
    """Where the words are typed. `keeps_blanks`: a blank is one, and not a mark."""

    def __init__(self, *, keeps_blanks: bool) -> None:
        super().__init__(id="text")
        self.cursor_blink = False
        self._keeps_blanks = keeps_blanks

    def check_consume_key(self, key: str, character: str | None) -> bool:
        if key == "space" and not self._keeps_blanks:
            return False
        return super().check_consume_key(key, character)


class ChooseScreen(ModalScreen[tuple[str, ...] | None]):
    """Typing narrows the list. Gives the key chosen with enter, as a tuple of one.

    With `many`, space marks and unmarks, and enter gives all marked keys in the order of the
    options. None: escape.
    """

    CSS_PATH = "choose.tcss"
    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", show=False),
        Binding("up", "move(-1)", show=False, priority=True),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("space", "mark", show=False, priority=True),
    ]

    def __init__(
        self, title: str, options: Sequence[Option], *, many: bool = False,
        marked: Sequence[str] = (), at: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._title = title
        self._options = tuple(options)
        self._many = many
        self._marked = set(marked)
        self._at = at

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Lines(id="title")
            yield _Narrowing(keeps_blanks=not self._many)
            yield Table(id="options")
            yield Lines(id="hint")

    def on_mount(self) -> None:
        says = "space marks  " if self._many else ""
        hint = line(Span(f"{says}enter chooses  esc leaves", Tone.DIM))
        self.query_one("#title", Lines).show(lambda cells: [(Span(self._title, Tone.STRONG),)])
        self.query_one("#hint", Lines).show(lambda cells: [hint])
        self.query_one("#box").styles.height = min(20, len(self._options) + 6)
        self._fill()
        if self._at is not None:
            self.query_one(Table).go_to(self._at)

    def on_input_changed(self) -> None:
        self._fill()

    def on_input_submitted(self) -> None:
        self._answer()

    def on_table_chosen(self) -> None:
        self._answer()

    def action_move(self, steps: int) -> None:
        self.query_one(Table).action_move(steps)

    def action_mark(self) -> None:
        if (key := self.query_one(Table).cursor) is not None:
            self._marked ^= {key}
            self._fill()

    def _answer(self) -> None:
        key = self.query_one(Table).cursor
        if self._many:
            self.dismiss(tuple(one.key for one in self._options if one.key in self._marked))
        elif key is not None:
            self.dismiss((key,))

    def _fill(self) -> None:
        words = self.query_one(Input).value.lower().split()
        shown = [
            one
            for one in self._options
            if all(word in f"{one.label} {one.hint}".lower() for word in words)
        ]
        columns = (Column(""), Column("", grow=True, least=10), Column(""))
        rows = [Row(one.key, (self._box(one), line(one.label), _hint(one))) for one in shown]
        nothing: tuple[Line, ...] = (line(Span("nothing has these words", Tone.DIM)),)
        self.query_one(Table).show(Grid(columns, tuple(rows)), nothing)

    def _box(self, option: Option) -> Line:
        if not self._many:
            return ()
        return line(Span("✔", Tone.GOOD) if option.key in self._marked else "·")


def _hint(option: Option) -> Line:
    return line(Span(option.hint, Tone.DIM) if option.hint else "")
