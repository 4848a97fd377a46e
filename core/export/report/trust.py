"""How far the figures can be trusted."""

from __future__ import annotations

from collections.abc import Iterator

from core.export.evidence import Evidence
from core.export.markdown import bullets
from core.export.picked import curves
from core.export.reasons import doubts
from core.metrics import FEWEST
from core.score import LEAST_REPEATS


def trust(found: Evidence) -> Iterator[str]:
    """What the reader has to know; always something."""
    yield "## How far to trust it"
    yield bullets([*_certainty(found), *_low(found), *_places(found)])


def _certainty(found: Evidence) -> Iterator[str]:
    verdict = found.detail.task.verdict
    if verdict is None:
        yield "There is no verdict yet."
    elif verdict.kind == "none_feasible":
        yield "Nothing was confirmed, as nothing met the limits."
    elif verdict.kind == "not_better" and not verdict.repeats:
        yield "Nothing was repeated, as only the baseline met the limits."
    elif verdict.repeats < LEAST_REPEATS:
        yield (
            f"The verdict rests on {verdict.repeats} of at least {LEAST_REPEATS} repeats: a second "
            "run may find another order, as single measurements differ by some per cent."
        )
    else:
        yield (
            f"The best and the baseline were started again {verdict.repeats} times in turn; the "
            f"interval holds the true gain in {verdict.confidence * 100:g} of 100 tasks."
        )
    if any(e.confirmed is None for e in found.detail.experiments):
        yield (
            "Scores without repeats are what the search measured; the best of many single "
            "measurements is a little too good."
        )


def _low(found: Evidence) -> Iterator[str]:
    marked = {name for e in found.detail.experiments for one in curves(e)
              for name in one.data.low_statistics}  # fmt: skip
    if marked:
        least = ", ".join(f"{FEWEST[n]} behind a {n}" for n in FEWEST if n in marked)
        yield f"Marked low n: fewer successful requests than {least}."


def _places(found: Evidence) -> Iterator[str]:
    """Each doubt about single measurements with where it arose."""
    seen: dict[str, dict[str, str]] = {}
    for experiment in found.detail.experiments:
        for view in experiment.measurements:
            place = f"#{experiment.number} {view.data.scenario} at {view.data.concurrency}"
            for doubt in doubts(view):
                seen.setdefault(doubt.what, {})[place] = doubt.much
    for what, places in seen.items():
        each = ", ".join(place + (f" ({much})" if much else "") for place, much in places.items())
        yield f"{what}: {each}"
