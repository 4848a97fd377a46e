"""Offers under the fields of the new task: known flags, usual values, models of the Hub."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from core.values import AutotunerError, one_line
from tui import asking, offers
from tui.asking import Preset
from tui.widgets.field import Field, Offer, RowField, Typing

if TYPE_CHECKING:
    from tui.screens.new import NewScreen

_SEARCH_PAUSE = 0.5
_LEAST = 3
_LOCAL = ("/", ".", "~")


class Completing:
    """`notes` are remarks for fields, by key: why the Hub cannot be asked, said once."""

    def __init__(self, screen: NewScreen) -> None:
        self._screen = screen
        self._told = False
        self._presets: tuple[Preset, ...] | None = None
        self.notes: dict[str, str] = {}

    def typed(self, key: str, typing: Typing) -> None:
        """A letter came: offer names that have it, or ask the Hub."""
        section, _, row = key.partition(":")
        if key == "model":
            self._model(typing)
        elif key == "presets":
            self._offer_presets(typing)
        elif row and typing.part == "name":
            typing.field.offer(self._names(section, typing) if typing.value.strip() else ())
        else:
            typing.field.offer(())

    def wanted(self, key: str, typing: Typing) -> bool:
        """List what could stand here; false when nobody knows, or it is there already."""
        section, _, row = key.partition(":")
        field = typing.field
        if key == "presets" and not typing.value.strip():
            self._offer_presets(typing)
            return True
        if not row or not isinstance(field, RowField):
            return False
        if typing.part == "name":
            if typing.value.strip():
                return False
            field.offer(self._names(section, typing))
        else:
            if typing.value.strip():
                return False
            field.offer(offers.values(self._screen.engine, section, field.pair[0].strip()))
        return bool(field.offers)

    def taken(self, key: str, typing: Typing) -> None:
        """After a name comes its value."""
        field = typing.field
        if isinstance(field, RowField) and typing.part == "name":
            box = field.value_box
            box.focus()
            if not box.value:
                section = key.partition(":")[0]
                found = offers.values(self._screen.engine, section, typing.value)
                self._screen.call_after_refresh(field.offer, found)

    def _names(self, section: str, typing: Typing) -> tuple[Offer, ...]:
        used = [name for name, _ in self._screen.form.rows(section).pairs if name != typing.value]
        return offers.names(self._screen.engine, section, typing.value, used)

    def _model(self, typing: Typing) -> None:
        self.notes.pop("model", None)
        text = typing.value.strip()
        local = offers.local_models(self._screen.engine, text)
        typing.field.offer(local)
        simulated = self._screen.engine == "simulated"
        search = len(text) >= _LEAST and not text.startswith(_LOCAL) and not simulated
        # Also when there is nothing to ask: an older question ends.
        self._screen.in_background(
            partial(self._asked, text if search else "", typing.field), "hub"
        )

    def _offer_presets(self, typing: Typing) -> None:
        """They are asked for once; the offer comes with the answer."""
        if self._presets is None:
            self._screen.in_background(partial(self._list_presets, typing), "presets")
        else:
            typing.field.offer(offers.presets(self._presets, self._screen.engine, typing.value))

    async def _list_presets(self, typing: Typing) -> None:
        self.notes.pop("presets", None)
        try:
            self._presets = await asking.presets(self._screen.console.home)
        except AutotunerError as error:
            self.notes["presets"] = f"presets cannot be listed: {one_line(str(error), 160)}"
            self._screen.fill()
            return
        if self._screen.form.current is typing.field:
            self._offer_presets(typing)

    async def _asked(self, text: str, field: Field) -> None:
        if not text:
            return
        await asyncio.sleep(_SEARCH_PAUSE)
        try:
            found = await asking.models(text, self._screen.console.home)
        except AutotunerError as error:
            if not self._told and self._screen.form.current is field:
                self._told = True
                self.notes["model"] = f"no search of the Hub: {one_line(str(error), 160)}"
                self._screen.fill()
            return
        if self._screen.form.current is field:
            field.offer(offers.hub_models(found, text))
