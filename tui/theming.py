"""Themes from YAML. A broken one is reported and left out."""

from __future__ import annotations

from importlib import resources

import yaml
from textual.color import Color, ColorParseError
from textual.theme import Theme

from core.values import AutotunerError

DEFAULT = "autotuner-dark"
_COLOURS = (
    "primary", "secondary", "accent", "foreground", "background", "surface", "panel",
    "success", "warning", "error",
)  # fmt: skip


def packaged() -> tuple[list[Theme], list[str]]:
    """The themes that come with the program, and one line for each that cannot be used."""
    files = [f for f in resources.files("themes").iterdir() if f.name.endswith(".yaml")]
    return load({file.name: file.read_text(encoding="utf-8") for file in files})


def load(texts: dict[str, str]) -> tuple[list[Theme], list[str]]:
    """Themes from file names and their text, and what is wrong with the others."""
    themes, problems = [], []
    for name, text in sorted(texts.items()):
        try:
            themes.append(parse(text))
        except AutotunerError as error:
            problems.append(f"theme {name}: {error}")
    return themes, problems


def parse(text: str) -> Theme:
    """One theme; AutotunerError says what is wrong."""
    try:
        fields = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise AutotunerError(f"is no YAML ({' '.join(str(error).split())})") from None
    if not isinstance(fields, dict):
        raise AutotunerError("is no mapping of names to colours")
    name, dark = fields.pop("name", None), fields.pop("dark", True)
    if not isinstance(name, str) or not isinstance(dark, bool):
        raise AutotunerError("needs `name:` (text) and `dark:` (true or false)")
    unknown = [str(key) for key in fields if key not in _COLOURS]
    missing = [key for key in _COLOURS if key not in fields]
    if unknown or missing:
        raise AutotunerError(f"unknown colours {unknown}, missing colours {missing}")
    colours: dict[str, str] = {key: _colour(key, fields[key]) for key in _COLOURS}
    return Theme(name=name, dark=dark, **colours)  # type: ignore[arg-type]


def _colour(key: str, value: object) -> str:
    try:
        return Color.parse(str(value)).hex
    except ColorParseError:
        raise AutotunerError(f"{key}: {value!r} is no colour") from None
