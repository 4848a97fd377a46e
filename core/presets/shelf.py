"""Every preset there is: the built-in ones, and those a person stored."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from core.paths import Home
from core.presets import builtin
from core.presets.model import Preset
from core.presets.reader import parse
from core.store.reader import Reader
from core.values import InputError


@dataclass(frozen=True, slots=True)
class Shelf:
    """`stored` has the texts of the journal by name."""

    stored: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    async def of(cls, home: Home) -> Shelf:
        """As the journal is now; only the built-in ones before there is a journal."""
        async with Reader.open(home) as reader:
            return cls(await reader.presets())

    @property
    def names(self) -> tuple[str, ...]:
        return (*builtin.texts(), *(one for one in self.stored if one not in builtin.texts()))

    def own(self, name: str) -> bool:
        """Whether a person stored it; theirs goes before a built-in one that came later."""
        return name in self.stored

    def find(self, name: str) -> Preset:
        """InputError, with the nearest name, when there is none; TaskError when what was
        stored cannot be read any more.
        """
        text = self.stored.get(name) or builtin.texts().get(name)
        if text is None:
            raise InputError(f"presets: unknown preset '{name}'; {_hint(name, self.names)}")
        return parse(text, f"preset {name}", name, name)


def _hint(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name.lower().replace("_", "-"), known, 1)
    return f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
