"""What a key is for."""

from __future__ import annotations

from dataclasses import dataclass

NAMES = {
    "question_mark": "?", "slash": "/", "colon": ":", "exclamation_mark": "!",
    "left_square_bracket": "[", "right_square_bracket": "]", "escape": "esc",
    "left": "←", "right": "→", "up": "↑", "down": "↓",
}  # fmt: skip
"""How Textual's names of keys are shown; any other is shown as it is."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a person can do on a screen.

    `id` is what a keymap file calls it. `keys` are Textual's names, the first one is shown.
    `action` is Textual's action string. `label` is a word or two for the line of keys, where
    it stands when `footer` (its place from the left) is given: six on a screen at most,
    help among them. `help` is one sentence for `?` and the palette. With `priority` the key
    is taken before the focused widget sees it.
    """

    id: str
    keys: tuple[str, ...]
    action: str
    help: str
    label: str = ""
    footer: int | None = None
    priority: bool = False
