"""The environment of a program, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.export.figures import count
from core.values import one_line

if TYPE_CHECKING:
    from core.doctor.effective import Effective, Variable

_LONGEST = 2000


def environment_text(whose: str, seen: Effective) -> str:
    """One variable a line, those that are not as they were meant first."""
    lines = [f"{seen.program} of {whose}, read from {seen.source}"]
    if seen.note:
        lines.append(one_line(seen.note, _LONGEST))
    wrong = sum(one.mark in ("missing", "different") for one in seen.variables)
    are = "is" if wrong == 1 else "are"
    lines.append(f"{count(wrong, 'variable')} {are} not as meant" if wrong else "all as meant")
    name = max((len(one.name) for one in seen.variables), default=0)
    return "\n".join([*lines, *(_line(one, name) for one in seen.variables)])


def _line(one: Variable, width: int) -> str:
    mark = "" if one.mark == "same" else one.mark
    value = "–" if one.value is None else one_line(one.value, _LONGEST)
    return f"{mark:<9}  {one.name:<{width}}  {value}{_meant(one)}".rstrip()


def _meant(one: Variable) -> str:
    if one.mark not in ("missing", "different"):
        return ""
    if one.value == one.intended:
        return "  (another was meant; it is not shown)"
    return f"  (meant: {one_line(one.intended or '', _LONGEST)})"
