"""What a task needs that can be fetched before it is its turn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.engines import registry
from core.store.views import TaskView
from core.task import Task
from core.values import TaskState


@dataclass(frozen=True, slots=True)
class Wanted:
    """An image, or a model of the Hub, for a task; `limit`: seconds that fetching may take.

    `at_work`: the task runs already, and will need this for another of its engines.
    """

    task: str
    name: str
    image: bool
    limit: float
    at_work: bool

    @property
    def words(self) -> str:
        return f"fetching {self.name}"


def wanted(view: TaskView, task: Task) -> list[Wanted]:
    """First images, then weights; of a task at work only what its first engine did not need.

    Raises InputError for an engine that is not known.
    """
    at_work = view.state is TaskState.RUNNING
    engines = [(registry.find(name), task.of(name)) for name in task.engines]
    later = engines[1:] if at_work else engines
    images = [own.image or engine.image for engine, own in later if own.deploy == "docker"]
    found = [
        Wanted(view.id, image, True, task.timeouts.pull, at_work)
        for image in dict.fromkeys(images) if image is not None
    ]  # fmt: skip
    loaded = any(engine.loads_weights for engine, _ in later)
    if loaded and not at_work and not Path(task.model).is_absolute():
        found.append(Wanted(view.id, task.model, False, task.timeouts.download, at_work))
    return found
