"""Every configuration, and every load of one that was no good."""

from __future__ import annotations

from collections.abc import Iterator

from core.export.evidence import Evidence
from core.export.figures import NONE
from core.export.markdown import bullets, table
from core.export.picked import curves, feasible, repeats, score_of, shown
from core.export.pruned import ruled_out
from core.export.reasons import failure_text, reason
from core.export.table import flag_text, score_text, several, varying
from core.store.views import ExperimentView


def configurations(found: Evidence) -> Iterator[str]:
    """One row each, by number."""
    experiments = found.detail.experiments
    if not experiments:
        return
    task, names = found.detail.task, varying(experiments)
    yield "## Every configuration"
    engines = several(experiments)
    head = [
        "#",
        *(["engine"] if engines else []),
        *names,
        f"score {task.unit}",
        "repeats",
        "load",
        "outcome",
    ]
    rows = [
        [
            str(e.number),
            *([e.engine] if engines else []),
            *(flag_text(e.parameters.get(name)) for name in names),
            score_text(score_of(e), task.unit),
            str(repeats(e) or NONE),
            str(view.data.concurrency) if (view := shown(e)) else NONE,
            _outcome(found, e),
        ]
        for e in experiments
    ]
    yield table(head, rows, "r" * (len(head) - 1) + "l")
    if known := ruled_out(found.detail):
        yield bullets(map(str, known))


def bad_loads(found: Evidence) -> Iterator[str]:
    """Why each load that failed, was ended or missed a limit did so."""
    slo = found.slo if found.asked else None
    rows = [
        [str(e.number), one.data.scenario, str(one.data.concurrency), why]
        for e in found.detail.experiments
        for one in curves(e)
        if (why := reason(one.view, slo))
    ]
    if rows:
        yield "### Loads that are no good, and why"
        yield table(("#", "scenario", "load", "why"), rows, "rlrl")


def _outcome(found: Evidence, experiment: ExperimentView) -> str:
    task = found.detail.task
    words = ["baseline"] if experiment.baseline else []
    if experiment.number == task.best:
        words.append("best")
    elif task.verdict and experiment.number in task.verdict.tied:
        words.append("tied with the best")
    return ": ".join([", ".join(words), _came_to(found, experiment)]).removeprefix(": ")


def _came_to(found: Evidence, experiment: ExperimentView) -> str:
    if experiment.failure is not None:
        return f"failed, {failure_text(experiment.failure)}"
    if feasible(experiment) is None:
        return str(experiment.state)
    view = shown(experiment)
    if view is None or feasible(experiment):
        return "meets the limits"
    return reason(view, found.slo if found.asked else None) or "misses a limit"
