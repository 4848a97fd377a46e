"""The checks of a task's flags and of every value that it gives to them."""

from __future__ import annotations

from collections.abc import Iterator

from core.doctor.flags.given import given
from core.doctor.flags.judge import judge
from core.doctor.flags.names import advice, resolved
from core.doctor.report import Check, failure, ok, unknown, warning
from core.engines.flags import Catalogue
from core.space import Space
from core.task import Task
from core.values import Scalar, one_line

_LENGTH = 120
_MOST = 3


def flag_checks(task: Task, space: Space, catalogue: Catalogue) -> list[Check]:
    """First `flags`, which says what they were held against; then `flag:NAME` for what is wrong.

    What the engine would refuse is a failure, and a warning where its own flags could not be
    read and the list that was used may be of another version.
    """
    if not catalogue.flags:
        return [unknown("flags", f"not known: {catalogue.reason}")]
    named = given(task, space)
    return [_held_against(catalogue, len(named)), *_wrong(space, named, catalogue)]


def _held_against(catalogue: Catalogue, count: int) -> Check:
    title = f"{catalogue.engine} {catalogue.version}".strip()
    size = f"{len(catalogue.flags)} flags"
    if catalogue.source == "help":
        return ok("flags", f"{count} held against the {size} of {title}, from its own --help")
    evidence = f"{count} held against a list of the {size} of {title}: {catalogue.reason}"
    if catalogue.exact:
        return ok("flags", evidence)
    return warning("flags", evidence, "flags of another version may differ")


def _wrong(
    space: Space, named: dict[str, tuple[Scalar | None, ...]], catalogue: Catalogue
) -> Iterator[Check]:
    for name, values in named.items():
        flag = resolved(name, catalogue)
        found = f"flag:{name}"
        if flag is None:
            title = f"{catalogue.engine} {catalogue.version}".strip()
            evidence = f"{title} has no flag --{name}"
            yield _refused(found, evidence, advice(name, catalogue), catalogue.exact)
            continue
        judged = (judge(space.engine, flag, name, one) for one in values if one is not None)
        if wrong := [one for one in judged if one]:
            evidence = f"--{name}: {_joined([one_line(one.text, _LENGTH) for one in wrong])}"
            sure = catalogue.exact and any(one.sure for one in wrong)
            yield _refused(found, evidence, _joined([one.advice for one in wrong]), sure)


def _joined(texts: list[str]) -> str:
    """The first few of several, each once."""
    told = list(dict.fromkeys(texts))
    more = len(told) - _MOST
    return "; ".join(told[:_MOST]) + (f"; and {more} more" if more > 0 else "")


def _refused(name: str, evidence: str, what: str, sure: bool) -> Check:
    return (failure if sure else warning)(name, evidence, what)
