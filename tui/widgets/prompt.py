"""One line to type into, under a body: a filter, a number, a name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input

from tui.line import Line, Span, Tone
from tui.widgets.base import Lines


class Prompt(Horizontal):
    """Hidden until asked. Typing is told at once, so that a filter works while it is typed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", show=False)]
    DEFAULT_CSS = """
    Prompt { height: 1; display: none; }
    Prompt.-open { display: block; }
    Prompt #label { width: auto; min-width: 8; max-width: 24; height: 1; }
    Prompt Input, Prompt Input:focus {
        width: 1fr; height: 1; border: none; padding: 0; background: $surface;
    }
    Prompt #note { width: auto; max-width: 50%; min-width: 1; height: 1; }
    """

    @dataclass
    class Typed(Message):
        """The text after each key."""

        text: str

    @dataclass
    class Done(Message):
        """Enter."""

        text: str

    @dataclass
    class Left(Message):
        """Escape: what was typed does not count."""

    def compose(self) -> ComposeResult:
        yield Lines(id="label")
        box = Input(id="text", select_on_focus=False)
        box.cursor_blink = False  # nothing blinks, and each blink would be a repaint
        yield box
        yield Lines(id="note")

    @property
    def open(self) -> bool:
        return self.has_class("-open")

    def ask(self, label: str, text: str = "") -> None:
        """Open, with `text` to change; the focus is here until enter or escape."""
        self.query_one("#label", Lines).styles.width = len(label) + 2
        self.query_one("#label", Lines).show(lambda cells: [(Span(f" {label} ", Tone.KEY),)])
        self.note(())
        box = self.query_one(Input)
        with box.prevent(Input.Changed):
            box.value = text
        box.cursor_position = len(text)
        self.add_class("-open")
        self.screen.set_focus(box)  # at once: the next key may have been typed already

    def note(self, text: Line) -> None:
        """What is to be said of it at the right: hits, an error."""
        note = self.query_one("#note", Lines)
        note.styles.width = max(1, sum(len(span.text) for span in text) + 1)
        note.show(lambda cells: [text])

    def close(self) -> None:
        self.remove_class("-open")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.open:
            self.post_message(self.Typed(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.close()
        self.post_message(self.Done(event.value))

    def action_leave(self) -> None:
        self.close()
        self.post_message(self.Left())

    def on_key(self, event: events.Key) -> None:
        # Letters never come this far: they are text. What moves the focus would leave it open.
        if event.key in ("tab", "shift+tab"):
            event.stop()
