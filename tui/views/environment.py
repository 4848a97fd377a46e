"""What an engine or a benchmark has in its environment, as lines for a page."""

from __future__ import annotations

from tui.asking import Environment, Variable
from tui.line import Line, Span, Tone, apart, labelled, line, wrap

_MARKS = {
    "missing": Span("✖ missing    ", Tone.BAD),
    "different": Span("▸ different  ", Tone.WARN),
    "extra": Span("+ extra      ", Tone.DIM),
}
_SAME = Span("             ")
_MEANT = 13  # cells of a mark


def environment_page(
    whose: str, program: str, seen: Environment | None, trouble: str, cells: int
) -> list[Line]:
    """Everything about one program; `seen` None: it is being read, or `trouble` says why not."""
    title = line(Span(whose, Tone.STRONG), f"  {program}")
    if trouble:
        return [title, (), *labelled(Span("✖ ", Tone.BAD), trouble, cells, Tone.BAD)]
    if seen is None:
        return [title, (), line(Span("reading …", Tone.DIM))]
    state = Span("● running", Tone.RUN) if seen.running else Span("▪ not running", Tone.DIM)
    return [apart(title, (state,), cells), (), *environment_lines(seen, cells)]


def environment_lines(seen: Environment, cells: int) -> list[Line]:
    """Where it was read, how much of it is not as meant, and each variable."""
    told = f"read from {seen.source}{f': {seen.note}' if seen.note else ''}"
    lines = [*wrap(told, cells, Tone.DIM), _sum(seen), ()]
    for one in seen.variables:
        lines += _variable(one, cells)
    return lines


def _sum(seen: Environment) -> Line:
    wrong = sum(one.mark in ("missing", "different") for one in seen.variables)
    if not wrong:
        return line(Span("✔ all as meant", Tone.GOOD), Span("; secrets hidden", Tone.DIM))
    said = "1 variable is" if wrong == 1 else f"{wrong} variables are"
    return line(Span(f"✖ {said} not as meant", Tone.BAD), Span("; secrets hidden", Tone.DIM))


def _variable(one: Variable, cells: int) -> list[Line]:
    mark = _MARKS.get(one.mark, _SAME)
    tone = Tone.DIM if one.mark == "extra" else Tone.PLAIN
    text = one.name if one.value is None else f"{one.name}={one.value}"
    lines = labelled(mark, text, cells, tone)
    if one.mark in ("missing", "different"):
        hidden = one.mark == "different" and one.value == one.intended
        meant = "another one; neither is shown" if hidden else (one.intended or "")
        label = Span(" " * _MEANT + "meant  ", Tone.DIM)
        lines += labelled(label, meant, cells, Tone.STRONG)
    return lines
