"""What the journal knows of a start that an earlier runner began and did not end."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from core.store.journal import Journal, StartKey
from core.store.writing import delete

_OPEN = """SELECT s.task, s.number, s.attempt FROM starts s JOIN tasks t ON t.id = s.task
    WHERE s.state = 'running' AND t.state = 'running' ORDER BY s.started DESC LIMIT 1"""
_START = """SELECT pid, container, ready, started FROM starts
    WHERE task = ? AND number = ? AND attempt = ?"""
_HELD = "SELECT resource FROM leases WHERE task = ? AND number = ? AND attempt = ? ORDER BY rowid"
_MEASURING = """SELECT 1 FROM phases WHERE task = ? AND number = ? AND attempt = ?
    AND phase = 'benchmark'"""


@dataclass(frozen=True, slots=True)
class Begun:
    """How far a start had come. `launched`: its engine's name had been written down, `pid` where
    that is a process. `started`: epoch seconds. `port` and `gpus` (UUIDs) are what it holds.
    """

    launched: bool
    pid: int | None
    ready: bool
    started: float
    port: int | None
    gpus: tuple[str, ...]


async def open_start(journal: Journal) -> StartKey | None:
    """The start of a running task that nobody has ended."""
    rows = await journal.rows(_OPEN)
    return StartKey(*rows[0]) if rows else None


async def begun(journal: Journal, key: StartKey) -> Begun:
    """What is known of a start that is open."""
    row = (await journal.rows(_START, key.task, key.number, key.attempt))[0]
    held = [one["resource"] for one in await journal.rows(_HELD, key.task, key.number, key.attempt)]
    ports = [int(name.removeprefix("port:")) for name in held if name.startswith("port:")]
    return Begun(
        launched=row["pid"] is not None or row["container"] is not None,
        pid=row["pid"],
        ready=row["ready"] is not None,
        started=row["started"],
        port=ports[-1] if ports else None,
        gpus=tuple(name.removeprefix("gpu:") for name in held if name.startswith("gpu:")),
    )


async def measuring(journal: Journal, key: StartKey) -> bool:
    """Whether an open start has come as far as to be measured."""
    return bool(await journal.rows(_MEASURING, key.task, key.number, key.attempt))


async def release(journal: Journal, key: StartKey) -> None:
    """A start gives back what it holds, and goes on."""
    async with journal.transaction() as db:
        await delete(db, "leases", asdict(key))
