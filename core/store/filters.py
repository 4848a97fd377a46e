"""The filter people type over results: `ttft_p95<0.4 tp=2 fp8`."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping

from core.store.columns import ALIASES, COLUMNS, Kind
from core.store.short import SHORT
from core.store.views import Condition
from core.values import ExperimentState, FailureKind, InputError, Scalar, one_line

_VALUE = r"""(?P<{0}>"[^"]*"?|'[^']*'?|[^\s"']\S*)"""
_CONDITION = re.compile(
    rf"(?P<name>#|-{{0,2}}[A-Za-z][\w.-]*)\s*(?P<operator>==|!=|<=|>=|=|<|>)\s*"
    rf"(?:{_VALUE.format('value')})?(?=\s|$)"
)
_NUMBERED = re.compile(r"#(?P<number>\d{1,9})(?=\s|$)")
_WORD = re.compile(_VALUE.format("word"))
_NUMBER = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?)\s*(ms|s|m|h|%)?")
# Divisors: 57 % is 0.57 to the last bit, which 57 × 0.01 is not.
_UNITS: Mapping[Kind, Mapping[str, float]] = {
    Kind.SECONDS: {"ms": 1000, "s": 1, "m": 1 / 60, "h": 1 / 3600},
    Kind.SHARE: {"%": 100},
}
_TRUE, _FALSE = {"true", "on", "yes"}, {"false", "off", "no"}
_WORDS = {
    Kind.STATE: tuple(ExperimentState),
    Kind.FAILURE: tuple(FailureKind),
}
_VERDICTS = {"met": True, "ok": True, "missed": False} | dict.fromkeys(_TRUE, True)
_VERDICTS |= dict.fromkeys(_FALSE, False)
_LARGEST = 2**63


def parse(
    text: str, fields: Iterable[str] | None = None
) -> tuple[tuple[Condition, ...], tuple[str, ...]]:
    """Conditions and words of a filter; a row has to meet all of them.

    `NAME OP VALUE` is a condition, with OP one of `= == != < <= > >=`. NAME is a column
    (`ttft_p95`, or `ttft` for it), one of the flags `fields` or a flag's short name (`tp`);
    without `fields` any name that resembles no column is taken for a flag. Latencies are
    seconds, or have a unit (`400ms`); shares may be per cent. `#7` is the experiment of this
    number. Everything else, and whatever is quoted, is a word to search. InputError says in
    one line what is wrong, with the nearest name.
    """
    flags = None if fields is None else tuple(name.replace("_", "-") for name in fields)
    conditions: list[Condition] = []
    words: list[str] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
        elif match := _CONDITION.match(text, at):
            conditions.append(_condition(match, flags))
            at = match.end()
        elif match := _NUMBERED.match(text, at):
            conditions.append(Condition("number", "=", int(match["number"])))
            at = match.end()
        else:
            match = _WORD.match(text, at)
            assert match is not None  # any character that is no blank begins a word
            if word := _unquoted(match["word"]):
                words.append(word)
            at = match.end()
    return tuple(conditions), tuple(words)


def _condition(match: re.Match[str], flags: tuple[str, ...] | None) -> Condition:
    name = _resolved(match["name"], flags)
    operator = "=" if match["operator"] == "==" else match["operator"]
    given = match["value"]
    if given is None:
        raise InputError(one_line(f"{match['name']}: a value is missing after {operator}"))
    column = COLUMNS.get(name)
    value = _of_flag(given) if column is None else _of_column(name, column.kind, given)
    if operator not in ("=", "!=") and isinstance(value, bool | str) and column is not None:
        raise InputError(f"{name}: cannot be compared with {operator}, only with = or !=")
    return Condition(name, operator, value)


def _resolved(typed: str, flags: tuple[str, ...] | None) -> str:
    """The column or flag that is meant. Columns win over flags, flags over short names."""
    bare = typed.lstrip("-")
    as_column, as_flag = bare.lower().replace("-", "_"), bare.replace("_", "-")
    if as_column in COLUMNS:
        return as_column
    if as_column in ALIASES:
        return ALIASES[as_column]
    lower = {flag.lower(): flag for flag in flags or ()}
    if as_flag.lower() in lower:
        return lower[as_flag.lower()]
    if as_flag.lower() in SHORT:
        return as_flag.lower()
    meant = [flag for flag, short in SHORT.items() if short == as_flag.lower()]
    if meant:
        return next((flag for flag in meant if flag in lower), meant[0])
    return _guessed(typed, as_column, as_flag, flags)


def _guessed(typed: str, as_column: str, as_flag: str, flags: tuple[str, ...] | None) -> str:
    """A flag nobody listed, where there is no list; else InputError with the nearest name."""
    near = difflib.get_close_matches(as_column, [*COLUMNS, *ALIASES], 1, 0.7)
    names = [*(flags or ()), *SHORT, *SHORT.values()]
    near += difflib.get_close_matches(as_flag.lower(), names, 1, 0.7)
    if flags is None and not near:
        return as_flag
    ranked = sorted(near, key=lambda name: -_likeness(name, as_column))
    hint = f"did you mean {ranked[0]}?" if near else "no column and no flag has this name"
    raise InputError(one_line(f"{typed}: unknown column; {hint}"))


def _likeness(name: str, typed: str) -> float:
    return difflib.SequenceMatcher(None, name.replace("-", "_"), typed).ratio()


def _of_column(name: str, kind: Kind, given: str) -> Scalar:
    text = _unquoted(given)
    lower = text.lower()
    if kind in _WORDS:
        return _one_of(name, lower.replace("-", "_"), _WORDS[kind])
    if kind is Kind.VERDICT or kind is Kind.TRUTH:
        return _truth(name, kind, lower)
    number = _number(lower, kind)
    if number is None:
        raise InputError(one_line(f"{name}: {text or 'nothing'!r} is not {kind.value}"))
    return number


def _truth(name: str, kind: Kind, text: str) -> bool:
    allowed = dict.fromkeys(_TRUE, True) | dict.fromkeys(_FALSE, False)
    if kind is Kind.VERDICT:
        allowed |= _VERDICTS
    if text not in allowed:
        raise InputError(one_line(f"{name}: {text!r} is not {kind.value}"))
    return allowed[text]


def _one_of(name: str, text: str, known: tuple[str, ...]) -> str:
    if text in known:
        return text
    near = difflib.get_close_matches(text, [str(one) for one in known], 1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
    raise InputError(one_line(f"{name}: {text!r} is not known; {hint}", 600))


def _of_flag(given: str) -> Scalar:
    """As a task file would read it; what is quoted is a text."""
    text = _unquoted(given)
    if text != given:
        return text
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    number = _number(text, Kind.SHARE)
    return text if number is None else number


def _number(text: str, kind: Kind) -> int | float | None:
    """In the column's unit; None when it is no finite number in a unit that fits."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    digits, unit = match.groups()
    units = _UNITS.get(kind, {})
    if unit is not None and unit not in units:
        return None
    number = float(digits) / (units[unit] if unit else 1)
    if not math.isfinite(number):
        return None
    whole = unit is None and number.is_integer() and abs(number) < _LARGEST
    return int(number) if whole else number


def _unquoted(text: str) -> str:
    """Without its quotes; the second one may be missing while somebody types."""
    if text[0] in "\"'":
        return text[1:].removesuffix(text[0])
    return text
