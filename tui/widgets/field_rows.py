"""Rows of names and values, with an empty one at the end for the next."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import Vertical

from tui.widgets.field import RowField

Pair = tuple[str, str]


class Rows(Vertical):
    """`section` names it; its fields are `SECTION:INDEX`, counted from the top."""

    DEFAULT_CSS = "Rows { height: auto; }"

    def __init__(self, section: str, label: str, pairs: Iterable[Pair], empty: str) -> None:
        super().__init__()
        self.section = section
        self._label = label
        self._given = tuple(pairs)
        self._empty = empty

    def compose(self) -> ComposeResult:
        yield from self._made(self._given)

    @property
    def fields(self) -> list[RowField]:
        return [one for one in self.children if isinstance(one, RowField)]

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """What stands in the rows; one without name and value at the end does not count."""
        found = [field.pair for field in self.fields]
        while found and not any(text.strip() for text in found[-1]):
            found.pop()
        return tuple(found)

    async def put(self, pairs: Iterable[Pair]) -> None:
        """Other rows in place of these."""
        await self.remove_children()
        await self.mount_all(self._made(pairs))

    async def extend(self) -> None:
        """Have an empty row at the end."""
        fields = self.fields
        if not fields or any(text.strip() for text in fields[-1].pair):
            await self.mount(self._row(len(fields), "", ""))

    async def drop(self, field: RowField) -> None:
        """Take a row away; the focus goes to the one that takes its place."""
        fields = self.fields
        at = fields.index(field)
        rest = [one for one in fields if one is not field]
        if rest:
            rest[min(at, len(rest) - 1)].name_box.focus()
        await field.remove()
        for index, one in enumerate(rest):
            one.key = f"{self.section}:{index}"
            one.relabel("" if index else self._label)
        await self.extend()
        if not rest:
            self.fields[0].name_box.focus()

    def _made(self, pairs: Iterable[Pair]) -> list[RowField]:
        rows = [*pairs, ("", "")]
        return [self._row(index, name, value) for index, (name, value) in enumerate(rows)]

    def _row(self, index: int, name: str, value: str) -> RowField:
        label = "" if index else self._label
        return RowField(f"{self.section}:{index}", label, name, value, self._empty)
