"""`PYTHON -m core.engines.flags ENGINE MODULE [WORD …] > core/engines/flags/ENGINE.json`

Writes the list of flags that comes with this program, out of the engine's own parser, which
knows the type of each value where its help does not. PYTHON is the engine's; MODULE and WORDs
make it print its help: `vllm vllm.entrypoints.cli.main serve --help=all`,
`sglang sglang.launch_server --help`.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import re
import runpy
import sys
from typing import Any

from core.engines.flags.files import written
from core.engines.flags.values import Catalogue, Flag, Kind, Takes

_TAKES: dict[Any, Takes] = {0: "nothing", None: "one", "?": "optional", "+": "many", "*": "many"}
_KINDS: dict[str, Kind] = {
    "int": "int",
    "float": "float",
    "str": "text",
    "human_readable_int": "int",
    "human_readable_int_or_auto": "int",
    "loads": "json",
    "parse_dataclass": "json",
    "json_list_type": "json",
}
# What such a type takes in place of a number.
_WORDS = {"_optional_type": "None", "human_readable_int_or_auto": "auto"}


class _Asked(Exception):
    """Holds the parser that was to print its help."""


def parser_of(module: str, words: list[str]) -> argparse.ArgumentParser:
    """The parser that prints the help when `module` is run with these words."""

    def stop(self: argparse.ArgumentParser) -> str:
        raise _Asked(self)

    original, argv = argparse.ArgumentParser.format_help, sys.argv
    setattr(argparse.ArgumentParser, "format_help", stop)  # noqa: B010 (no type has it so)
    sys.argv = [module, *words]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except _Asked as asked:
        found: argparse.ArgumentParser = asked.args[0]
        return found
    finally:
        setattr(argparse.ArgumentParser, "format_help", original)  # noqa: B010
        sys.argv = argv
    raise SystemExit(f"{module} {' '.join(words)} printed no help")


def flags_of(parser: argparse.ArgumentParser) -> tuple[Flag, ...]:
    """Its flags; hidden and positional arguments are none."""
    shown = (one for one in parser._actions if one.help != argparse.SUPPRESS)
    return tuple(_flag(action) for action in shown if action.option_strings)


def _flag(action: argparse.Action) -> Flag:
    first = next((one for one in action.option_strings if one.startswith("--")), "")
    first = first or action.option_strings[0]
    negatable = isinstance(action, argparse.BooleanOptionalAction)
    hidden = {first, f"--no-{first.removeprefix('--')}"} if negatable else {first}
    listed = _listed(action.metavar)
    kinds = _callables(action.type)
    takes = _TAKES.get(action.nargs, "many")
    kind = next((_KINDS[name] for name in kinds if name in _KINDS), None)
    words = [word for name, word in _WORDS.items() if name in kinds]
    return Flag(
        name=first.lstrip("-"),
        aliases=tuple(one for one in action.option_strings if one not in hidden),
        takes=takes,
        kind="unknown" if takes == "nothing" else kind or ("unknown" if kinds else "text"),
        choices=tuple(map(str, action.choices or ())) or listed,
        closed=not listed,
        default=_default(action),
        negatable=negatable,
        units=any(name.startswith("human_readable") for name in kinds),
        words=tuple(words),
    )


def _listed(metavar: Any) -> tuple[str, ...]:
    """Choices that are no closed set: vLLM writes them as a list, or `{a,b} or …`."""
    if isinstance(metavar, str) and (match := re.match(r"\{([^{}]*)\} or ", metavar)):
        return tuple(match[1].split(","))
    return tuple(map(str, metavar)) if isinstance(metavar, list) else ()


def _default(action: argparse.Action) -> str | None:
    """As text; what an object prints of itself may be long, and is no value to compare with."""
    if action.default is argparse.SUPPRESS or isinstance(action, argparse._HelpAction):
        return None
    plain = action.default is None or isinstance(action.default, bool | int | float | str | list)
    return str(action.default) if plain else None


def _callables(kind: Any) -> list[str]:
    """The name of a type, and of those that it wraps, the outermost first."""
    found: list[str] = []
    while callable(kind):
        found.append(kind.__name__)
        cells = getattr(kind, "__closure__", None) or ()
        kind = next((one.cell_contents for one in cells if callable(one.cell_contents)), None)
        if len(found) > 1 and found[-1] in _KINDS:
            break
    return found


if __name__ == "__main__":
    engine, module, *words = sys.argv[1:]
    flags = flags_of(parser_of(module, words))
    print(written(Catalogue(engine, importlib.metadata.version(engine), "shipped", flags)), end="")
