"""How states and verdicts are said in plain text."""

from __future__ import annotations

import time

from core.export.closest import closest
from core.export.figures import count, duration, left
from core.export.picked import repeats, score_of, simulated
from core.export.pruned import ruled_out
from core.export.table import score_text
from core.export.verdict import nearest_text, verdict_text
from core.store.views import TaskDetail, TaskView
from core.task import Task


def headline(task: TaskView) -> str:
    mark = " · simulated" if task.simulated else ""
    took = f" · {duration(task.ended - task.started)}" if task.started and task.ended else ""
    ends = left(task, time.time())
    took += f" · {ends}" if ends else ""
    return f"{task.name} ({task.id}) · {task.engine} · {task.model} · {task.state}{took}{mark}"


def summary(detail: TaskDetail, asked: Task | None) -> str:
    """The verdict and the best, or what comes closest; why the task failed, or waits."""
    task = detail.task
    nearest = closest(detail, asked)
    lines = [verdict_text(task, nearest[0] if nearest else None)]
    lines += [f"  then {nearest_text(one)}" for one in nearest[1:3]]
    if task.best is not None:
        lines.append(_best(detail))
    lines += [str(one) for one in ruled_out(detail)]
    if task.failure:
        lines.append(f"{task.failure.kind}: {task.failure.message}")
        if task.failure.text:
            lines.append(f"  {task.failure.log}:{task.failure.line}: {task.failure.text}")
        if task.failure.advice:
            lines.append(f"  {task.failure.advice}")
    return "\n".join(lines)


def _best(detail: TaskDetail) -> str:
    task = detail.task
    best = next((e for e in detail.experiments if e.number == task.best), None)
    score, times = (task.best_score, 0) if best is None else (score_of(best), repeats(best))
    marked = task.simulated if best is None else simulated(task, best)
    mark = " (simulated)" if marked else ""
    origin = f", the mean of {count(times, 'repeat')}" if times else ""
    return f"best: #{task.best} with {score_text(score, task.unit)} {task.unit}{mark}{origin}"
