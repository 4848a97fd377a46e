"""Reads what argparse prints for `--help`: every flag with its choices and default."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from core.engines.flags.values import Flag, Kind, Takes

ENVIRONMENT = {"COLUMNS": "100000", "NO_COLOR": "1", "TERM": "dumb", "PYTHON_COLORS": "0"}
"""For the program that prints the help: long lines, no colours."""

WORDS: Mapping[str, tuple[str, ...]] = {"vllm": ("--help=all",)}
"""What makes an engine print all of its flags, where it is not plain `--help`."""

_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# argparse puts a flag two columns in, never breaks its line before the help, and sets the help
# apart by two spaces or a line of its own, much further in.
_ENTRY = re.compile(r"^ {2}(-\S.*?)(?: {2,}(.*))?$")
_BELOW = re.compile(r"^ {3,}(.*)$")
_SPELLINGS = re.compile(r", (?=-)")
_DEFAULT = "(default: "


def parse_help(text: str) -> tuple[Flag, ...]:
    """All flags in the order of the help; none when it is no argparse help."""
    return tuple(_flag(words, below) for words, below in _entries(text))


def _entries(text: str) -> Iterator[tuple[str, str]]:
    """The words of each flag, and the text below them with its lines joined."""
    entry: tuple[str, list[str]] | None = None
    for line in _COLOUR.sub("", text).splitlines():
        if match := _ENTRY.match(line):
            if entry:
                yield entry[0], " ".join(entry[1])
            entry = (match[1], [match[2] or ""])
        elif entry and (match := _BELOW.match(line)):
            entry[1].append(match[1].strip())
        elif entry and line.strip():  # the title of a group ends what is above it
            yield entry[0], " ".join(entry[1])
            entry = None
    if entry:
        yield entry[0], " ".join(entry[1])


def _flag(words: str, below: str) -> Flag:
    """`--name VALUE, -n VALUE` and what the help says of it."""
    pairs = [part.partition(" ")[::2] for part in _SPELLINGS.split(words)]
    spelled = [name for name, _ in pairs]
    # Newer versions of argparse write the value behind the last spelling only.
    takes, choices, closed = _value(pairs[-1][1].strip())
    first = next((name for name in spelled if name.startswith("--")), spelled[0])
    negated = f"--no-{first.removeprefix('--')}"
    found = Flag(
        name=first.lstrip("-"),
        aliases=tuple(name for name in spelled if name not in {first, negated}),
        takes=takes,
        choices=choices,
        closed=closed,
        default=_default(below),
        negatable=negated in spelled,
    )
    return found if takes == "nothing" or choices else _typed(found, below)


def _value(written: str) -> tuple[Takes, tuple[str, ...], bool]:
    """How many values, the choices, and whether there are no others: from a metavariable."""
    if not written:
        return "nothing", (), True
    if listed := _listed(written):
        return "one", listed, False
    takes: Takes = "one"
    if written.endswith("...]"):
        takes = "many"
    elif written.startswith("[") and written.endswith("]"):
        takes, written = "optional", written[1:-1]
    if not (match := re.match(r"\[?\{([^{}]*)\}(.*)", written)):
        return takes, (), True
    closed = takes == "many" or not match[2]
    return takes, tuple(match[1].split(",")), closed


def _listed(written: str) -> tuple[str, ...]:
    """The texts of a Python list; vLLM writes the choices of an open set so."""
    try:
        value = ast.literal_eval(written)
    except (ValueError, SyntaxError):
        return ()
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _default(below: str) -> str | None:
    start = below.rfind(_DEFAULT)
    if start < 0 or not below.rstrip().endswith(")"):
        return None
    return below[start + len(_DEFAULT) :].rstrip()[:-1]


def _typed(flag: Flag, below: str) -> Flag:
    """With what can be told of its values: from the help's own words, or from the default."""
    if "valid JSON string" in below:
        return replace(flag, kind="json")
    if "human-readable integers" in below:
        words = ("auto",) if "or 'auto' as a special value" in below else ()
        return replace(flag, kind="int", units=True, words=words)
    return replace(flag, kind=_kind(flag.default))


def _kind(default: str | None) -> Kind:
    """A whole default does not make a flag whole: 0 may stand for 0.0."""
    if default is None or not re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", default):
        return "unknown"
    return "float"
