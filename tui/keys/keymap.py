"""Which key does what: the tables, changed by a person's keymap file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from tui.keys.base import NAMES, Action
from tui.keys.everywhere import EVERYWHERE, MOVING
from tui.keys.screens import SCREENS, TITLES, TYPING
from tui.views.keys import Group

Key = tuple[str, str]
"""A key as it is shown, and what it does."""

_CLOSES = ("esc", "back")


def every_action() -> Iterator[Action]:
    """Each action of the tables; one that several screens share comes several times."""
    yield from EVERYWHERE
    for table in SCREENS.values():
        yield from table


@dataclass(frozen=True, slots=True)
class Keymap:
    """`changed`: keys by action id, in Textual's names; other actions keep their own."""

    changed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def keys(self, action: Action) -> tuple[str, ...]:
        """Those that do it."""
        return self.changed.get(action.id, action.keys)

    def actions(self, screen: str) -> tuple[Action, ...]:
        """What can be done on a screen, with the keys that do it; its own first."""
        own = SCREENS.get(screen, ())
        return tuple(replace(one, keys=self.keys(one)) for one in (*own, *EVERYWHERE))

    def key(self, action: str) -> str:
        """The first key of an action, as it is shown."""
        for one in every_action():
            if one.id == action:
                return shown(self.keys(one))
        raise KeyError(action)

    def footer(self, screen: str) -> tuple[Key, ...]:
        """The line of keys, help last."""
        if screen not in SCREENS:
            return (_CLOSES,)
        chosen = [one for one in self.actions(screen) if one.footer is not None]
        # A screen's own key for help stands for that of everywhere.
        said = {one.label: one for one in reversed(chosen)}.values()
        placed = sorted(said, key=lambda one: one.footer or 0)
        return tuple((shown(one.keys), one.label) for one in placed)

    def groups(self, screen: str) -> tuple[Group, ...]:
        """All that help says: the screen's keys, those of everywhere, those of moving."""
        own = tuple((_all(self.keys(one)), one.help) for one in SCREENS.get(screen, ()))
        going = [one for one in EVERYWHERE if one.id.startswith("go.")]
        places = ", ".join(one.label for one in going)
        there = (" ".join(shown(self.keys(one)) for one in going), places)
        rest = (
            (_all(self.keys(one)), one.help) for one in EVERYWHERE if not one.id.startswith("go.")
        )
        found = (
            Group(TITLES.get(screen, screen), own),
            Group("not while typing" if screen in TYPING else "everywhere", (there, *rest)),
            Group("moving", MOVING),
        )
        return tuple(group for group in found if group.keys)

    def textual(self) -> dict[str, str]:
        """As `App.set_keymap` takes it."""
        return {action: ",".join(keys) for action, keys in self.changed.items()}


def shown(keys: tuple[str, ...]) -> str:
    """The first of an action's keys as a person reads it."""
    return one_key(keys[0]) if keys else ""


def one_key(key: str) -> str:
    """A key as a person reads it: `?` for `question_mark`."""
    return NAMES.get(key, key)


def _all(keys: tuple[str, ...]) -> str:
    return " ".join(one_key(key) for key in keys)
