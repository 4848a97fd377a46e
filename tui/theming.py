"""Themes from YAML. A broken one is reported and left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib import resources
from pathlib import Path

import yaml
from textual.color import Color, ColorParseError
from textual.theme import BUILTIN_THEMES, Theme

from core.values import AutotunerError

DEFAULT = "autotuner-dark"
_COLOURS = (
    "primary", "secondary", "accent", "foreground", "background", "surface", "panel",
    "success", "warning", "error",
)  # fmt: skip
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the quick one, where it was built
_LONGEST = 64_000  # bytes; a theme has a few hundred


def packaged() -> tuple[list[Theme], list[str]]:
    """The themes that come with the program, and one line for each that cannot be used."""
    files = [f for f in resources.files("themes").iterdir() if f.name.endswith(".yaml")]
    return load({file.name: file.read_text(encoding="utf-8") for file in files})


def of_user(folder: Path, taken: Collection[str]) -> tuple[list[Theme], list[str]]:
    """Those of a person's own folder. A name that is `taken` is not replaced, but reported."""
    texts, problems = {}, []
    for file in _files(folder):
        try:
            if file.stat().st_size > _LONGEST:
                problems.append(f"theme {file.name}: is too long for a theme")
            else:
                texts[file.name] = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"theme {file.name}: cannot be read ({error})")
    themes, broken = load(texts, taken)
    return themes, problems + broken


def load(texts: Mapping[str, str], taken: Collection[str] = ()) -> tuple[list[Theme], list[str]]:
    """Themes from file names and their text, and what is wrong with the others."""
    themes: list[Theme] = []
    problems: list[str] = []
    names = set(taken)
    for file, text in sorted(texts.items()):
        try:
            theme = parse(text)
        except AutotunerError as error:
            problems.append(f"theme {file}: {error}")
            continue
        if theme.name in names:
            problems.append(f"theme {file}: there is a theme {theme.name} already; rename it")
            continue
        names.add(theme.name)
        themes.append(theme)
    return themes, problems


def parse(text: str) -> Theme:
    """One theme; AutotunerError says what is wrong."""
    try:
        fields = yaml.load(text, _LOADER)  # noqa: S506  # one of the safe loaders
    except (yaml.YAMLError, ValueError) as error:
        raise AutotunerError(f"is no YAML ({' '.join(str(error).split())})") from None
    if not isinstance(fields, dict):
        raise AutotunerError("is no mapping of names to colours")
    name, dark, ansi = fields.pop("name", None), fields.pop("dark", True), fields.pop("ansi", False)
    if not isinstance(name, str) or not name.strip() or not isinstance(dark, bool):
        raise AutotunerError("needs `name:` (text) and `dark:` (true or false)")
    if not isinstance(ansi, bool):
        raise AutotunerError("`ansi:` is true or false")
    unknown = [str(key) for key in fields if key not in _COLOURS]
    missing = [key for key in _COLOURS if key not in fields]
    if unknown or missing:
        told = (("unknown", unknown), ("missing", missing))
        wrong = ", ".join(f"{what} colours: {_few(names)}" for what, names in told if names)
        raise AutotunerError(wrong)
    colours: dict[str, str] = {key: _colour(key, fields[key]) for key in _COLOURS}
    # Beside colours, Textual's styles want some for the terminal's own palette.
    like = BUILTIN_THEMES["ansi-dark" if dark else "ansi-light"]
    variables = dict(like.variables) if ansi else {}
    return Theme(name=name, dark=dark, ansi=ansi, variables=variables, **colours)  # type: ignore[arg-type]


def _few(names: list[str]) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{' '.join(names[:3])}{more}"


def _colour(key: str, value: object) -> str:
    try:
        return Color.parse(str(value)).hex
    except ColorParseError:
        raise AutotunerError(f"{key}: {value!r} is no colour") from None


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(file for file in folder.iterdir() if file.name.endswith(".yaml"))
    except OSError:
        return []  # most people have no themes of their own
