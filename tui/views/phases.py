"""The road of a start: `load ✔ 41s ▸ compile 68 % 1m12s ▸ capture ▸ ready ▸ benchmark`."""

from __future__ import annotations

from collections.abc import Mapping

from core.store.views import ExperimentView, PhaseView, StartView
from core.values import Phase
from tui.line import Line, Span, Tone, fit, line, width
from tui.views import words

_ORDER = list(Phase)
# These happen with some tasks only: they are named when they come.
_RARE = {Phase.PULL, Phase.DOWNLOAD, Phase.WARMUP}
# Where nothing was started before, a long one of these is said to be work.
_MINUTES = {Phase.COMPILE, Phase.CAPTURE, Phase.WARMUP}
_LONG = 30.0  # seconds
_WORTH_SAYING = 2.0  # seconds
_STEP = Span(" ▸ ", Tone.DIM)


def parameters(view: ExperimentView, flags: tuple[str, ...] | None = None) -> Line:
    """`seqs=256 kv=fp8`: the given flags, else all."""
    names = view.parameters if flags is None else [f for f in flags if f in view.parameters]
    text = " ".join(f"{words.short(n)}={words.value(view.parameters[n])}" for n in names)
    return line(Span(text) if text else Span("the engine's defaults", Tone.DIM))


def phase_line(view: ExperimentView, now: float, cells: int) -> Line:
    """Phases that were, the one that is with its time, and those to come, in `cells`."""
    seen = view.starts[-1].phases if view.starts else ()
    if not seen:
        return line(words.experiment_state(view.state))
    expected = view.starts[-1].expected
    return _joined([_part(phase, seen, now, expected) for phase in _shown(seen)], cells)


def past_phases(start: StartView, now: float, cells: int) -> Line:
    """Those of a start that is over, or of the one that is under way without what is to come."""
    seen = start.phases
    names = [phase for phase in _ORDER if any(view.phase is phase for view in seen)]
    return _joined([_part(phase, seen, now, {}) for phase in names], cells)


def _joined(parts: list[Line], cells: int) -> Line:
    dropped = False
    while len(parts) > 1 and _length(parts) + 2 * dropped > cells:
        parts.pop(0)  # the past goes first
        dropped = True
    joined: Line = (Span("… ", Tone.DIM),) if dropped else ()
    for index, part in enumerate(parts):
        joined = (*joined, _STEP, *part) if index else (*joined, *part)
    return fit(joined, cells)


def _shown(seen: tuple[PhaseView, ...]) -> list[Phase]:
    names = {view.phase for view in seen}
    last = max(_ORDER.index(name) for name in names)
    return [
        phase
        for index, phase in enumerate(_ORDER)
        if phase in names or (index > last and phase not in _RARE)
    ]


def _part(
    phase: Phase, seen: tuple[PhaseView, ...], now: float, expected: Mapping[Phase, float]
) -> Line:
    own = [view for view in seen if view.phase is phase]
    if not own:
        return (Span(phase.value, Tone.DIM),)
    if own[-1].ended is None and phase is not Phase.READY:
        return _lasting(own, now, expected.get(phase))
    spent = _spent(own, now)
    time = "" if phase is Phase.READY else " " + words.duration(spent)
    return line(Span(phase.value), Span(" ✔", Tone.GOOD), Span(time, Tone.DIM))


def _lasting(own: list[PhaseView], now: float, expected: float | None) -> Line:
    progress = own[-1].progress
    percent = "" if progress is None else f" {progress * 100:.0f} %"
    if own[-1].detail:
        percent += f" {own[-1].detail}"
    phase, spent = own[0].phase, _spent(own, now)
    return line(
        Span(phase.value, Tone.RUN), Span(percent, Tone.RUN), f" {words.duration(spent)}",
        Span(_usual(phase, spent, expected), Tone.DIM),
    )  # fmt: skip


def _usual(phase: Phase, spent: float, expected: float | None) -> str:
    """What tells work from a hang: how long it took before, or that it takes minutes."""
    if expected is None:
        minutes = phase in _MINUTES and spent >= _LONG
        return ", at work: minutes are usual" if minutes else ""
    if expected < _WORTH_SAYING:
        return ""
    before = words.duration(expected)
    return f" of ~{before}" if spent <= expected else f", {before} before"


def _spent(own: list[PhaseView], now: float) -> float:
    """Seconds; one over which the clock was set back counts for nothing."""
    return sum(max(0.0, (view.ended or now) - view.started) for view in own)


def _length(parts: list[Line]) -> int:
    return sum(width(part) for part in parts) + 3 * (len(parts) - 1)
