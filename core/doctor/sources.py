"""Whose log a file is, and what is known of such logs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.doctor.bench_logs import SIGNATURES as BENCH
from core.doctor.diagnose import proved, serves, unrecognised
from core.doctor.docker_logs import SIGNATURES as DOCKER
from core.doctor.log_lines import Line, read
from core.doctor.rich_lines import joined
from core.engines.base import Engine, Signature
from core.engines.registry import ENGINES
from core.values import Failure, FailureKind, InputError, Phase

_ENOUGH = 4000
_OTHERS = {
    "genai-bench": re.compile(r"genai[-_]bench|core[./]bench[./]launcher"),
    "docker": re.compile(
        r"^docker(?:-compose)?: |Error response from daemon|Unable to find image '"
        r"|^(?:dockerd|time=\"[^\"]+\" level=\w+ msg=)|docker daemon"
    ),
}
SOURCES = (*ENGINES, *_OTHERS)
"""What can be named as the program that wrote a log."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a log means. `source`: the program that wrote it, where that is known; `phase`: the
    one it had reached at the evidence, or at its end. No `failure`: nothing failed.
    """

    source: str | None
    failure: Failure | None
    phase: Phase | None


def examine(log: Path, source: str | None = None) -> Diagnosis:
    """What a log proves; without `source`, the program is told from the log. OSError."""
    if source is not None and source not in SOURCES:
        raise InputError(f"--engine: unknown '{source}'; known: {', '.join(SOURCES)}")
    lines = read(log)
    source = source or _recognised(lines)
    if source == "genai-bench":
        lines = [Line(*line) for line in joined(lines)]
    engine = ENGINES.get(source or "")
    ready = engine.ready if engine else None
    failure = proved(lines, _signatures(source), ready, log.name)
    failure = failure or unrecognised(lines, engine, log.name)
    return Diagnosis(source, failure, _phase(lines, source, failure))


def cause(log: Path, engine: Engine) -> Failure | None:
    """Why an engine that has ended did so, as far as its log tells."""
    try:
        lines = read(log)
    except OSError:
        return None
    found = proved(lines, engine.signatures, engine.ready, log.name)
    return found or unrecognised(lines, engine, log.name)


def _recognised(lines: Sequence[Line]) -> str | None:
    """The program of which most lines speak; the simulated engine speaks like vLLM too."""
    speaks = {name: engine.speaks for name, engine in ENGINES.items()} | _OTHERS
    begin = lines[:_ENOUGH]
    counts = {n: sum(bool(p.search(line.text)) for line in begin) for n, p in speaks.items()}
    simulated = [n for n, engine in ENGINES.items() if engine.simulated and counts[n]]
    if simulated:
        return simulated[0]
    # The word of Docker is the last in its log: what it says of others' programs is no theirs.
    if counts["docker"]:
        return "docker"
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] else None


def _signatures(source: str | None) -> tuple[Signature, ...]:
    """Those of the program, or all there are; Docker last, it nearly always gives itself away."""
    if source is not None and source in ENGINES:
        return (*ENGINES[source].signatures, *DOCKER)
    if source == "genai-bench":
        return BENCH
    every = (*(s for engine in ENGINES.values() for s in engine.signatures), *BENCH, *DOCKER)
    return tuple(dict.fromkeys(every))


def _phase(lines: Sequence[Line], source: str | None, failure: Failure | None) -> Phase | None:
    if source == "genai-bench":
        return Phase.BENCHMARK
    if source == "docker":
        return Phase.PULL if failure and failure.kind is FailureKind.IMAGE else None
    engine = ENGINES.get(source or "")
    engines = [engine] if engine else list(ENGINES.values())
    return reached(lines, engines, failure.line if failure else None)


def reached(lines: Sequence[Line], engines: Sequence[Engine], line: int | None) -> Phase | None:
    """The phase of a start at a line, or at the end."""
    above = [one for one in lines if line is None or one.number <= line]
    for engine in engines:
        if serves(above, engine.ready):
            return Phase.READY
        # From the end: most of a long log need not be looked at.
        for one in reversed(above):
            if mark := engine.phase(one.text):
                return mark.phase
    return None
