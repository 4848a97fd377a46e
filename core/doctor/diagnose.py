"""From a log to a cause, with the line that proves it."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from core.doctor.endings import ENDINGS
from core.doctor.log_lines import Line, read
from core.doctor.tracebacks import exceptions
from core.engines.base import Engine, Signature
from core.values import Failure, FailureKind, mask_urls, one_line

_LONG = 500

# Somebody asked it to stop: what is said below is how it went.
_STOP = re.compile(
    r"SIGTERM received|[Rr]eceived (?:SIGTERM|SIGINT|signal (?:2|15)\b)|^KeyboardInterrupt\b"
    r"|\[shutdown\] API server: shutdown triggered"
)
# What can still befall an engine that serves; everything else it has outlived, or it is
# one request's own trouble.
_WHILE_SERVING = {
    FailureKind.OOM_LOAD, FailureKind.ENGINE_DIED, FailureKind.CRASH, FailureKind.HANG,
    FailureKind.NCCL, FailureKind.SHM, FailureKind.PORT, FailureKind.DISK,
    FailureKind.BENCH_ERRORS, FailureKind.ZERO_TOKENS, FailureKind.UNSUPPORTED,
}  # fmt: skip
_SERVES = re.compile(r"HTTP/[\d.]+\" 200\b|generation throughput|gen throughput|#running-req: ")
# Below an exception that nothing is known of, as far as an end may be.
_END = 12
_FATAL = re.compile(
    r"^(?:CRITICAL|FATAL|[Ff]atal(?: error)?|ERROR)\b|^[\w.]*(?:Error|Exception): "
    r"|^\S[^:]*: error: |^[Ee]rror: "
)


def diagnose(
    log: Path, signatures: Sequence[Signature], ready: re.Pattern[str] | None = None
) -> Failure | None:
    """What this log proves, with the line as evidence; None when nothing is recognised.

    Earlier signatures win over later ones: they are the causes, the others consequences.
    Where a line is `ready`, only what befalls a serving engine below it counts.
    """
    try:
        lines = read(log)
    except OSError:
        return None
    return proved(lines, signatures, ready, log.name)


def proved(
    lines: Sequence[Line],
    signatures: Sequence[Signature],
    ready: re.Pattern[str] | None,
    name: str,
) -> Failure | None:
    """The same for lines that were read already; `name` is the log's."""
    served = serves(lines, ready)
    stop = _stop(lines)
    counted = [line for line in lines[:stop] if not line.quiet]
    once = _once(counted, served)
    found = _first(once, [s for s in signatures if not s.wrapper], lines, served)
    if found:
        return _while(served, _failure(*found, name))
    if found := _first(once, ENDINGS, lines, served):
        return _failure(*found, name)
    wrapper = _first(once, [s for s in signatures if s.wrapper], lines, served)
    inner = _inner(counted, signatures, served) if wrapper else None
    if wrapper and inner and wrapper[0].kind is not FailureKind.ENGINE_DIED:
        return _unknown(inner, name)
    return _failure(wrapper[0], inner or wrapper[1], name) if wrapper else None


def unrecognised(lines: Sequence[Line], engine: Engine | None, name: str) -> Failure | None:
    """An end that nobody knows: the exception, or the last line that tells of an error."""
    served = serves(lines, engine.ready if engine else None)
    if _stop(lines) < len(lines):
        return None
    counted = [line for line in lines if not line.quiet]
    inner = _inner(counted, engine.signatures if engine else (), served)
    if inner and not (_goes_on(lines, inner) if served else _went_on(lines, inner, engine)):
        return _unknown(inner, name)
    end = {line.number for line in lines[-_END:]} if not served else set()
    fatal = [line for line in counted if line.number in end and _FATAL.search(line.said)]
    if not fatal or _went_on(lines, fatal[-1], engine):
        return None
    return _unknown(fatal[-1], name)


def serves(lines: Sequence[Line], ready: re.Pattern[str] | None) -> int:
    """The number of the last line that says that it serves; 0: there is none."""
    if ready is None:
        return 0
    return next((line.number for line in reversed(lines) if ready.search(line.text)), 0)


def last_line(log: Path) -> tuple[int, str] | None:
    """Number and text of the last line that says something."""
    try:
        lines = read(log)
    except OSError:
        return None
    return (lines[-1].number, one_line(lines[-1].text, _LONG)) if lines else None


def _once(counted: Sequence[Line], served: int) -> list[Line]:
    """What is said over and over is looked at twice, above and below the serving line: a
    signature may want to see it again.
    """
    times = Counter[tuple[str, bool]]()
    kept: list[Line] = []
    for line in counted:
        said = (line.said, line.number > served)
        times[said] += 1
        if times[said] <= 2:
            kept.append(line)
    return kept


def _first(
    counted: Sequence[Line], signatures: Sequence[Signature], lines: Sequence[Line], served: int
) -> tuple[Signature, Line] | None:
    starts: dict[re.Pattern[str], int | None] = {}
    for signature in signatures:
        if served and signature.kind not in _WHILE_SERVING:
            continue
        if signature.after is not None and signature.after not in starts:
            starts[signature.after] = _below(signature.after, lines)
        start = starts[signature.after] if signature.after else served
        if start is None:
            continue
        for line in counted:
            if line.number > max(start, served) and signature.pattern.search(line.text):
                return signature, line
    return None


def _below(after: re.Pattern[str], lines: Sequence[Line]) -> int | None:
    """The number of the first line that matches; None: no line counts."""
    return next((line.number for line in lines if after.search(line.text)), None)


def _stop(lines: Sequence[Line]) -> int:
    """The index of the line that tells of a wanted stop; behind the last when none does."""
    found = (at for at, line in enumerate(lines) if _STOP.search(line.said))
    return next(found, len(lines))


def _inner(counted: Sequence[Line], signatures: Sequence[Signature], served: int) -> Line | None:
    """The last exception that is not one of those which only tell of another's end."""
    wrappers = [signature.pattern for signature in signatures if signature.wrapper]
    inner = [
        line for line in exceptions(counted)
        if line.number > served and not any(wrapper.search(line.text) for wrapper in wrappers)
    ]  # fmt: skip
    return inner[-1] if inner else None


def _goes_on(lines: Sequence[Line], line: Line) -> bool:
    """Whether below this line it still served: then that was one request's own trouble."""
    below = (one.text for one in lines if one.number > line.number)
    return not _near_end(lines, line) or any(map(_SERVES.search, below))


def _near_end(lines: Sequence[Line], line: Line) -> bool:
    return sum(other.number > line.number for other in lines[-_END - 1 :]) <= _END


def _went_on(lines: Sequence[Line], line: Line, engine: Engine | None) -> bool:
    """Whether the start got on below this line."""
    if engine is None or not engine.phases:
        return not _near_end(lines, line)
    return any(engine.phase(below.text) for below in lines if below.number > line.number)


def _failure(signature: Signature, line: Line, name: str) -> Failure:
    match = signature.pattern.search(line.text)
    named = {
        group: mask_urls(text or "?")
        for group, text in (match.groupdict() if match else {}).items()
    }
    message, advice = signature.message.format(**named), signature.advice.format(**named)
    text = one_line(mask_urls(line.text), _LONG)
    return Failure(signature.kind, message, advice, name, line.number, text)


def _while(served: int, failure: Failure) -> Failure:
    """What crashes an engine that serves is told by when, as its load may have a part in it."""
    if served and failure.kind is FailureKind.CRASH:
        return dataclasses.replace(failure, kind=FailureKind.ENGINE_DIED)
    return failure


def _unknown(line: Line, name: str) -> Failure:
    said = one_line(mask_urls(line.said), 200)
    return Failure(
        FailureKind.UNKNOWN,
        f"it ended with an error that is not known here: {said}",
        "read the lines above the evidence",
        name,
        line.number,
        one_line(mask_urls(line.text), _LONG),
    )
