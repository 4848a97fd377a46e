"""A person's own keys: `keys.yaml`, action ids with a key or a list of keys.

    task.pause: P
    log.filter: [slash, ctrl+f]

What cannot be used is reported, one line each, and left out; the rest applies.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from core.values import one_line
from tui.keys.clashes import Clash, clashes
from tui.keys.keymap import Keymap, every_action
from tui.keys.names import key_name

NAME = "keys.yaml"
_LONGEST = 256_000  # bytes

Keys = dict[str, tuple[str, ...]]


def load(path: Path) -> tuple[Keymap, list[str]]:
    """The keymap of a file, and what is wrong in it; a missing file changes nothing."""
    try:
        if path.stat().st_size > _LONGEST:
            return Keymap(), [f"{path}: is too long for a list of keys"]
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Keymap(), []
    except (OSError, UnicodeDecodeError) as error:
        return Keymap(), [f"{path}: cannot be read ({error})"]
    keymap, problems = parse(text)
    return keymap, [f"{path.name}: {problem}" for problem in problems]


def parse(text: str) -> tuple[Keymap, list[str]]:
    """From YAML; never raises."""
    try:
        said = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return Keymap(), [f"is no YAML ({' '.join(str(error).split())})"]
    if said is None:
        return Keymap(), []
    if not isinstance(said, dict):
        return Keymap(), ["is no mapping of actions to keys"]
    wanted, problems = _read(said)
    kept, more = _without_clashes(wanted)
    return Keymap(kept), [one_line(problem) for problem in problems + more]


def _read(said: Mapping[object, object]) -> tuple[Keys, list[str]]:
    known = {action.id for action in every_action()}
    wanted: Keys = {}
    problems = []
    for action, keys in said.items():
        if action not in known:
            problems.append(f"{action}: there is no such action{_nearest(str(action), known)}")
            continue
        try:
            wanted[str(action)] = _keys(keys)
        except ValueError as error:
            problems.append(f"{action}: {error}")
    return wanted, problems


def _keys(said: object) -> tuple[str, ...]:
    """In Textual's names; ValueError says what is wrong."""
    listed = said if isinstance(said, list) else [said]
    if not listed:
        raise ValueError("needs at least one key")
    return tuple(dict.fromkeys(key_name(key) for key in listed))


def _without_clashes(wanted: Keys) -> tuple[Keys, list[str]]:
    """What is left when, of each two that want one key, the person's later one goes."""
    kept, problems = dict(wanted), []
    while found := next(iter(clashes(Keymap(kept))), None):
        loser = _loser(found, list(kept))
        if loser is None:  # the tables themselves: not the person's fault
            break
        problems.append(f"{loser}: {found.said(loser)}")
        del kept[loser]
    return kept, problems


def _loser(clash: Clash, order: list[str]) -> str | None:
    changed = [action for action in (clash.first, clash.second) if action in order]
    return max(changed, key=order.index, default=None)


def _nearest(word: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(word, sorted(known), 1, 0.5)
    return f", the nearest is {found[0]}" if found else ""
