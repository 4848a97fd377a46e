"""How a container of ours is known: by its labels, never by its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

HOME = "autotuner.home"
_TASK = "autotuner.task"
_EXPERIMENT = "autotuner.experiment"
_ATTEMPT = "autotuner.attempt"


@dataclass(frozen=True, slots=True)
class Labels:
    """Which start of which experiment a container is. `home` is the state folder's hash."""

    home: str
    task: str
    experiment: int
    attempt: int

    @property
    def values(self) -> dict[str, str]:
        """As Docker keeps them."""
        return {
            HOME: self.home,
            _TASK: self.task,
            _EXPERIMENT: str(self.experiment),
            _ATTEMPT: str(self.attempt),
        }

    @property
    def filters(self) -> dict[str, list[str]]:
        """What the daemon selects containers of this start by."""
        return {"label": [f"{name}={value}" for name, value in self.values.items()]}

    @property
    def name(self) -> str:
        """What a container's name begins with."""
        task = re.sub(r"[^A-Za-z0-9_.-]+", "-", self.task)
        return f"autotuner-{task}-{self.experiment}-{self.attempt}"


@dataclass(frozen=True, slots=True)
class Found:
    """A container of this home. `task`, `experiment`, `attempt` None: its labels are damaged."""

    id: str
    name: str
    state: str
    task: str | None
    experiment: int | None
    attempt: int | None

    @classmethod
    def of(cls, listed: Mapping[str, object]) -> Found:
        """From an entry of the daemon's list."""
        labels = listed.get("Labels") or {}
        names = listed.get("Names") or ()
        assert isinstance(labels, Mapping)
        assert isinstance(names, list | tuple)
        return cls(
            id=str(listed["Id"]),
            name=str(next(iter(names), "")).removeprefix("/"),
            state=str(listed.get("State", "")),
            task=labels.get(_TASK),
            experiment=_number(labels.get(_EXPERIMENT)),
            attempt=_number(labels.get(_ATTEMPT)),
        )

    def of_start(self, labels: Labels) -> bool:
        """Whether it belongs to this start; its home is known already."""
        wanted = (labels.task, labels.experiment, labels.attempt)
        return (self.task, self.experiment, self.attempt) == wanted


def home_filter(home: str) -> dict[str, list[str]]:
    """What the daemon selects a home's containers by."""
    return {"label": [f"{HOME}={home}"]}


def _number(text: object) -> int | None:
    return int(text) if isinstance(text, str) and text.isdecimal() else None
