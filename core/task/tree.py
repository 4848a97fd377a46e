"""YAML text to a small tree of values that know their place in the file.

Scalars follow YAML 1.2: only `true` and `false` are booleans, `1e-3` is a number, and
`1:30` or `off` stay text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import cast

import yaml

from core.task.errors import Problem, RefusedError
from core.values import Scalar

MAX_BYTES = 1_000_000
_MAX_DEPTH = 12
_MAX_NODES = 20_000
_MAX_TEXT = 20_000
_TAG = "tag:yaml.org,2002:"

INTEGER = re.compile(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$")
FLOAT = re.compile(
    r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
_BOOLEAN = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
_NULL = re.compile(r"^(?:null|Null|NULL|~|)$")


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it stands. `text` is a scalar as it was written."""

    path: str
    line: int
    column: int
    value: Scalar | tuple[Node, ...] | dict[str, Node] | None
    text: str = ""
    keys: tuple[tuple[int, int], ...] = ()  # of a mapping: where each key stands

    def refuse(self, message: str) -> RefusedError:
        return RefusedError(Problem(self.line, self.column, self.path, message))

    def key_refused(self, key: str, message: str) -> RefusedError:
        """A problem with a key of this mapping, not with its value."""
        assert isinstance(self.value, dict)
        line, column = self.keys[list(self.value).index(key)]
        return RefusedError(Problem(line, column, self.path, message))

    @property
    def kind(self) -> str:
        """What it is, for `got …`."""
        if isinstance(self.value, dict):
            return "a mapping"
        if isinstance(self.value, tuple):
            return "a list"
        return "nothing" if self.value is None else self.text[:60] or "an empty text"


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2."""


_Loader.yaml_implicit_resolvers = {}  # none of YAML 1.1
for _name, _pattern, _first in (
    ("bool", _BOOLEAN, "tTfF"),
    ("null", _NULL, "nN~\0"),
    ("int", INTEGER, "-+0123456789"),
    ("float", FLOAT, "-+.0123456789"),
):
    _starts = ["" if c == "\0" else c for c in _first]
    _Loader.add_implicit_resolver(_TAG + _name, _pattern, _starts)


def read_tree(text: str, empty: str = "the file is empty; model and engine are required") -> Node:
    """The tree of one YAML document; RefusedError with the place of what is wrong.

    `empty`: what is said of a text without content.
    """
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _at(mark, f"not valid YAML: {error.problem or error.context}") from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = before.count("\n") + 1, len(before) - before.rfind("\n")
        message = f"not valid YAML: control character {ord(text[error.position]):#04x}"
        raise RefusedError(Problem(*place, "", message)) from None
    except RecursionError:
        raise RefusedError(Problem(1, 1, "", "nested too deeply")) from None
    if root is None:
        raise RefusedError(Problem(1, 1, "", empty))
    return _Builder().build(root, "", 0)


class _Builder:
    """Counts nodes while it copies, because aliases can make a small file huge."""

    def __init__(self) -> None:
        self._nodes = 0

    def build(self, node: yaml.Node, path: str, depth: int) -> Node:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise _at(node.start_mark, f"more than {_MAX_NODES} values; use fewer aliases")
        if depth > _MAX_DEPTH:
            raise _at(node.start_mark, "nested too deeply")
        line, column = _place(node.start_mark)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            items = [
                self.build(item, f"{path}[{index}]", depth + 1)
                for index, item in enumerate(node.value)
            ]
            return Node(path, line, column, tuple(items))
        return _scalar(cast(yaml.ScalarNode, node), path)

    def _mapping(self, node: yaml.MappingNode, path: str, depth: int) -> Node:
        entries: dict[str, Node] = {}
        places: list[tuple[int, int]] = []
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _at(key_node.start_mark, "expected a name before the colon")
            key = _scalar(key_node, path).text
            if key in entries:
                raise _at(key_node.start_mark, f"'{key}' is there twice; keep one")
            places.append(_place(key_node.start_mark))
            below = f"{path}.{key}" if path else key
            entries[key] = self.build(value_node, below, depth + 1)
        line, column = _place(node.start_mark)
        return Node(path, line, column, entries, keys=tuple(places))


def _scalar(node: yaml.ScalarNode, path: str) -> Node:
    text: str = node.value
    if any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text):
        raise _at(node.start_mark, "contains a character that cannot be passed on")
    if len(text) > _MAX_TEXT:
        raise _at(node.start_mark, f"longer than {_MAX_TEXT} characters")
    line, column = _place(node.start_mark)
    try:
        value = _value(node.tag, text)
    except (ValueError, KeyError, OverflowError):
        raise _at(node.start_mark, f"not a usable value: {(text or node.tag)[:60]}") from None
    return Node(path, line, column, value, text)


def _value(tag: str, text: str) -> Scalar | None:
    match tag.removeprefix(_TAG):
        case "str":
            return text
        case "null":
            return None
        case "bool":
            return {"true": True, "false": False}[text.lower()]
        case "int":
            number = int(text, 0) if text[:2] in {"0o", "0x"} else int(text)
            if abs(number) >= 2**63:
                raise OverflowError
            return number
        case "float":
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    raise ValueError(tag)


def _place(mark: yaml.Mark) -> tuple[int, int]:
    return mark.line + 1, mark.column + 1


def _at(mark: yaml.Mark | None, message: str) -> RefusedError:
    line, column = _place(mark) if mark else (1, 1)
    return RefusedError(Problem(line, column, "", message))
