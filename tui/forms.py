"""From a draft to the texts of a form, and from changed texts to a draft."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from core.engines.known import about, known
from tui import notation
from tui.drafts import Draft
from tui.form import ENTRIES, TABLES, Entry, Kind
from tui.notation import NotationError

Pair = tuple[str, str]
"""A name and its value as written in the form."""

Problems = Mapping[str, str]
"""What is wrong, by field: its path, or `SECTION:INDEX` of a row."""

_SCENARIO = re.compile(r"[^\s,(]*(?:\([^)]*\)[^\s,(]*)*")
_PLACE = re.compile(r"^[^:]*:\d+:\d+: (?:(?P<path>[\w.\[\]-]+): )?(?P<said>.*)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Form:
    """What stands in the fields, by their path, and in the rows of each table."""

    texts: Mapping[str, str]
    rows: Mapping[str, tuple[Pair, ...]]


def form_of(draft: Draft) -> Form:
    """The form that shows a draft."""
    texts = {path: _text(entry, draft.get(path)) for path, entry in ENTRIES.items()}
    return Form(texts, {section: _pairs(draft.values.get(section)) for section in TABLES})


def applied(draft: Draft, form: Form) -> tuple[Draft, Problems]:
    """The draft with what was changed in the form, and what of that cannot be read.

    What was not changed keeps its value and its spelling in the text.
    """
    before, problems = form_of(draft), dict[str, str]()
    for path, text in form.texts.items():
        if text.strip() == before.texts[path].strip():
            continue
        try:
            draft = _put(draft, path, _value(ENTRIES[path], text.strip()))
        except ValueError as error:
            problems[path] = str(error)
    for section, pairs in form.rows.items():
        found, wrong = _rows(draft.values.get(section), before.rows[section], pairs, section)
        problems |= wrong
        if pairs != before.rows[section]:
            draft = draft.put(section, found or None)
    return draft, problems


def remaining(draft: Draft) -> tuple[str, ...]:
    """What the file says and the form does not show."""
    docker = draft.values.get("deploy") == "docker"
    hidden = "command" if docker else "image"
    found: list[str] = []
    for section, value in draft.values.items():
        below = [path for path in ENTRIES if path.startswith(f"{section}.")]
        if section in TABLES or (section in ENTRIES and section != hidden):
            continue
        if not below:
            found.append(section)
        elif isinstance(value, Mapping):
            found += [f"{section}.{k}" for k in value if f"{section}.{k}" not in below]
    return tuple(found)


def odd_values(engine: str, pairs: Iterable[Pair]) -> Problems:
    """What does not fit the flags that are known, by row of the parameters."""
    problems: dict[str, str] = {}
    for index, (name, text) in enumerate(pairs):
        flag = about(engine, name)
        if flag is None or not text.strip():
            continue
        try:
            value = notation.read(text)
        except NotationError:
            continue
        said = (flag.problem(one) for one in _single(value))
        if problem := next(filter(None, said), None):
            problems[f"parameters:{index}"] = problem
    return problems


def starter(engine: str) -> dict[str, Any]:
    """The flags that an empty new task begins with."""
    return {flag.name: list(flag.usual) for flag in known(engine) if flag.first}


def placed(problem: str, form: Form) -> tuple[str, str]:
    """A line of TaskError or of `check`: the field it means (or ""), and what is said."""
    found = _PLACE.match(problem)
    path, said = (found["path"] or "", found["said"]) if found else ("", problem)
    if not path:
        named = re.match(r"'(\w+)' is required|([\w.-]+)(?:\[\d+\])?: ", said)
        path = (named[1] or named[2]) if named else ""
    return _field(path, form), said


def _field(path: str, form: Form) -> str:
    path = path.partition("[")[0]
    section, _, name = path.partition(".")
    if section in TABLES:
        wanted = name.replace("_", "-")
        for index, (given, _) in enumerate(form.rows[section]):
            given = given.strip().replace("_", "-")
            if given and (wanted == given or wanted.startswith(f"{given}.")):
                return f"{section}:{index}"
        return f"{section}:0" if form.rows[section] else ""
    return path if path in ENTRIES else ""


def _single(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, Mapping):
        return [value[key] for key in ("low", "high") if key in value]
    return [value]


def _text(entry: Entry, value: Any) -> str:
    if value is None:
        return ""
    if entry.kind is Kind.SWITCH and isinstance(value, bool):
        return entry.choices[value]
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        if entry.kind is Kind.WORDS:
            return shlex.join(value)
        if entry.kind is Kind.SCENARIOS:
            return ", ".join(value)
    if isinstance(value, str):
        plain = value == value.strip() and value.isprintable() and not value.startswith('"')
        return value if plain else notation.quoted(value)
    return notation.write(value).rstrip(",")


def _value(entry: Entry, text: str) -> Any:
    """ValueError says what is wrong with the text."""
    if not text or (entry.choices and text == entry.default):
        return None
    match entry.kind:
        case Kind.WORDS:
            return _words(text)
        case Kind.SCENARIOS if text.startswith("{"):
            return notation.mapping(text)  # each with its weight
        case Kind.SCENARIOS:
            return [one for one in _SCENARIO.findall(text) if one]
        case Kind.LIST if text != entry.default:
            value = notation.read(text.rstrip(", "))
            return value if isinstance(value, list) else [value]
        case Kind.NUMBER if re.fullmatch(r"[+-]?[0-9]{1,18}", text):
            return int(text)
        case Kind.NUMBER if re.fullmatch(r"[+-]?[0-9]{1,15}\.[0-9]{1,15}", text):
            return float(text)
        case Kind.SWITCH if text in entry.choices:
            return bool(entry.choices.index(text))
        case Kind.TEXT if text.startswith('"'):
            return notation.read(text)
    return text


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        raise ValueError("a quote is opened and not closed") from None


def _put(draft: Draft, path: str, value: Any) -> Draft:
    section, _, key = path.partition(".")
    if not key:
        return draft.put(section, value)
    given = draft.values.get(section)
    inner = dict(given) if isinstance(given, Mapping) else {}
    inner.pop(key, None) if value is None else inner.update({key: value})
    return draft.put(section, inner or None)


def _pairs(value: Any) -> tuple[Pair, ...]:
    if not isinstance(value, Mapping):
        return ()
    return tuple((name, notation.write(one)) for name, one in value.items())


def _rows(
    value: Any, before: tuple[Pair, ...], pairs: Iterable[Pair], section: str
) -> tuple[dict[str, Any], dict[str, str]]:
    """The mapping that rows mean. A row that cannot be read is left out, and named."""
    kept = {pair: value[pair[0]] for pair in before} if isinstance(value, Mapping) else {}
    found: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for index, (name, text) in enumerate(pairs):
        name = name.strip()
        if not name and not text.strip():
            continue
        try:
            if not name:
                raise NotationError("which one? name it on the left")
            if name.replace("_", "-") in {one.replace("_", "-") for one in found}:
                raise NotationError(f"{name} is there twice; keep one")
            found[name] = kept[name, text] if (name, text) in kept else notation.read(text)
        except NotationError as error:
            problems[f"{section}:{index}"] = str(error)
    return found, problems
