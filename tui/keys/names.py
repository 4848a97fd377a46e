"""The names of keys: as people write them, and as Textual calls them."""

from __future__ import annotations

import difflib
import string
import unicodedata
from functools import cache

from textual.keys import KEY_NAME_REPLACEMENTS, Keys

_OURS = {
    "esc": "escape", "return": "enter", "pgup": "pageup", "pgdn": "pagedown", "del": "delete",
    "←": "left", "→": "right", "↑": "up", "↓": "down",
}  # fmt: skip
"""Other words for keys, among them those that help uses."""


def key_name(said: object) -> str:
    """Textual's name of a key written as `P`, `?`, `question_mark` or `ctrl+p`.

    ValueError says what is wrong, with the nearest name.
    """
    # YAML reads a lone digit as a number, and `y` and `n` (1.1) as text here.
    text = str(said) if isinstance(said, str | int) and not isinstance(said, bool) else ""
    if not text:
        raise ValueError(f"{said!r} is no name of a key; write it in quotes")
    if len(text) == 1:
        return _of_character(_OURS.get(text, text)) if text.isprintable() else _unknown(text)
    *modifiers, key = _parts(text)
    if modifiers == ["shift"] and len(key) == 1 and key.isalpha():
        raise ValueError(f"{text!r}: write the capital {key.upper()}")
    key = _OURS.get(key, _of_character(key) if len(key) == 1 else key)
    name = "+".join((*modifiers, key))
    return name if name in _known() else _unknown(name)


def _unknown(name: str) -> str:
    found = difflib.get_close_matches(name, sorted(_known()), 1, 0.5)
    nearest = f", the nearest is {found[0]}" if found else ""
    raise ValueError(f"there is no key {name!r}{nearest}")


def _parts(text: str) -> list[str]:
    """Small, as all names are; `ctrl++` is ctrl and +."""
    text = text.lower()
    return text.split("+") if not text.endswith("+") else [*text[:-2].split("+"), "+"]


def _of_character(character: str) -> str:
    if len(character) > 1 or character.isalnum():
        return character
    name = unicodedata.name(character, "").lower().replace("-", "_").replace(" ", "_")
    return KEY_NAME_REPLACEMENTS.get(name, name) or character


@cache
def _known() -> frozenset[str]:
    plain = {key.value for key in Keys if not key.value.startswith("<")}
    typed = {_of_character(one) for one in string.punctuation}
    letters = {*string.ascii_letters, *string.digits}
    named = {"enter", "space", "tab", "escape", "backspace", "delete", "insert", "minus"}
    named |= set(KEY_NAME_REPLACEMENTS.values())
    base = plain | typed | letters | named
    alt = {f"alt+{one}" for one in (*letters, *typed, *named) if not one.isupper()}
    return frozenset(base | alt)
