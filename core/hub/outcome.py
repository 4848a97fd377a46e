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


def size_text(count: int) -> str:
    """Bytes as a person reads them, in powers of 1000 as disks and the Hub count: `15.3 GB`."""
    value = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
