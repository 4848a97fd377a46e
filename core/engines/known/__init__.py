"""The flags of each engine that decide its speed and memory, for people who choose values.

What is said here helps while typing and refuses nothing: engines change, and the engine
itself has the last word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal, get_args

import yaml

from core.values import Scalar

Kind = Literal["int", "float", "bool", "choice", "text"]
ENGINES = ("vllm", "sglang", "simulated")

_SAID: Mapping[Kind, str] = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "choice": "one of",
    "text": "a text",
}


@dataclass(frozen=True, slots=True)
class Known:
    """One flag, named without dashes in front. `low` and `high` are included; None: no such
    end. `usual` are values worth trying first; `first` puts it into an empty new task.
    """

    name: str
    kind: Kind
    meaning: str
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    usual: tuple[Scalar, ...] = ()
    first: bool = False

    @property
    def expects(self) -> str:
        """What a value must be, in a few words."""
        if self.kind == "choice":
            return f"one of {', '.join(self.choices)}"
        ends = [
            f"{word} {limit:g}"
            for word, limit in (("at least", self.low), ("at most", self.high))
            if limit is not None
        ]
        return " ".join([_SAID[self.kind], *(" and ".join(ends),)]).rstrip()

    def problem(self, value: Scalar | None) -> str | None:
        """What is odd about a value; None when it fits, or means that the flag is not passed."""
        if value is None or self._fits(value):
            return None
        shown = str(value).lower() if isinstance(value, bool) else str(value)
        return f"{self.name} takes {self.expects}, not {shown}"

    def _fits(self, value: Scalar) -> bool:
        match self.kind:
            case "bool":
                return isinstance(value, bool)
            case "choice":
                return isinstance(value, str) and value in self.choices
            case "text":
                return not isinstance(value, bool)
        whole = int if self.kind == "int" else int | float
        if isinstance(value, bool) or not isinstance(value, whole):
            return False
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


@cache
def known(engine: str) -> tuple[Known, ...]:
    """The flags of an engine, the ones that matter most first; none for a name not known."""
    if engine not in ENGINES:
        return ()
    text = resources.files(__name__).joinpath(f"{engine}.yaml").read_text(encoding="utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    entries: dict[str, dict[str, Any]] = yaml.load(text, Loader=loader)  # noqa: S506 (a safe one)
    return tuple(_known(name, entry) for name, entry in entries.items())


def about(engine: str, flag: str) -> Known | None:
    """What is known of a flag; `_` and `-` are the same."""
    name = flag.strip().replace("_", "-")
    return next((one for one in known(engine) if one.name == name), None)


def _known(name: str, entry: Mapping[str, Any]) -> Known:
    assert entry["kind"] in get_args(Kind)
    lists = {key: tuple(entry[key]) for key in ("choices", "usual") if key in entry}
    return Known(name=name, **{**entry, **lists})
