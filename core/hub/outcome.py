"""How fetching a model ends: where it lies, or why it cannot be had."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.values import AutotunerError, Failure, FailureKind


@dataclass(frozen=True, slots=True)
class Fetched:
    """A model that is complete on this machine. `revision` is None for a local folder."""

    path: Path
    revision: str | None = None


class FetchError(AutotunerError):
    """The model cannot be had; `failure` says why and what to do."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def refused(kind: FailureKind, message: str, advice: str) -> FetchError:
    return FetchError(Failure(kind, message, advice))
