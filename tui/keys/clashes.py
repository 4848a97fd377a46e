"""Two things on one key of one screen: Textual would drop one of them without a word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tui.keys.everywhere import MOVES
from tui.keys.keymap import Keymap, one_key
from tui.keys.screens import SCREENS


@dataclass(frozen=True, slots=True)
class Clash:
    """Actions by id, or `moving up` and the like; on `screen` both want `key`."""

    screen: str
    key: str
    first: str
    second: str

    def said(self, loser: str) -> str:
        """One line about it, beginning after the loser's name."""
        other = self.second if loser == self.first else self.first
        return f"{one_key(self.key)} is the key of {other} on the screen {self.screen}; not used"


def clashes(keymap: Keymap) -> Iterator[Clash]:
    """Each pair once, screen by screen: its own actions, those of everywhere, moving."""
    for screen in SCREENS:
        owners: dict[str, str] = {
            key: f"moving {where}" for where, keys in MOVES.items() for key in keys
        }
        for action in keymap.actions(screen):
            for key in action.keys:
                if (other := owners.setdefault(key, action.id)) != action.id:
                    yield Clash(screen, key, other, action.id)
