"""What an engine's command line takes: its flags, and where that is known from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Takes = Literal["nothing", "one", "optional", "many"]
Kind = Literal["unknown", "text", "int", "float", "json"]
Source = Literal["help", "shipped"]


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag, named without its dashes; `aliases` have theirs: `-tp`, `--tp-size`.

    `takes`: how many values stand behind it. `choices` empty: any value; `closed` False: the
    engine takes others as well, of a plug-in. `default` is as the help prints it, None when it
    prints none. `kind` is of one value: `unknown` where nothing tells it; `units`: an int may
    be written as 1k or 2M; `words` may stand in place of a number or of JSON. `negatable`:
    there is a `--no-` form.
    """

    name: str
    aliases: tuple[str, ...] = ()
    takes: Takes = "one"
    kind: Kind = "unknown"
    choices: tuple[str, ...] = ()
    closed: bool = True
    default: str | None = None
    negatable: bool = False
    units: bool = False
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Catalogue:
    """The flags of one version of an engine; none at all when nothing could be found out.

    `source`: the engine itself was asked, or the list that comes with this program is used,
    and `reason` says why. `version` is empty where it is not known; `exact`: it is the one
    that will run.
    """

    engine: str
    version: str
    source: Source
    flags: tuple[Flag, ...]
    reason: str = ""
    exact: bool = True

    def find(self, name: str) -> Flag | None:
        """The flag that `--name` is; `_` and `-` are the same."""
        return self._long.get(name.replace("_", "-"))

    def short(self, name: str) -> Flag | None:
        """The flag that `-name` is."""
        return next((flag for flag in self.flags if f"-{name}" in flag.aliases), None)

    @property
    def names(self) -> tuple[str, ...]:
        """All names and long aliases, without dashes."""
        return tuple(self._long)

    @cached_property
    def _long(self) -> Mapping[str, Flag]:
        spelled = {
            alias.removeprefix("--").replace("_", "-"): flag
            for flag in self.flags
            for alias in flag.aliases
            if alias.startswith("--")
        }
        return {**spelled, **{flag.name.replace("_", "-"): flag for flag in self.flags}}
