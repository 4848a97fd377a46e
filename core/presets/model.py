"""A preset as values: what it gives a task, alike for every engine or for each of its own."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.task import Parameter
from core.values import Scalar


@dataclass(frozen=True, slots=True)
class Part:
    """Sections of a task file that a preset may fill; each as in `core.task.Task`."""

    parameters: dict[str, Parameter] = field(default_factory=dict)
    quantization: dict[str, tuple[Scalar, ...]] = field(default_factory=dict)
    parallel: dict[str, tuple[int, ...]] = field(default_factory=dict)
    rules: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether it gives anything."""
        return any(getattr(self, name) for name in SECTIONS)


SECTIONS = tuple(Part.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Preset:
    """`common` is for any engine while `engines` is empty; else it is added to each of those,
    and the preset is for no other.
    """

    name: str
    about: str = ""
    common: Part = Part()
    engines: dict[str, Part] = field(default_factory=dict)

    def speaks_of(self, engine: str) -> bool:
        return not self.engines or engine in self.engines
