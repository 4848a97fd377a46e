"""One measurement to make, as the runner asks for it and as the launcher reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from core.values import AutotunerError, Failure, Purpose

TIMELINE = "requests.jsonl"
"""In a measurement's folder: one JSON line per request, as it ended."""

CLIENT = "client.json"
"""In a measurement's folder: the client's own delay and counts."""

USAGE = 2
"""Exit status of a measurement whose arguments genai-bench refused."""

FULL = 28
"""Exit status of a measurement that found no space left on the disk: the error's number."""


class BenchError(AutotunerError):
    """No measurement can be made with this launcher; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Plan:
    """One (scenario, concurrency) against one engine.

    `url` has no path; `model` is the served name. `requests` is how many to measure after
    the start burst of `concurrency` requests (see `metrics.measured_requests`). No request is
    issued later than `max_duration` seconds after the first, unless there would be no steady
    window to count in; those in flight are drained. `limit` (seconds) ends the whole
    measurement. `folder` takes everything genai-bench writes and is emptied before; `log` takes
    its output. `limits` are
    per-request limits in seconds, for attainment; `bounds` the SLOs by name: a measurement
    that cannot meet one any more is ended early. `turn` counts the looks at this load on this
    start, and `earlier` are the folders of those before, whose requests are pooled with its own.
    `cache_reset`: the engine has emptied its prefix cache for this measurement.
    """

    url: str
    model: str
    backend: str
    scenario: str
    concurrency: int
    requests: int
    max_duration: float
    limit: float
    folder: Path
    log: Path
    purpose: Purpose
    seed: int
    dataset: str | None = None
    limits: Mapping[str, float] = field(default_factory=dict)
    bounds: Mapping[str, float] = field(default_factory=dict)
    turn: int = 1
    earlier: tuple[Path, ...] = ()
    cache_reset: bool = False

    def to_json(self) -> dict[str, Any]:
        # The measurement runs in another working directory: paths must be absolute.
        paths = {"folder": str(self.folder.absolute()), "log": str(self.log.absolute())}
        return asdict(self) | paths | {"earlier": [str(one.absolute()) for one in self.earlier]}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Plan:
        values = dict(raw, folder=Path(raw["folder"]), log=Path(raw["log"]))
        values["earlier"] = tuple(map(Path, raw["earlier"]))
        return cls(**values | {"purpose": Purpose(raw["purpose"])})
