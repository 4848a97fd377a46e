"""What was found out about a task before it starts, as lines for a page."""

from __future__ import annotations

from dataclasses import dataclass

from tui.asking import Checked, Found
from tui.line import Line, Span, Tone, apart, labelled, line, wrap
from tui.views import words
from tui.views.new import plan_lines

_VERDICTS = {
    "failure": Span("✖ failure", Tone.BAD),
    "warning": Span("▸ warning", Tone.WARN),
    "unknown": Span("? unknown", Tone.DIM),
    "ok": Span("✔ ok", Tone.GOOD),
}
_VERDICT = 11  # cells
_LONGEST_ID = 20
_LOOKED_AT = (
    "looking at the file, the engine's flags, the model and its tokenizer, memory, the "
    "environment of each child, folders, ports and Docker, all at once. The flags of an engine "
    "that was never asked for them take longest: vLLM prints its own in ten seconds or more."
)


@dataclass(frozen=True, slots=True)
class Preflight:
    """A task that is looked at. `new`: it is started from here; else it is only looked at.

    `since` is when the look that is under way began, None when none is. `trouble`: the check
    itself did not answer, in one line.
    """

    name: str
    new: bool
    since: float | None = None
    checked: Checked | None = None
    trouble: str = ""

    @property
    def ready(self) -> bool:
        """Whether it may start: everything was looked at, and nothing fails."""
        known = self.checked is not None or bool(self.trouble)
        return self.since is None and known and not self.failures

    @property
    def failures(self) -> int:
        return len(self.checked.all("failure")) if self.checked else 0


def preflight_page(view: Preflight, keys: dict[str, str], now: float, cells: int) -> list[Line]:
    """What can be done, then every check, the worst first, and the plan. `keys` by action."""
    lines = [apart(line(Span(view.name, Tone.STRONG)), (_state(view, now),), cells)]
    lines += [*_next(view, keys, cells), ()]
    if view.trouble:
        return [*lines, *labelled(_VERDICTS["failure"], f"  {view.trouble}", cells, Tone.BAD)]
    if view.checked is None:
        return [*lines, *wrap(_LOOKED_AT, cells, Tone.DIM)]
    ids = min(_LONGEST_ID, max((len(one.id) for one in view.checked.checks), default=0))
    for verdict in _VERDICTS:
        for one in view.checked.all(verdict):
            lines += _check(one, ids, cells)
    return [*lines, (), line(Span("plan", Tone.STRONG)), *plan_lines(view.checked, cells)]


def _state(view: Preflight, now: float) -> Span:
    if view.since is not None:
        return Span(f"● checking {words.duration(max(0.0, now - view.since))}", Tone.RUN)
    if view.trouble or view.checked is None:
        return Span("? not checked", Tone.WARN)
    warned, unknown = len(view.checked.all("warning")), len(view.checked.all("unknown"))
    parts = [_many(view.failures, "failure"), _many(warned, "warning"), _unknown(unknown)]
    said = ", ".join(part for part in parts if part)
    if view.failures:
        return Span(f"✖ {said}", Tone.BAD)
    return Span(f"▸ {said}", Tone.WARN) if said else Span("✔ all well", Tone.GOOD)


def _next(view: Preflight, keys: dict[str, str], cells: int) -> list[Line]:
    """In one sentence what a person may do now."""
    again, back = f"{keys['again']} looks again", f"{keys['back']} goes back"
    if view.since is not None:
        return wrap(f"{back}", cells, Tone.DIM)
    if view.failures:
        said = "It would fail: correct what is said below." if view.new else "It would fail."
        return wrap(f"{said} {back}, {again}.", cells, Tone.BAD)
    if not view.new:
        return wrap(f"{again}, {back}.", cells, Tone.DIM)
    if view.trouble:
        return wrap(f"{again}, {keys['start']} starts it unchecked, {back}.", cells, Tone.WARN)
    return wrap(f"{keys['start']} starts it, {again}, {back}.", cells, Tone.STRONG)


def _check(one: Found, ids: int, cells: int) -> list[Line]:
    verdict = _VERDICTS.get(one.verdict, _VERDICTS["unknown"])
    label = Span(f"{verdict.text:<{_VERDICT}}{one.id:<{ids}}  ", verdict.tone)
    lines = labelled(label, one.evidence, cells)
    if one.advice:
        tone = Tone.DIM if one.verdict == "ok" else Tone.STRONG
        lines += labelled(Span(" " * len(label.text)), one.advice, cells, tone)
    return lines


def _many(count: int, one: str) -> str:
    return f"{count} {one}{'' if count == 1 else 's'}" if count else ""


def _unknown(count: int) -> str:
    return f"{count} unknown" if count else ""
