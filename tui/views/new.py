"""The new task: what its file would do, and what the field at hand is."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from core.engines.known import Known
from tui import notation
from tui.asking import Checked, Found
from tui.form import ENTRIES, TABLES
from tui.line import Line, Span, Tone, apart, fit, labelled, line, wrap
from tui.views.words import duration

_LABEL = 11
_NAMES = {
    "gpus": "the number of GPUs",
    "memory": "the memory of a GPU",
    "parallelism": "the model's heads and layers",
}
_MARKS = {"failure": Span("✖ ", Tone.BAD), "warning": Span("▸ ", Tone.WARN)}


@dataclass(frozen=True, slots=True)
class Preview:
    """`plan` is the last one that could be made; `problem` says why there is no newer one,
    `hint` what is still missing.
    """

    checking: bool = False
    problem: str = ""
    hint: str = ""
    plan: Checked | None = None
    rest: tuple[str, ...] = ()
    note: str = ""


def preview_lines(view: Preview, cells: int) -> list[Line]:
    """The most important first: the room may be short."""
    lines: list[Line] = [_head(view)]
    if view.note:
        lines += wrap(view.note, cells, Tone.DIM)
    if view.hint:
        lines += wrap(view.hint, cells)
    if view.problem:
        lines += _marked(_MARKS["failure"], view.problem, cells)
    old = Tone.DIM if view.problem or view.hint else Tone.PLAIN
    if view.plan is not None:
        lines += _spends(view.plan, cells, old)
    if view.rest:
        lines += labelled(_label("also"), f"in the file: {', '.join(view.rest)}", cells)
    return [*lines, *(_plan(view.plan, cells, old) if view.plan is not None else ())]


def plan_lines(plan: Checked, cells: int) -> list[Line]:
    """What will be tried, what that takes, and the command of the baseline."""
    return [*_spends(plan, cells, Tone.PLAIN), *_tried(plan, cells, Tone.PLAIN)]


def short_of(lines: Sequence[Line], room: int) -> list[Line]:
    """As many as fit; the first one says that there are more."""
    if len(lines) <= room or not lines:
        return list(lines)
    return [(*lines[0], Span("   f3", Tone.KEY), Span(" shows all", Tone.DIM)), *lines[1:room]]


def _head(view: Preview) -> Line:
    if view.checking:
        return line(Span("Plan", Tone.STRONG), Span("  checking …", Tone.RUN))
    if (view.problem or view.hint) and view.plan is not None:
        return line(Span("Plan", Tone.STRONG), Span("  of the last file that was right", Tone.DIM))
    return (Span("Plan", Tone.STRONG),)


def _plan(plan: Checked, cells: int, tone: Tone) -> list[Line]:
    lines: list[Line] = []
    for found in plan.found:
        lines += _found(found, cells)
    return [*lines, *_tried(plan, cells, tone)]


def _spends(plan: Checked, cells: int, tone: Tone) -> list[Line]:
    text = f"{_tries(plan)}, at most about {duration(plan.seconds)}"
    return labelled(_label("tries"), text, cells, tone)


def _tried(plan: Checked, cells: int, tone: Tone) -> list[Line]:
    lines: list[Line] = []
    if plan.presets:
        said = "; ".join(f"{name} {values}" for name, values in plan.presets)
        lines += labelled(_label("presets"), said, cells, tone)
    for rule, count in plan.removed:
        lines += labelled(_label("ruled out"), _removed(plan, rule, count), cells, tone)
    for engine, command in plan.baselines or (("baseline", plan.baseline),):
        lines += labelled(_label(engine), command, cells, tone)
    return lines


def _tries(plan: Checked) -> str:
    count = plan.configurations
    if count is None:
        return f"{plan.experiments} of more configurations than can be counted"
    if plan.experiments > count:
        return f"{_many(count)} and the baseline"
    if plan.experiments == count:
        return _many(count)
    return f"{plan.experiments} of {_many(count)}"


def _many(count: int) -> str:
    said = f"{count:,}".replace(",", " ")
    return f"{said} configuration{'' if count == 1 else 's'}"


def _removed(plan: Checked, rule: str, count: int) -> str:
    """Such as `12 by max-num-seqs <= 64`, or `about 38 % by …` where not all were looked at."""
    amount = f"about {round(100 * count / plan.sampled)} %" if plan.sampled else str(count)
    why = f" ({plan.reasons[rule]})" if rule in plan.reasons and rule not in _NAMES else ""
    return f"{amount} by {_NAMES.get(rule, rule)}{why}"


def _found(found: Found, cells: int) -> list[Line]:
    lines = _marked(_MARKS[found.verdict], f"{found.id}: {found.evidence}", cells)
    if found.advice:
        lines += [(Span("  "), *one) for one in wrap(found.advice, max(10, cells - 2), Tone.DIM)]
    return lines


def _marked(mark: Span, text: str, cells: int) -> list[Line]:
    return labelled(mark, text, cells, mark.tone)


def _label(text: str) -> Span:
    return Span(f"{text:<{_LABEL}}", Tone.DIM)


def about_lines(
    key: str, flag: Known | None, keys: Sequence[tuple[str, str]], cells: int
) -> list[Line]:
    """Two lines on the field at hand, with the keys that are of use there."""
    section, _, row = key.partition(":")
    told = ""
    if flag is not None:
        text = flag.meaning
        usual = f"often {notation.write(list(flag.usual)).rstrip(',')}" if flag.usual else ""
        expects = "" if flag.kind == "choice" and usual else flag.expects
        told = "; ".join(part for part in (expects, usual) if part)
    elif row and section in TABLES:
        text = TABLES[section].about
    else:
        text = ENTRIES[key].about if key in ENTRIES else ""
    if not row:
        return wrap(text, cells, Tone.DIM)[:2]
    shown = ((Span(name, Tone.KEY), Span(f" {what}  ", Tone.DIM)) for name, what in keys)
    first = fit(line(Span(text, Tone.DIM)), cells)
    return [first, apart(line(Span(told, Tone.DIM)), tuple(itertools.chain(*shown)), cells)]
