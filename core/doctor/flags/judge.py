"""Whether an engine takes a value for one of its flags."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from core.doctor.flags.names import likely
from core.engines.base import Engine
from core.engines.flags import Flag
from core.engines.flags.limits import limits, named
from core.engines.known import about
from core.values import Scalar

_UNITS = re.compile(r"-?\d+|\d+(\.\d+)?(k|m|g|t|K|M|G|T|Ki|Mi|Gi|Ti)")
_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why a value is wrong. `sure`: the engine refuses it, as far as its flags are known."""

    text: str
    advice: str
    sure: bool = True


def judge(engine: Engine, flag: Flag, name: str, value: Scalar) -> Wrong | None:
    """None when the engine takes `value` for the flag, which the task calls `name`."""
    if name.startswith("no-") and flag.name != name:
        return None if value is True else _negated(flag, value)
    if "." in name and name not in {flag.name, *flag.aliases}:
        return None  # one key of a JSON value: only the engine knows its type
    if value is False:
        return _false(engine, flag)
    if value is True:
        return _true(flag)
    if flag.takes == "nothing":
        return Wrong(f"{value} is given to a flag that takes no value", _switch(flag, value))
    text = str(value)
    wrong = _chosen(flag, text) or _typed(flag, text) or _named(engine, flag, text)
    return wrong or _limited(engine, flag, value)


def _negated(flag: Flag, value: Scalar) -> Wrong:
    wanted = "true" if value is False else "false"
    return Wrong(f"{_said(value)} for a --no- form", f"write {flag.name}: {wanted}")


def _false(engine: Engine, flag: Flag) -> Wrong | None:
    words = engine.spell_false(flag.name)
    if flag.takes in {"one", "many"}:
        return Wrong("false for a flag that takes a value", _value(flag))
    if words:
        off = "false is spelled --no-, and this flag has no such form"
        return None if flag.negatable else Wrong(off, "write null: it is not passed")
    if flag.default == "True":
        return Wrong(
            f"false passes no flag to {engine.name}, and this one is on by default",
            f"write no-{flag.name}: true" if flag.negatable else "remove it",
            sure=False,
        )
    return None


def _true(flag: Flag) -> Wrong | None:
    if flag.takes in {"nothing", "optional"}:
        return None
    return Wrong("true for a flag that takes a value", _value(flag))


def _value(flag: Flag) -> str:
    if flag.choices:
        return f"write one of {_list(flag.choices)}, or null: it is not passed"
    return "write its value, or null: it is not passed"


def _switch(flag: Flag, value: Scalar) -> str:
    bare = ", without quotes" if str(value).lower() in {"true", "false"} else ""
    off = "false" if flag.negatable else "null (it is then not passed)"
    return f"write true or {off}{bare}"


def _chosen(flag: Flag, text: str) -> Wrong | None:
    if not flag.choices or text in flag.choices:
        return None
    near = likely(text, flag.choices)
    hint = f"did you mean {near}? " if near else ""
    return Wrong(
        f"{text} is none of its choices", f"{hint}it takes {_list(flag.choices)}", flag.closed
    )


def _typed(flag: Flag, text: str) -> Wrong | None:
    if text in flag.words or flag.choices:
        return None
    if flag.kind == "int" and not _is(int, text) and not (flag.units and _UNITS.fullmatch(text)):
        shown = "a whole number" + (", or one such as 8k" if flag.units else "")
        rest = f", or {' or '.join(flag.words)}" if flag.words else ""
        return Wrong(f"{text} is no whole number", f"write {shown}{rest}")
    if flag.kind == "float" and not _is(float, text):
        return Wrong(f"{text} is no number", "write a number, such as 0.9")
    if flag.kind == "json" and not _is(json.loads, text):
        advice = "write it in single quotes, its keys and texts in double ones: '{\"key\": 1}'"
        return Wrong(f"{text} is no JSON", advice)
    return None


def _named(engine: Engine, flag: Flag, text: str) -> Wrong | None:
    names = named(engine.name, flag.name)
    if flag.choices or not names or text in flag.words:
        return None
    if text.lower() in {name.lower() for name in names}:
        return None
    near = likely(text, names)
    hint = f"did you mean {near}? " if near else ""
    return Wrong(
        f"{text} is not known", f"{hint}unless a plug-in adds it: {_list(names)}", sure=False
    )


def _limited(engine: Engine, flag: Flag, value: Scalar) -> Wrong | None:
    """Outside of what the engine refuses, or of what makes sense."""
    number = _number(value)
    if number is None:
        return None
    if (found := limits(engine.name, flag.name)) is not None:
        if found.allow(number):
            return None
        return Wrong(f"{value} is out of its range", f"it takes {found}")
    usual = about(engine.name, flag.name)
    if usual is None or (
        (usual.low is None or number >= usual.low) and (usual.high is None or number <= usual.high)
    ):
        return None
    low = "" if usual.low is None else f"{usual.low:g} or more"
    high = "" if usual.high is None else f"{usual.high:g} at most"
    text = f"usual is {' and '.join(end for end in (low, high) if end)}"
    return Wrong(f"{value} is an unusual number", text, sure=False)


def _number(value: Scalar) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _is(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


def _said(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _list(choices: tuple[str, ...]) -> str:
    more = len(choices) - _SHOWN
    return ", ".join(choices[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
