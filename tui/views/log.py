"""What stands above a log, and what is said while there is none."""

from __future__ import annotations

from dataclasses import dataclass

from core.store.views import ExperimentView
from tui.line import Line, Span, Tone, apart, line, width
from tui.views import words


@dataclass(frozen=True, slots=True)
class LogState:
    """How a log is being read. `place` counts from 1 among the `count` listed lines; `unseen`
    came since following stopped; `selected` is how many lines are. `complete`: the file was
    looked through, so `count` is final but for what comes.
    """

    following: bool = True
    unseen: int = 0
    place: int = 0
    count: int = 0
    complete: bool = False
    selected: int = 0
    wrap: bool = False
    time: bool = True
    left: int = 0


def head_line(
    name: str, view: ExperimentView, kind: str, find: str, state: LogState, cells: int
) -> Line:
    """Whose log it is, whether it follows, and what the filter found."""
    left = line(Span(f" {name} #{view.number} {kind}", Tone.STRONG), "  ", _state(view))
    right: Line = line(
        *_following(state), *_selected(state), *_layout(state), *_filter(find, state)
    )
    if width(left) + width(right) + 2 > cells:  # the state of the experiment stands elsewhere too
        left = line(Span(f" #{view.number} {kind}", Tone.STRONG))
    if width(right) > cells:  # the one that says most
        right = _filter(find, state) or _following(state)
    return apart(left, right, cells)


def hits(state: LogState) -> Line:
    """How many lines the filter found, and which of them the cursor is on."""
    if not state.complete and not state.count:
        return (Span("searching …", Tone.DIM),)
    if not state.count:
        return (Span("no line", Tone.WARN),)
    more = "" if state.complete else " …"
    return (Span(f"{_number(state.place)} of {_number(state.count)}{more}", Tone.PLAIN),)


def _state(view: ExperimentView) -> Span:
    return words.experiment_state(view.state)


def _following(state: LogState) -> Line:
    if state.following:
        return (Span("following ▼ ", Tone.RUN),) if state.count else ()
    if state.unseen:
        return (Span(f"+{_number(state.unseen)} line{'s' * (state.unseen > 1)} ", Tone.WARN),)
    return (Span("not following ", Tone.DIM),)


def _selected(state: LogState) -> Line:
    return line(Span(f" ▪ {_number(state.selected)} selected ", Tone.KEY)) if state.selected else ()


def _layout(state: LogState) -> Line:
    said = ["wrapped"] if state.wrap else []
    said += [] if state.time else ["no time"]
    said += [f"→ {state.left}"] if state.left else []
    return line(Span(f" {', '.join(said)} ", Tone.DIM)) if said else ()


def _filter(find: str, state: LogState) -> Line:
    if not find:
        return ()
    shown = find if len(find) <= 24 else find[:23] + "…"
    return (Span(f"  /{shown}  ", Tone.KEY), *hits(state), Span(" "))


def _number(count: int) -> str:
    return f"{count:,}".replace(",", " ")


def nothing(view: ExperimentView, kind: str) -> str:
    """Why there is no log of this kind."""
    if not view.starts:
        return f"#{view.number} was not started yet, so it has no log."
    if not view.state.final:
        return f"No {kind} log yet."
    which = f"start {view.starts[-1].attempt} of #{view.number}"
    return f"No {kind} log: {which} wrote none."
