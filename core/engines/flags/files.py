"""Catalogues as files: those that come with this program, and what was read before."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from functools import cache
from importlib import resources
from typing import Any

from core.engines.flags.values import Catalogue, Flag

_PLAIN = asdict(Flag(name=""))


def written(catalogue: Catalogue) -> str:
    """As JSON, a flag a line, with what is not ordinary of it."""
    lines = [json.dumps(_differing(flag), ensure_ascii=False) for flag in catalogue.flags]
    head = {"engine": catalogue.engine, "version": catalogue.version, "source": catalogue.source}
    body = ",\n".join(lines)
    return f'{json.dumps(head)[:-1]}, "flags": [\n{body}\n]}}\n'


def parsed(text: str) -> Catalogue:
    """What `written` wrote; ValueError when it is something else."""
    try:
        found = json.loads(text)
        flags = tuple(_flag(one) for one in found["flags"])
        return Catalogue(found["engine"], found["version"], found["source"], flags)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no catalogue of flags: {error!r}") from None


@cache
def shipped(engine: str) -> Catalogue | None:
    """The list that comes with this program; None for an engine that has none."""
    file = resources.files(__name__.rpartition(".")[0]).joinpath(f"{engine}.json")
    return parsed(file.read_text(encoding="utf-8")) if file.is_file() else None


def completed(catalogue: Catalogue, listed: Catalogue | None) -> Catalogue:
    """With the types of values from `listed` where the flag is the same: a help tells few."""
    if listed is None:
        return catalogue
    known = {flag.name: flag for flag in listed.flags}
    return replace(catalogue, flags=tuple(_typed(flag, known) for flag in catalogue.flags))


def _typed(flag: Flag, known: dict[str, Flag]) -> Flag:
    same = known.get(flag.name)
    if same is None or same.takes != flag.takes or flag.choices or same.kind == "unknown":
        return flag
    return replace(flag, kind=same.kind, units=same.units, words=same.words)


def _differing(flag: Flag) -> dict[str, Any]:
    given = asdict(flag)
    return {name: value for name, value in given.items() if value != _PLAIN[name]}


def _flag(entry: dict[str, Any]) -> Flag:
    given = dict(entry)
    given |= {name: tuple(entry[name]) for name in ("aliases", "choices", "words") if name in entry}
    return Flag(**given)
