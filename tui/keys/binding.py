"""From the tables of keys to Textual's bindings."""

from __future__ import annotations

from collections.abc import Iterable

from textual.binding import Binding

from tui.keys.base import Action


def bindings(actions: Iterable[Action]) -> list[Binding]:
    """As Textual binds them; the id lets a keymap give them other keys."""
    return [
        Binding(",".join(one.keys), one.action, show=False, priority=one.priority, id=one.id)
        for one in actions
    ]
