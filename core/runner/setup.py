"""What every experiment of a task shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core import settings
from core.deploy.process import LABEL
from core.engines import boxes
from core.engines.base import Engine
from core.engines.boxes import Host
from core.paths import Home
from core.search.base import Strategy
from core.settings import Settings
from core.space import Space
from core.task import Task
from core.values import Configuration, Purpose, Scalar


@dataclass(frozen=True, slots=True)
class Setup:
    """A task with all that was resolved for it. Its environment is its submitter's."""

    id: str
    home: Home
    task: Task
    engine: Engine
    space: Space
    search: Strategy
    settings: Settings
    host: Host
    tokenizer: str

    @property
    def folder(self) -> Path:
        return self.home.task(self.id)

    def start(self, number: int, attempt: int) -> Path:
        """Where everything of one start is kept."""
        return self.home.start(self.id, number, attempt)

    def measurement(self, scenario: str, concurrency: int, purpose: Purpose, turn: int) -> str:
        """The name of one measurement's folder in its start's."""
        place = self.task.workload.scenarios.index(scenario)
        return f"{purpose}-s{place}-c{concurrency}-{turn}"

    def gpus(self, parameters: Mapping[str, Scalar]) -> int:
        """How many GPUs a configuration takes, at least 1."""
        return self.engine.gpus(Configuration.of(self.task.engine, parameters))

    @property
    def log(self) -> Path:
        """Where the benchmark's launcher writes while no measurement runs."""
        return self.folder / "benchmark.log"

    @property
    def bench_environment(self) -> Mapping[str, str]:
        return {**settings.host_environment(self.settings), LABEL: self.label("bench")}

    @property
    def engine_environment(self) -> Mapping[str, str]:
        """Everything the engine gets: settings, what we need of it, the task's own last."""
        given = settings.expand(self.task.environment, self.settings)
        host = settings.host_environment(self.settings)
        return {**host, **self.engine.environment, **given}

    @property
    def container_environment(self) -> Mapping[str, str]:
        """Everything a container gets: container settings, ours, the task's own last."""
        given = settings.expand(self.task.environment, self.settings)
        fixed = boxes.environment(self.engine, self.host)
        known = {**fixed, **self.host.environment, **self.engine.environment}
        return {**known, **given}

    def label(self, *parts: object) -> str:
        """Marks processes of this home, task and part; a sweep finds them by its beginning."""
        return "/".join([self.home.label, self.id, *map(str, parts), ""])
