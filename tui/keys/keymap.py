"""Which key does what: the tables, changed by a person's keymap file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tui.keys.base import NAMES, Action
from tui.keys.everywhere import EVERYWHERE
from tui.keys.screens import SCREENS

Key = tuple[str, str]
"""A key as it is shown, and what it does."""


@dataclass(frozen=True, slots=True)
class Keymap:
    """`changed`: keys by action id, in Textual's names; other actions keep their own."""

    changed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def actions(self, screen: str) -> tuple[Action, ...]:
        """What can be done on a screen, with the keys that do it; its own first."""
        own = SCREENS.get(screen, ())
        return tuple(
            replace(one, keys=self.changed.get(one.id, one.keys)) for one in (*own, *EVERYWHERE)
        )

    def key(self, action: str) -> str:
        """The first key of an action, as it is shown."""
        for one in (*EVERYWHERE, *(one for table in SCREENS.values() for one in table)):
            if one.id == action:
                return shown(self.changed.get(action, one.keys))
        raise KeyError(action)

    def footer(self, screen: str) -> tuple[Key, ...]:
        """The line of keys, help last."""
        chosen = [one for one in self.actions(screen) if one.footer is not None]
        chosen.sort(key=lambda one: one.footer or 0)
        return tuple((shown(one.keys), one.label) for one in chosen)


def shown(keys: tuple[str, ...]) -> str:
    """The first of an action's keys as a person reads it."""
    return NAMES.get(keys[0], keys[0]) if keys else ""
