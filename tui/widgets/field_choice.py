"""A field that has one of a few words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.line import Line, Span, Tone, width
from tui.widgets.base import TONES, Toned
from tui.widgets.field import Field


class Choice(Toned, Widget, can_focus=True):
    """← and → change it, a letter goes to the next word that begins with it, enter lists all."""

    COMPONENT_CLASSES: ClassVar[set[str]] = TONES
    DEFAULT_CSS = """
    Choice { height: 1; width: 1fr; background: $background; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "turn(-1)", show=False),
        Binding("right,space", "turn(1)", show=False),
        Binding("enter", "ask", show=False),
    ]

    @dataclass
    class Changed(Message):
        """Another word was chosen."""

        choice: Choice

    def __init__(self, title: str, words: Sequence[str], value: str) -> None:
        super().__init__()
        self._title = title
        self._words = tuple(words)
        self.value = value

    def put(self, value: str) -> None:
        """Show another word, without telling."""
        self.value = value
        self.refresh()

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_key(self, event: events.Key) -> None:
        """A letter means a word here, and no key of the console."""
        if not event.is_printable or not event.character or event.key == "space":
            return
        event.stop()
        event.prevent_default()
        at = self._words.index(self.value) if self.value in self._words else -1
        later = (*self._words[at + 1 :], *self._words[: at + 1])
        if found := next((w for w in later if w.startswith(event.character.lower())), None):
            self._set(found)

    def action_turn(self, steps: int) -> None:
        at = self._words.index(self.value) if self.value in self._words else -steps
        self._set(self._words[(at + steps) % len(self._words)])

    def step(self, steps: int) -> None:
        """To the field above or below."""
        next(one for one in self.ancestors if isinstance(one, Field)).leave(steps)

    def action_ask(self) -> None:
        from tui.screens.choose import ChooseScreen, Option

        def chosen(keys: tuple[str, ...] | None) -> None:
            if keys:
                self._set(keys[0])

        options = [Option(word, word) for word in self._words]
        self.app.push_screen(ChooseScreen(self._title, options, at=self.value), chosen)

    def _set(self, word: str) -> None:
        if word != self.value:
            self.put(word)
            self.post_message(self.Changed(self))

    def render_line(self, y: int) -> Strip:
        return self.draw(self._line(), self.cursor_style() if self.has_focus else None)

    def _line(self) -> Line:
        spans: list[Span] = []
        words = self._words if self.value in self._words else (self.value, *self._words)
        for word in words:
            here = word == self.value
            spans.append(Span("● " if here else "○ ", Tone.KEY if here else Tone.DIM))
            spans.append(Span(f"{word}   ", Tone.STRONG if here else Tone.DIM))
        if width(tuple(spans)) <= self.size.width:
            return tuple(spans)
        place = f"{words.index(self.value) + 1} of {len(words)}"
        return (
            Span("● ", Tone.KEY), Span(self.value, Tone.STRONG), Span(f"   {place}  ", Tone.DIM),
            Span("← →", Tone.KEY), Span(" change  ", Tone.DIM), Span("enter", Tone.KEY),
            Span(" lists", Tone.DIM),
        )  # fmt: skip


class ChoiceField(Field):
    """A labelled Choice. Its text is the word, "" for one that nobody knows."""

    def __init__(self, key: str, label: str, words: Sequence[str], value: str) -> None:
        self._choice = Choice(label, words, value)
        super().__init__(key, label, (self._choice,))

    @property
    def text(self) -> str:
        return self._choice.value

    def put(self, text: str) -> None:
        self._choice.put(text)
