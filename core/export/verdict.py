"""What can be said of the best, in words: the same ones in every text that leaves us."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from core.export.closest import Closest
from core.export.figures import count, excess, percent, signed
from core.score import Gap
from core.store.views import TaskView, VerdictView

_METRICS = ("ttft_", "tpot_", "e2e_")
_FLOORS = ("throughput_min", "attainment")


def verdict_text(task: TaskView, nearest: Closest | None = None) -> str:
    """One line, such as `winner: #5 is 38.1 % better than the baseline (95 % interval +35.0 to
    +41.2 %, 3 repeats each)`. `nearest` is named when nothing met the limits.
    """
    view = task.verdict
    if view is None:
        return "no verdict yet" if task.best is not None else "no result"
    match view.kind if task.best is not None else "none_feasible":
        case "winner":
            said = _winner(task, view)
        case "tie":
            said = _tie(task, view)
        case "not_better":
            said = f"not better than the defaults: nothing beats the baseline{_certainty(view)}"
        case "unconfirmed":
            said = _unconfirmed(task, view)
        case "none_feasible":
            said = "nothing met the limits"
            said += f"; closest: {nearest_text(nearest)}" if nearest else ""
        case kind:
            said = f"{kind.replace('_', ' ')}{_certainty(view)}"
    return f"{said}; {view.note}" if view.note else said


def nearest_text(one: Closest) -> str:
    """`#3 ttft_p95 0.69 s, 38 % over`, with every limit that is missed."""
    return f"#{one.number} {missed(one.gaps) or '; '.join(one.breaches)}"


def missed(gaps: Mapping[str, Gap]) -> str:
    """`ttft_p95 0.69 s, 38 % over`, for each limit that is missed; empty when all are met."""
    over = [(name, gap) for name, gap in gaps.items() if gap.excess > 0]
    return "; ".join(
        f"{name} {measured(name, gap.value)}, {beyond(name, gap)}" for name, gap in over
    )


def breaches(gaps: Mapping[str, Gap]) -> str:
    """The same with the limits: `ttft_p95 0.69 s > 0.5 s (38 % over)`."""
    return "; ".join(
        f"{name} {measured(name, gap.value)} {'<' if name in _FLOORS else '>'} "
        f"{measured(name, gap.limit)} ({beyond(name, gap)})"
        for name, gap in gaps.items()
        if gap.excess > 0
    )


def measured(name: str, value: float) -> str:
    """A value of a limit with its unit: `0.69 s`."""
    if name in ("attainment", "error_rate"):
        return f"{value * 100:.4g} %"
    unit = " s" if name.startswith(_METRICS) else " tok/s" if name == "throughput_min" else ""
    return f"{value:.4g}{unit}"


def beyond(name: str, gap: Gap) -> str:
    """`38 % over`, or `20 % under` for what is to be reached; `met` when it is."""
    if gap.excess <= 0:
        return "met"
    return f"{excess(gap.excess)} {'under' if name in _FLOORS else 'over'}"


def gain_text(view: VerdictView) -> str:
    """The gain over the baseline with its interval: `+38.1 % (95 % interval +35.0 to +41.2 %, 3
    repeats each)`; empty when it is not known.
    """
    if not _known(view.delta):
        return ""
    return f"{signed(view.delta or 0.0, decimals(view))} %{_certainty(view)}"


def decimals(view: VerdictView) -> int:
    """How many of a gain in per cent mean something.

    Of what was measured once, or may be nothing at all, tenths of a per cent are noise; and so
    they are where the interval is wider than ten per cent each way.
    """
    if view.interval is None or not all(map(_sayable, view.interval)):
        return 0
    low, high = view.interval
    half = (high - low) / 2
    return int(half < 0.01 if low <= 0 <= high else half < 0.1)


def _winner(task: TaskView, view: VerdictView) -> str:
    also = f"; {_names(view.tied)} cannot be told apart from it" if view.tied else ""
    if not _known(view.delta):
        text = f"winner: #{task.best} meets the limits, the baseline does not"
    else:
        text = f"winner: #{task.best} is {_better(view)} than the baseline"
    return f"{text}{_certainty(view)}{also}"


def _tie(task: TaskView, view: VerdictView) -> str:
    alike = sorted({*view.tied, *([] if task.best is None else [task.best])})
    if len(alike) == 1:
        alike = sorted({0, *alike})
    cheaper = "cheaper" if len(alike) < 3 else "cheapest"
    chosen = "the baseline" if task.best == 0 else f"#{task.best}"
    return f"tie: {_names(alike)} cannot be told apart{_certainty(view)}; the {cheaper} is {chosen}"


def _unconfirmed(task: TaskView, view: VerdictView) -> str:
    text = "unconfirmed: " + (count(view.repeats, "repeat") if view.repeats else "measured once")
    if task.best == 0:
        return f"{text}, nothing looks better than the baseline{_certainty(view, repeats=False)}"
    if not _known(view.delta):
        return text
    better = _better(view)
    return f"{text}, #{task.best} looks {better} than the baseline{_certainty(view, repeats=False)}"


def _better(view: VerdictView) -> str:
    delta = view.delta or 0.0
    return f"{percent(abs(delta), decimals(view))} {'better' if delta >= 0 else 'worse'}"


def _certainty(view: VerdictView, *, repeats: bool = True) -> str:
    """` (95 % interval +35.0 to +41.2 %, 3 repeats each)`, as far as it is known."""
    known = []
    if view.interval is not None and all(map(_sayable, view.interval)):
        low, high = (signed(end, decimals(view)) for end in view.interval)
        known.append(f"{view.confidence * 100:g} % interval {low} to {high} %")
    if repeats and view.repeats:
        known.append(f"{count(view.repeats, 'repeat')} each")
    return f" ({', '.join(known)})" if known else ""


def _names(numbers: Iterable[int]) -> str:
    """`the baseline, #2 and #5`."""
    names = ["the baseline" if number == 0 else f"#{number}" for number in numbers]
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), *names[-1:]])


def _known(delta: float | None) -> bool:
    return delta is not None and _sayable(delta)


def _sayable(share: float) -> bool:
    """As per cent, too."""
    return math.isfinite(share * 100)
