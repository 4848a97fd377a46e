"""Values of a task file in one line, as a form shows them, and back.

`256` is one value, `64, 128, 256` a list (`64,` a list of one), `64..512 log` a range; also
`0.80..0.95 step 0.05` and `32..1024 log points 5`. Texts need quotes only where they would
read as something else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from core.task.errors import RefusedError
from core.task.tree import Node, read_tree
from core.values import InputError, one_line

_NUMBER = r"[-+]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
_RANGE = re.compile(rf"({_NUMBER})\s*\.\.\s*({_NUMBER})((?:\s+[a-z]+(?:\s+{_NUMBER})?)*)")
_OPTION = re.compile(rf"(step|points|log)(?:\s+({_NUMBER}))?")
_SIMPLE = re.compile(r"[A-Za-z0-9_./@%+~<>=()$-][A-Za-z0-9_./:@%+~<>=()$ -]*")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
_RANGE_KEYS = {"low", "high", "step", "log", "points"}


class NotationError(InputError):
    """A text that is no value; says what would be one."""


def plain(node: Node) -> Any:
    """A piece of a YAML tree as plain Python values."""
    if isinstance(node.value, dict):
        return {key: plain(one) for key, one in node.value.items()}
    if isinstance(node.value, tuple):
        return [plain(one) for one in node.value]
    return node.value


def write(value: Any) -> str:
    """A parameter's value in one line."""
    if isinstance(value, list):
        items = ", ".join(_flow(one) for one in value)
        return f"{items}," if len(value) == 1 else items or "[]"
    if isinstance(value, Mapping):
        return _written_range(value)
    if isinstance(value, str) and value == value.strip() and _is_json(value):
        return value if value.isprintable() else _flow(value)
    return _flow(value)


def read(text: str) -> Any:
    """The value that a line means: a scalar, a list, or a mapping for a range.

    NotationError when it is none; an empty line is one.
    """
    text = text.strip()
    if found := _RANGE.fullmatch(text):
        return _read_range(found)
    if re.match(rf"{_NUMBER}\s*\.\.", text):
        raise NotationError("write a range like 64..512 log, or 0.8..0.95 step 0.05")
    if _is_json(text):
        return text
    value = _parsed(text if text.startswith("{") else f"[{text}]", text)
    if isinstance(value, dict):
        return value
    if not value:
        raise NotationError("write a value, a list like 64, 128 or a range like 64..512")
    return value[0] if len(value) == 1 and not text.endswith(",") else value


def mapping(text: str) -> Any:
    """What a `{…}` means, also where `read` gives it back as the text that a flag takes."""
    return _parsed(text, text)


def _parsed(text: str, shown: str) -> Any:
    try:
        return plain(read_tree(text))
    except RefusedError:
        raise NotationError(f"{one_line(shown, 40)} cannot be read; quote a text") from None


def _is_json(text: str) -> bool:
    """An object as a flag takes it; quotes around it are not asked for."""
    if not text.startswith("{"):
        return False
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _read_range(found: re.Match[str]) -> dict[str, Any]:
    low, high, rest = found.groups()
    written: dict[str, Any] = {"low": _number(low), "high": _number(high)}
    words = rest.split()
    for match in _OPTION.finditer(" ".join(words)):
        name, number = match.groups()
        if (name == "log") == (number is not None):
            raise NotationError("after a range: log, step NUMBER, points NUMBER")
        written[name] = True if number is None else _number(number)
    if len(words) != sum(2 - (key == "log") for key in written if key not in {"low", "high"}):
        raise NotationError("after a range: log, step NUMBER, points NUMBER")
    return written


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _written_range(value: Mapping[str, Any]) -> str:
    known = {key: one for key, one in value.items() if key in _RANGE_KEYS}
    numbers = [one for key, one in known.items() if key != "log"]
    fits = len(known) == len(value) and {"low", "high"} <= set(known)
    if not fits or any(isinstance(n, bool) or not isinstance(n, int | float) for n in numbers):
        return _flow(value)
    words = [f"{known['low']!r}..{known['high']!r}"]
    if known.get("log") is True:
        words.append("log")
    words += [f"{key} {known[key]!r}" for key in ("step", "points") if key in known]
    return " ".join(words)


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(str(k))}: {_flow(one)}" for k, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(one) for one in value) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return _text(value) if isinstance(value, str) else repr(value)


def _text(text: str) -> str:
    if _SIMPLE.fullmatch(text) and text == text.strip() and _reads_back(text):
        return text
    return quoted(text)


def quoted(text: str) -> str:
    """A text in one line, whatever is in it; `read` gives it back."""
    return '"' + "".join(_escaped(c) for c in text) + '"'


def _reads_back(text: str) -> bool:
    try:
        return bool(read(text) == text) and isinstance(read(text), str)
    except NotationError:
        return False


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    return f"\\U{ord(character):08x}"
