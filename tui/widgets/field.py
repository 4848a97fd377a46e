"""A field of a form: a label, one line to type into, and below it what is offered or wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from textual import events
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.geometry import Region
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from tui.line import Line, Span, Tone, fit, line, pad, wrap
from tui.widgets.base import Lines

LABEL = 14
SHOWN = 6
_MARKS = {Tone.BAD: "✖ ", Tone.WARN: "▸ "}


@dataclass(frozen=True, slots=True)
class Offer:
    """Something to take into a line; `hint` stands beside it."""

    text: str
    hint: str = ""


class Typing(Input):
    """One line to type into. Its keys go to the field around it first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "enter", show=False),
        Binding("escape", "close", show=False),
    ]

    @dataclass
    class Left(Message):
        """The focus went elsewhere."""

        typing: Typing

    @dataclass
    class Wanted(Message):
        """Enter, with nothing offered: what could stand here?"""

        typing: Typing

    @dataclass
    class Taken(Message):
        """An offer was taken; the text is already there."""

        typing: Typing

    def __init__(self, value: str, *, part: str, placeholder: str = "") -> None:
        super().__init__(
            value, placeholder=placeholder, select_on_focus=False, classes=f"-{part}", compact=True
        )
        self.part = part
        self.cursor_blink = False
        self._told = value

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> Self:
        """Without a layout of the whole screen for each letter: the width does not change."""
        return super().refresh(*regions, repaint=repaint, recompose=recompose)

    @property
    def field(self) -> Field:
        found = next(one for one in self.ancestors if isinstance(one, Field))
        assert isinstance(found, Field)
        return found

    def put(self, text: str) -> None:
        """Show another text, without telling that it changed."""
        if self.value != text:
            self._told = self.value = text
            self.cursor_position = len(text)

    def changed(self) -> bool:
        """Whether something was typed since the last time; what was put here does not count."""
        before, self._told = self._told, self.value
        return before != self.value

    def step(self, steps: int) -> None:
        """Among the offers, or to the field above or below: there in the same column."""
        if not self.field.step(steps):
            self.field.leave(steps, self.part)

    def action_enter(self) -> None:
        if (offer := self.field.chosen) is None:
            self.post_message(self.Wanted(self))
            return
        self.field.offer(())
        self.put(offer.text)
        self.post_message(self.Taken(self))

    def action_close(self) -> None:
        if not self.field.offers:
            raise SkipAction
        self.field.offer(())

    def on_blur(self, event: events.Blur) -> None:
        self.field.offer(())
        self.post_message(self.Left(self))


class Field(Vertical):
    """`key` names it: the path of a value, or `SECTION:INDEX` of a row. `parts` stand right
    of the label.
    """

    DEFAULT_CSS = """
    Field { height: auto; }
    Field #line { height: 1; }
    Field #label { height: 1; }
    Field #below { display: none; height: 1; }
    Typing { height: 1; width: 1fr; border: none; padding: 0; background: $surface; }
    Typing:focus { background: $panel; }
    Typing.-name { width: 26; margin: 0 1 0 0; }
    """

    def __init__(self, key: str, label: str, parts: Sequence[Widget]) -> None:
        super().__init__()
        self.key = key
        self._label = label
        self._offers: tuple[Offer, ...] = ()
        self._index = -1
        self._problem = ""
        self._tone = Tone.BAD
        # Kept, because a search of the whole form for each letter is slow.
        self._head = Lines(id="label")
        self._head.styles.width = LABEL
        self._below = Lines(id="below")
        self.parts = tuple(parts)

    def compose(self) -> ComposeResult:
        with Horizontal(id="line"):
            yield self._head
            yield from self.parts
        yield self._below

    def on_mount(self) -> None:
        self.relabel(self._label)
        self._show()

    def relabel(self, label: str) -> None:
        """Another label."""
        self._label = label
        self._head.show(lambda cells: [(Span(label, Tone.DIM),)])

    @property
    def offers(self) -> tuple[Offer, ...]:
        return self._offers

    @property
    def chosen(self) -> Offer | None:
        """The offer under the cursor."""
        return self._offers[self._index] if 0 <= self._index < len(self._offers) else None

    @property
    def problem(self) -> str:
        return self._problem

    def offer(self, offers: Sequence[Offer]) -> None:
        """List these below; none: close the list."""
        if tuple(offers) != self._offers:
            self._offers, self._index = tuple(offers), -1
            self._show()

    def step(self, steps: int) -> bool:
        """Move the cursor among the offers; false when it leaves them, or there are none."""
        if not self._offers or self._index + steps < -1:
            return False
        self._index = min(self._index + steps, len(self._offers) - 1)
        self._show()
        return True

    def leave(self, steps: int, part: str = "") -> None:
        """Put the focus into the field above or below, of a row into the same `part`."""
        chain = self.screen.focus_chain
        own = [index for index, one in enumerate(chain) if one in self.parts]
        way = chain[own[-1] + 1 :] if steps > 0 else chain[: own[0]][::-1]
        if way and isinstance(target := way[0], Typing):
            boxes = [one for one in target.field.parts if isinstance(one, Typing)]
            way[0] = next((one for one in boxes if one.part == part), boxes[0])
        if way:
            self.screen.set_focus(way[0])  # at once: the next key may be here already

    def say(self, problem: str, tone: Tone = Tone.BAD) -> None:
        """What is wrong with what stands here; "": nothing."""
        if (problem, tone) != (self._problem, self._tone):
            self._problem, self._tone = problem, tone
            self.set_class(bool(problem) and tone is Tone.BAD, "-wrong")
            self._show()

    def _show(self) -> None:
        if not self.is_mounted:
            return
        below = self._below
        count = len(self._lines(max(20, self.size.width or 80)))
        below.styles.display = "block" if count else "none"
        below.styles.height = max(1, count)
        below.show(self._lines)
        if self._offers:
            self.call_after_refresh(self.scroll_visible, animate=False)

    def on_resize(self) -> None:
        self._show()

    def _lines(self, cells: int) -> list[Line]:
        indent = Span(" " * LABEL)
        room = max(10, cells - LABEL)
        if self._problem:
            mark = _MARKS.get(self._tone, "  ")
            said = wrap(self._problem, room - 2, self._tone)[:2]
            problem = [(indent, Span(mark if not i else "  ", self._tone), *one)
                       for i, one in enumerate(said)]  # fmt: skip
        else:
            problem = []
        return [*problem, *((indent, *one) for one in self._listed(room))]

    def _listed(self, room: int) -> list[Line]:
        top = max(0, min(self._index - SHOWN + 1, len(self._offers) - SHOWN))
        if self._index < top:
            top = max(0, self._index)
        shown = self._offers[top : top + SHOWN]
        size = min(max((len(one.text) for one in shown), default=0), max(12, room - 12))
        lines: list[Line] = []
        for index, one in enumerate(shown, start=top):
            here = index == self._index
            text = pad(line(Span(one.text, Tone.STRONG if here else Tone.PLAIN)), size)
            mark = Span("▸ " if here else "  ", Tone.KEY)
            lines.append(fit((mark, *text, Span(f"  {one.hint}", Tone.DIM)), room))
        if (more := len(self._offers) - top - SHOWN) > 0:
            lines.append((Span(f"  {more} more below", Tone.DIM),))
        return lines


class TextField(Field):
    """One value."""

    def __init__(self, key: str, label: str, value: str, placeholder: str) -> None:
        self._box = Typing(value, part="text", placeholder=placeholder)
        super().__init__(key, label, (self._box,))

    @property
    def text(self) -> str:
        return self._box.value

    def put(self, text: str) -> None:
        """Show another text, without telling that it changed."""
        self._box.put(text)


class RowField(Field):
    """A name and a value."""

    def __init__(self, key: str, label: str, name: str, value: str, about: str = "") -> None:
        self.name_box = Typing(name, part="name", placeholder=about)
        self.value_box = Typing(value, part="value")
        super().__init__(key, label, (self.name_box, self.value_box))

    @property
    def pair(self) -> tuple[str, str]:
        return self.name_box.value, self.value_box.value
