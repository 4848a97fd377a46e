"""A task's results together with what its folder knows of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.engines import registry
from core.export.command import experiment_spec
from core.export.masking import Hide, hidden, hider
from core.paths import Home
from core.store.views import ExperimentView, TaskDetail
from core.task import Slo, Task, dump, load
from core.values import AutotunerError, Objective


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a report is made of, without secrets.

    `asked` is the task as it was submitted, `file` the same as YAML; None and empty when its
    file cannot be read any more. `commands` starts the baseline and the best, by number.
    `manifest` is that of the newest start of the best, else of the baseline; empty without one.
    """

    detail: TaskDetail
    asked: Task | None = None
    file: str = ""
    commands: Mapping[int, str] = field(default_factory=dict)
    manifest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def slo(self) -> Slo:
        return self.asked.slo if self.asked else Slo()

    @property
    def objective(self) -> Objective:
        return Objective(self.detail.task.objective)

    @property
    def best(self) -> ExperimentView | None:
        best = self.detail.task.best
        return next((e for e in self.detail.experiments if e.number == best), None)

    @property
    def baseline(self) -> ExperimentView | None:
        return next((e for e in self.detail.experiments if e.baseline), None)

    @property
    def compared(self) -> tuple[ExperimentView, ...]:
        """The best and the baseline, once when they are the same."""
        both = {e.number: e for e in (self.best, self.baseline) if e is not None}
        return tuple(both.values())

    def gpus(self, experiment: ExperimentView) -> int:
        """How many GPUs an experiment takes, at least 1."""
        configuration = experiment.configuration
        return registry.find(configuration.engine).gpus(configuration)


def gather(home: Home, detail: TaskDetail) -> Evidence:
    """Read what the task's folder holds; what is gone is left out."""
    hide = hider(home, detail.task.id)
    shown = hidden(detail, hide)
    task = asked(home, detail.task.id)
    found = Evidence(shown, task, hide(dump(task)) if task else "")
    numbers = [experiment.number for experiment in found.compared]
    own = {e.number: e for e in detail.experiments}
    commands = {n: text for n in numbers if (text := _command(home, detail, own[n], hide))}
    manifest = next((one for n in numbers if (one := _manifest(home, detail, own[n]))), {})
    return Evidence(shown, task, found.file, commands, hidden(manifest, hide))


def asked(home: Home, task: str) -> Task | None:
    """The task as it was submitted; None when its file is gone or cannot be read."""
    try:
        return load(home.task_file(task))
    except AutotunerError:
        return None


def _command(home: Home, detail: TaskDetail, experiment: ExperimentView, hide: Hide) -> str:
    """Empty when what it needs of the task's folder is gone."""
    try:
        spec = experiment_spec(home, detail.task.id, hidden(experiment.configuration, hide))
    except AutotunerError:
        return ""
    return hide(spec.shell())


def _manifest(home: Home, detail: TaskDetail, experiment: ExperimentView) -> Mapping[str, Any]:
    for start in reversed(experiment.starts):
        path = home.start(detail.task.id, experiment.number, start.attempt) / "manifest.json"
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(found, dict):
            return found
    return {}
