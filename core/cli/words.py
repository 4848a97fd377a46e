"""How states, times and verdicts are said in plain text."""

from __future__ import annotations

import time

from core.export.table import score_text
from core.store.views import TaskDetail, TaskView

_VERDICTS = {
    "not_better": "nothing beats the baseline",
    "unconfirmed": "measured once, unconfirmed",
}


def clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def duration(seconds: float) -> str:
    """1h50m, 3m12s, 41s, 0.8s."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"


def headline(task: TaskView) -> str:
    mark = " · simulated" if task.simulated else ""
    took = f" · {duration(task.ended - task.started)}" if task.started and task.ended else ""
    return f"{task.name} ({task.id}) · {task.engine} · {task.model} · {task.state}{took}{mark}"


def summary(detail: TaskDetail) -> str:
    """The best and what can be said of it, or why there is none."""
    task = detail.task
    if task.best is None:
        lines = ["no configuration met the limits" if task.verdict else "no result"]
        if task.failure:
            lines.append(f"{task.failure.kind}: {task.failure.message}")
            if task.failure.text:
                lines.append(f"  {task.failure.log}:{task.failure.line}: {task.failure.text}")
            if task.failure.advice:
                lines.append(f"  {task.failure.advice}")
        return "\n".join(lines)
    mark = " (simulated)" if task.simulated else ""
    verdict = task.verdict
    against = ""
    if verdict and verdict.delta is not None and verdict.kind != "not_better":
        against = f", {verdict.delta:+.1%} against the baseline"
    said = _VERDICTS.get(verdict.kind, verdict.kind) if verdict else "unconfirmed"
    best = score_text(task.best_score, task.unit)
    return f"best: #{task.best} with {best} {task.unit}{mark}{against}; {said}"
