"""The whole form: fields in their groups, made from texts and read as texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from tui.form import ENTRIES, GROUPS, Entry, Table
from tui.forms import Form
from tui.line import Tone
from tui.widgets.field import Field, RowField, TextField, Typing
from tui.widgets.field_choice import Choice, ChoiceField
from tui.widgets.field_rows import Rows


class FormView(VerticalScroll, can_focus=False):
    """Shows a Form and tells what is done to it; knows nothing of files."""

    DEFAULT_CSS = """
    FormView { height: 1fr; overflow-x: hidden; }
    FormView .-apart { margin: 1 0 0 0; }
    FormView .-hidden { display: none; }
    """

    @dataclass
    class Changed(Message):
        """Something was typed or chosen in the field of this key."""

        key: str
        typing: Typing | None = None

    @dataclass
    class Entered(Message):
        """The focus is in the field of this key now."""

        key: str

    def __init__(self, form: Form, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._single: dict[str, TextField | ChoiceField] = {}
        self._rows: dict[str, Rows] = {}
        for group in GROUPS:
            for part in group.parts:
                made = self._made(part, form)
                made.set_class(part is group.parts[0] and group is not GROUPS[0], "-apart")

    def compose(self) -> ComposeResult:
        for group in GROUPS:
            for part in group.parts:
                if isinstance(part, Table):
                    yield self._rows[part.section]
                else:
                    yield self._single[part.path]

    def on_mount(self) -> None:
        self._hide()

    @property
    def form(self) -> Form:
        """What stands in the fields."""
        texts = {key: one.text for key, one in self._single.items()}
        return Form(texts, {section: rows.pairs for section, rows in self._rows.items()})

    @property
    def fields(self) -> Iterator[Field]:
        yield from self._single.values()
        for rows in self._rows.values():
            yield from rows.fields

    @property
    def current(self) -> Field | None:
        """The field that has the focus."""
        focused = self.screen.focused
        around = focused.ancestors if focused else ()
        return next((one for one in around if isinstance(one, Field)), None)

    def field(self, key: str) -> Field | None:
        return next((one for one in self.fields if one.key == key), None)

    def rows(self, section: str) -> Rows:
        return self._rows[section]

    async def put(self, form: Form) -> None:
        """Show another form; what is the same stays as it is."""
        for key, one in self._single.items():
            one.put(form.texts[key] or ENTRIES[key].default * isinstance(one, ChoiceField))
        for section, rows in self._rows.items():
            if rows.pairs != form.rows[section]:
                await rows.put(form.rows[section])
        self._hide()

    def say(
        self, wrong: Mapping[str, str], odd: Mapping[str, str], notes: Mapping[str, str]
    ) -> None:
        """Problems by field, values that do not fit what is known of a flag, and remarks."""
        kinds = ((wrong, Tone.BAD), (odd, Tone.WARN), (notes, Tone.DIM))
        for one in self.fields:
            said = ((texts[one.key], tone) for texts, tone in kinds if one.key in texts)
            one.say(*next(said, ("", Tone.BAD)))

    def go_to(self, key: str) -> None:
        """Put the focus into a field; of a row with a name, into its value."""
        if isinstance(field := self.field(key), RowField) and field.pair[0].strip():
            field.value_box.focus()
        elif field is not None:
            field.parts[0].focus()

    async def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if isinstance(event.input, Typing) and event.input.is_attached and event.input.changed():
            field = event.input.field
            if isinstance(field.parent, Rows):
                await field.parent.extend()
            self.post_message(self.Changed(field.key, event.input))

    async def on_typing_taken(self, event: Typing.Taken) -> None:
        field = event.typing.field
        if isinstance(field.parent, Rows):
            await field.parent.extend()
        self.post_message(self.Changed(field.key))

    def on_choice_changed(self, event: Choice.Changed) -> None:
        event.stop()
        self._hide()
        field = next(one for one in event.choice.ancestors if isinstance(one, Field))
        self.post_message(self.Changed(field.key))

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if field := self.current:
            self.post_message(self.Entered(field.key))

    def _hide(self) -> None:
        """Fields of the other kind of deployment."""
        deploy, simulated = self._single["deploy"].text, self._single["engine"].text == "simulated"
        for key, one in self._single.items():
            if wanted := ENTRIES[key].deploy:
                one.set_class(simulated or wanted != deploy, "-hidden")

    def _made(self, part: Entry | Table, form: Form) -> Widget:
        if isinstance(part, Table):
            pairs = form.rows[part.section]
            self._rows[part.section] = Rows(part.section, part.label, pairs, part.example)
            return self._rows[part.section]
        self._single[part.path] = made = self._field(part, form.texts[part.path])
        return made

    def _field(self, entry: Entry, text: str) -> TextField | ChoiceField:
        if entry.choices:
            value = text or entry.default
            return ChoiceField(entry.path, entry.label, entry.choices, value)
        return TextField(entry.path, entry.label, text, entry.default)
