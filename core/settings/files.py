"""Files of variables: a user's `.env`, and the private file that goes with a task."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path

from dotenv.parser import parse_stream

from core.paths import replace_file
from core.values import InputError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def write_private(values: Mapping[str, str], path: Path) -> None:
    """Write variables to a file that only the user can read, whole or not at all."""
    lines = [f'{name}="{_escaped(value)}"\n' for name, value in sorted(values.items())]
    # Variables may hold bytes that are not UTF-8; Python keeps them as surrogates.
    replace_file(path, "".join(lines).encode("utf-8", "surrogateescape"))


def _escaped(value: str) -> str:
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"}
    return "".join(escapes.get(character, character) for character in value)


def read_private(path: Path) -> dict[str, str]:
    """What `write_private` wrote; InputError when they are gone or damaged."""
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); submit the task again"
        ) from None
    return _parsed(text, path)


def dotenv(path: Path) -> dict[str, str]:
    """The variables of a user's `.env`; none when there is no such file."""
    # A folder `.env` is somebody's virtual environment.
    if path.is_dir():
        return {}
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); fix or remove it") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file in UTF-8; fix or remove it") from None
    return _parsed(text, path)


def _parsed(text: str, path: Path) -> dict[str, str]:
    """Name to value as written: nothing is interpolated, the last of two wins."""
    values: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(text, newline="")):
        if binding.error or (binding.key and not _NAME.fullmatch(binding.key)):
            raise InputError(
                f"{path}:{_first_line(binding.original.line, binding.original.string)}: "
                "expected NAME=value; quote values that contain spaces or quotes"
            )
        if binding.key and binding.value is not None:
            if "\0" in binding.value:
                raise InputError(f"{path}: {binding.key} contains a NUL character")
            values[binding.key] = binding.value
    return values


def _first_line(line: int, text: str) -> int:
    """Where a statement starts: empty lines in front of it belong to it."""
    return line + len(text) - len(text.lstrip("\n"))
