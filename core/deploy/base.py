"""What a deployment is to the runner: an engine that runs, and how it is ended for sure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from core.values import AutotunerError, Failure


class StartError(AutotunerError):
    """The engine could not be started at all; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Stopped:
    """How a stop went. `left` names what could not be removed, and how a person removes it."""

    seconds: float
    killed: bool
    left: tuple[str, ...] = ()


class Running(Protocol):
    """One engine that was started. What it prints goes to its log from the first byte."""

    @property
    def identity(self) -> Mapping[str, object]:
        """Columns of `starts` that name it for ever: pid and pid_started, or container."""
        ...

    @property
    def facts(self) -> Mapping[str, object]:
        """What the manifest keeps besides the command: image digest, effective environment."""
        ...

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        ...

    @property
    def fault(self) -> Failure | None:
        """Why it ended, when that is certain and not the engine's doing: removed, killed."""
        ...

    @property
    def presumed(self) -> Failure | None:
        """Why it may have ended, when nobody watched: what its log proves is better."""
        ...

    async def activity(self) -> float | None:
        """A number that grows while it works: CPU seconds and MiB read; None: not known."""
        ...

    async def wait(self) -> int:
        """Its exit code, when it has ended."""
        ...

    async def stop(self, limit: float) -> Stopped:
        """Ask it to end, after `limit` seconds end it; returns when nothing of it is left."""
        ...
