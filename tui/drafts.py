"""A task file while it is being written: its text is the truth, sections of it are replaced."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from core.task import Task
from core.task.errors import RefusedError
from core.task.tree import FLOAT, INTEGER, Node, read_tree
from core.values import InputError
from tui.notation import plain

_ORDER = tuple(Task.__dataclass_fields__)
_ORDERED = ("name", *(name for name in _ORDER if name != "name"))
# Words and variables count as they are written: `1.50` is no number there.
_AS_WRITTEN = ("command", "environment")
_NUMBERED = re.compile(r"(.*?)-(\d+)")


@dataclass(frozen=True, slots=True)
class Draft:
    """`values` is what `text` says, as plain values; make one with `read`."""

    text: str
    values: Mapping[str, Any]

    def put(self, section: str, value: Any) -> Draft:
        """With this top-level section, None: without it. The rest of the text stays as it is."""
        wanted = {key: one for key, one in self.values.items() if key != section}
        if value is not None:
            wanted[section] = value
        if repr(wanted.get(section)) == repr(self.values.get(section)):
            return self
        return _checked(_spliced(self.text, section, wanted), wanted)

    def get(self, path: str) -> Any:
        """The value at `workload.requests`, say; None where there is none."""
        value: Any = self.values
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        return value


def read(text: str) -> Draft:
    """The draft of a text; InputError with the place when it is no mapping in YAML."""
    if not _has_content(text):
        return Draft(text, MappingProxyType({}))
    try:
        root = read_tree(text)
        if not isinstance(root.value, dict):
            raise root.refuse("expected 'key: value' lines such as model and engine")
    except RefusedError as refused:
        raise InputError(min(refused.problems).show("the YAML")) from None
    return Draft(text, MappingProxyType({k: _section(k, one) for k, one in root.value.items()}))


def named(draft: Draft) -> Draft:
    """With a name: the model's last part where none was written."""
    if draft.values.get("name") is not None:
        return draft
    name = default_name(draft)
    return draft.put("name", name) if name else draft


def default_name(draft: Draft) -> str:
    """The model's last part, the name of a task that has none."""
    model = draft.values.get("model")
    return Path(model.rstrip("/")).name if isinstance(model, str) else ""


def duplicate(text: str, taken: Iterable[str]) -> str:
    """The text with a name of its own: `chat`, `chat-2`, `chat-3`. InputError as `read`."""
    draft = read(text)
    used = set(taken)
    name = str(draft.values.get("name") or default_name(draft) or "task")
    found = _NUMBERED.fullmatch(name)
    stem, number = (found[1], int(found[2])) if found and name in used else (name, 1)
    while name in used:
        number += 1
        name = f"{stem[:90]}-{number}"
    return draft.put("name", name).text


def _section(key: str, node: Node) -> Any:
    return _written(node) if key in _AS_WRITTEN else plain(node)


def _written(node: Node) -> Any:
    if isinstance(node.value, dict):
        return {key: _written(one) for key, one in node.value.items()}
    if isinstance(node.value, tuple):
        return [_written(one) for one in node.value]
    return None if node.value is None else node.text


def _has_content(text: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines())


def _checked(text: str, wanted: Mapping[str, Any]) -> Draft:
    """The spliced text where it says what is wanted; else everything written anew.

    A text in one line, or with anchors, cannot be taken apart.
    """
    try:
        found = read(text)
    except InputError:
        found = None
    if found is not None and _same(found.values, wanted):
        return found
    ordered = {key: wanted[key] for key in _ORDERED if key in wanted}
    return read("".join(_dumped(key, one) for key, one in {**ordered, **wanted}.items()))


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    # repr, because True equals 1.
    return {k: repr(v) for k, v in one.items()} == {k: repr(v) for k, v in other.items()}


def _spliced(text: str, section: str, wanted: Mapping[str, Any]) -> str:
    """`text` with the lines of one section replaced, taken away or put in."""
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    starts = _starts(text)
    new = [_dumped(section, wanted[section])] if section in wanted else []
    if section in starts:
        first = starts[section]
        last = min((line for line in starts.values() if line > first), default=len(lines))
        while last > first + 1 and (not lines[last - 1].strip() or lines[last - 1][0] == "#"):
            last -= 1  # what stands above the next section belongs to that one
        return "".join([*lines[:first], *new, *lines[last:]])
    place = _ORDERED.index(section) if section in _ORDERED else len(_ORDERED)
    later = [starts[name] for name in _ORDERED[place + 1 :] if name in starts]
    at = min(later, default=len(lines))
    while 0 < at < len(lines) and lines[at - 1].startswith("#"):
        at -= 1
    # The remark that opens a file stays at its top.
    at = min(later) if at == 0 and later else at
    return "".join([*lines[:at], *new, *lines[at:]])


def _starts(text: str) -> dict[str, int]:
    """The line, from 0, on which each section begins."""
    if not _has_content(text):
        return {}
    root = read_tree(text)
    assert isinstance(root.value, dict)
    return {key: line - 1 for key, (line, _) in zip(root.value, root.keys, strict=True)}


class _Dumper(yaml.SafeDumper):
    """Writes lists and small mappings in one line, and quotes what YAML 1.2 reads as a number."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


class _Block(dict[str, Any]):
    """One entry a line."""


for _name, _pattern in (("int", INTEGER), ("float", FLOAT)):
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", _pattern, list("-+.0123456789"))
_Dumper.add_representer(
    _Block,
    lambda dumper, data: dumper.represent_mapping(
        "tag:yaml.org,2002:map", data.items(), flow_style=False
    ),
)


def _dumped(section: str, value: Any) -> str:
    if section in {"parameters", "workload", "environment", "baseline"} and value:
        value = _Block(value)
    return yaml.dump(
        _Block({section: value}),
        Dumper=_Dumper,
        default_flow_style=None,
        sort_keys=False,
        allow_unicode=True,
        width=100,
    )
