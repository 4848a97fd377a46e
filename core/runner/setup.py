"""What every experiment of a task shares."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.deploy.process import LABEL
from core.engines import environments, registry
from core.engines.base import Engine
from core.engines.boxes import Host
from core.paths import Home
from core.search.base import Strategy
from core.settings import Settings
from core.space import Spaces
from core.task import Task
from core.values import Configuration, Purpose


@dataclass(frozen=True, slots=True)
class Setup:
    """A task with all that was resolved for it. Its environment is its submitter's.

    Of a task that compares engines, one start is made with the setup `of` its engine.
    """

    id: str
    home: Home
    task: Task
    space: Spaces
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

    @property
    def engine(self) -> Engine:
        """The only one, or the first."""
        return registry.find(self.task.engine)

    def of(self, engine: str) -> Setup:
        """The same for one of its engines."""
        return dataclasses.replace(self, task=self.task.of(engine))

    @staticmethod
    def gpus(configuration: Configuration) -> int:
        """How many GPUs a configuration takes, at least 1."""
        return registry.find(configuration.engine).gpus(configuration)

    @property
    def log(self) -> Path:
        """Where the benchmark's launcher writes while no measurement runs."""
        return self.folder / "benchmark.log"

    @property
    def bench_environment(self) -> Mapping[str, str]:
        return {**environments.of_benchmark(self.settings), LABEL: self.label("bench")}

    @property
    def engine_environment(self) -> Mapping[str, str]:
        return environments.of_process(self.task, self.engine, self.settings)

    @property
    def container_environment(self) -> Mapping[str, str]:
        return environments.of_container(self.task, self.engine, self.host, self.settings)

    def label(self, *parts: object) -> str:
        """Marks processes of this home, task and part; a sweep finds them by its beginning."""
        return "/".join([self.home.label, self.id, *map(str, parts), ""])
