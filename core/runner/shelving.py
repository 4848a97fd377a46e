"""Presets that a person stores and removes: the runner alone writes the journal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from core.presets import builtin
from core.presets.reader import check_name, parse
from core.store.journal import Command, Journal
from core.values import AutotunerError


class Shelving:
    """Each writes its effect and its answer in one transaction."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.verbs: Mapping[str, Callable[[Command], Awaitable[None]]] = {
            "save_preset": self._save,
            "remove_preset": self._remove,
        }

    async def _save(self, command: Command) -> None:
        """A text is read before it is stored: what is there can be used."""
        name, text = _named(command), str(command.arguments.get("text", ""))
        replace = command.arguments.get("replace") is True
        if name in builtin.texts():
            raise AutotunerError(f"presets: '{name}' is built in; choose another name")
        parse(text, f"preset {name}", name, name)
        async with self._journal.together():
            if not await self._journal.set_preset(name, text, replace=replace):
                raise AutotunerError(f"presets: '{name}' is there already; --replace replaces it")
            await self._journal.finish_command(command, reply=f"preset {name} is saved", error=None)

    async def _remove(self, command: Command) -> None:
        name = _named(command)
        async with self._journal.together():
            if not await self._journal.remove_preset(name):
                why = "is built in" if name in builtin.texts() else "is not there"
                raise AutotunerError(f"presets: '{name}' {why}; there is nothing to remove")
            await self._journal.finish_command(
                command, reply=f"preset {name} is removed", error=None
            )


def _named(command: Command) -> str:
    return check_name(str(command.arguments.get("name", "")))
