"""What results can be sorted and filtered by, and how SQL says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from core.store.schema import DISTRIBUTION_COLUMNS


class Kind(Enum):
    """What a column holds, and so how a value for it may be written."""

    NUMBER = "a number"
    SECONDS = "a time such as 0.4, 400ms or 1.5s"
    SHARE = "a share such as 0.01 or 1%"
    TEXT = "a text"
    STATE = "a state"
    FAILURE = "a kind of failure"
    VERDICT = "met or missed"
    TRUTH = "true or false"


@dataclass(frozen=True, slots=True)
class Column:
    """`sql` is its value in terms of experiments `e` and the measurement `m` that gave the
    score; `measured` when it needs `m`.
    """

    sql: str
    kind: Kind = Kind.NUMBER
    measured: bool = False


GPUS = "gpus_of(e.engine, e.parameters)"
"""GPUs that an experiment takes; the reader's connection has this function."""


def _measured(name: str, kind: Kind = Kind.NUMBER) -> Column:
    return Column(f"m.{name}", kind, measured=True)


COLUMNS: Mapping[str, Column] = {
    "number": Column("e.number"),
    "state": Column("e.state", Kind.STATE),
    "engine": Column("e.engine", Kind.TEXT),
    "baseline": Column("e.baseline", Kind.TRUTH),
    "score": Column("e.score"),
    "slo": Column("e.feasible", Kind.VERDICT),
    "failure": Column("json_extract(e.failure, '$.kind')", Kind.FAILURE),
    "started": Column("e.started"),
    "ended": Column("e.ended"),
    "gpus": Column(GPUS),
    "per_gpu": Column(f"(m.throughput / {GPUS})", measured=True),
    **{
        name: _measured(name)
        for name in ("throughput", "total_throughput", "concurrency", "requests", "errors")
    },
    "error_rate": _measured("error_rate", Kind.SHARE),
    "attainment": _measured("attainment", Kind.SHARE),
    "duration": _measured("duration", Kind.SECONDS),
    **{name: _measured(name, Kind.SECONDS) for name in DISTRIBUTION_COLUMNS},
}

ALIASES: Mapping[str, str] = {
    "#": "number", "load": "concurrency", "ttft": "ttft_p95", "tpot": "tpot_p95",
    "e2e": "e2e_p95", "latency": "e2e_p95", "output": "throughput", "feasible": "slo",
}  # fmt: skip
"""Other words for columns; a latency alone is its 95th percentile."""


def flag_path(name: str) -> str | None:
    """Where a flag is in `parameters`; None for what can be no flag's name in JSON."""
    named = name.replace("_", "-")
    return f'$."{named}"' if named.isprintable() and '"' not in named else None
