"""What a person types into a dialog, read into values; and values as a person types them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

import yaml

from core.values import InputError, Scalar
from tui.views.words import value

_FLAG = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")


def flags_of(text: str) -> dict[str, Scalar]:
    """`max-num-seqs=384 kv-cache-dtype=fp8`: flags with values as YAML has them.

    Dashes in front do not count, and underscores are dashes. InputError says what is wrong.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise InputError(f"a quote is missing its other half ({error})") from None
    found: dict[str, Scalar] = {}
    for word in words:
        name, equals, said = word.partition("=")
        name = name.lstrip("-").replace("_", "-")
        if not equals or not _FLAG.fullmatch(name):
            raise InputError(f"{word!r}: write it as flag=value")
        if name in found:
            raise InputError(f"{name} is given twice")
        found[name] = _scalar(name, said)
    if not found:
        raise InputError("at least one flag=value is needed")
    return found


def _scalar(name: str, text: str) -> Scalar:
    try:
        read = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        read = None
    if not isinstance(read, bool | int | float | str):
        raise InputError(f"{name}: {text!r} is no number, word, true or false")
    return read


def spelled(flags: Mapping[str, Scalar]) -> str:
    """As `flags_of` reads them."""
    return " ".join(shlex.quote(f"{name}={value(said)}") for name, said in flags.items())
