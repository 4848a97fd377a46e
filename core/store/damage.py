"""A journal that is damaged: kept aside as it is, and gone on with in a new one."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from core.store import schema
from core.store.faults import Damaged as Damaged  # whoever handles it looks for it here
from core.store.faults import plainly, told
from core.store.salvage import Salvaged, salvage

log = logging.getLogger("autotuner.journal")

_PARTS = ("-wal", "-shm", "")  # the file last: while it is there, its log is its own


def mend(path: Path, patience: float) -> None:
    """Put a new journal with what can be read of a damaged one in its place.

    The damaged one stays beside it as `state.db.damaged-…` and is never written. The caller
    holds the runner's lock. Dying at any moment leaves what the next call goes on from.
    `patience`: seconds to wait for a lock. AutotunerError when it cannot even be looked at.
    """
    _swap(path)
    if why := _damage(path, patience):
        log.error("%s: the journal is damaged: %s", path, why)
        _save(path, why)
        _swap(path)


def _damage(path: Path, patience: float) -> str | None:
    """What is broken; None for nothing. A file without a byte is a new journal."""
    if not path.exists() or not path.stat().st_size:
        return None
    try:
        with closing(_reading(path, patience)) as db:
            found = db.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.DatabaseError as error:
        plain = told(error, path)
        if isinstance(plain, Damaged):
            return str(error)
        raise plain or error from None
    text = str(found[0][0]) if found else "it cannot be checked"
    return None if text == "ok" else " ".join(text.split())


def _save(path: Path, why: str) -> None:
    """Write the new one, under a name that says what to call the damaged one."""
    stamp = _free_stamp(path)
    kept = _named(path, "damaged", stamp)
    made = path.with_name(f"{path.name}.saving")
    for suffix in ("", "-wal", "-shm", "-journal"):
        made.with_name(made.name + suffix).unlink(missing_ok=True)
    with plainly(made), closing(sqlite3.connect(made, isolation_level=None)) as target:
        target.execute("PRAGMA foreign_keys = ON")
        target.executescript(schema.new())
        target.execute("BEGIN")
        with closing(_reading(path, patience=0.0)) as source:
            found = salvage(source, target)
        _tell(target, found, why, kept)
        target.execute("COMMIT")
        target.execute("PRAGMA journal_mode = WAL")
    made.chmod(0o600)
    made.rename(_named(path, "saved", stamp))


def _tell(target: sqlite3.Connection, found: Salvaged, why: str, kept: Path) -> None:
    detail = {"why": why, "kept": str(kept), "saved": found.saved, "lost": found.lost}
    target.execute(
        "INSERT INTO events (at, kind, detail) VALUES (?, 'journal.damaged', ?)",
        (time.time(), json.dumps(detail)),
    )
    saved = ", ".join(f"{count} {table}" for table, count in found.saved.items() if count)
    log.error(
        "it is kept as %s; a new one goes on with what could be read: %s; not readable: %d rows%s",
        kept, saved or "nothing", found.lost, " at least" if found.more else "",
    )  # fmt: skip


def _swap(path: Path) -> None:
    """Take the place of the damaged one, if a new one is ready to."""
    prefix = f"{path.name}.saved-"
    for saved in sorted(path.parent.glob(f"{prefix}*")):
        kept = _named(path, "damaged", saved.name.removeprefix(prefix))
        for suffix in _PARTS:
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.rename(kept.with_name(kept.name + suffix))
        saved.rename(path)
        _sync(path.parent)


def _reading(path: Path, patience: float) -> sqlite3.Connection:
    """Never writes a byte of it, nor moves its log into it."""
    db = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=patience)
    db.row_factory = sqlite3.Row
    return db


def _free_stamp(path: Path) -> str:
    """The time, and a number where another was kept in the same second."""
    stamp, count = time.strftime("%Y%m%d-%H%M%S"), 1
    found = stamp
    while _named(path, "damaged", found).exists():
        count += 1
        found = f"{stamp}-{count}"
    return found


def _named(path: Path, what: str, stamp: str) -> Path:
    return path.with_name(f"{path.name}.{what}-{stamp}")


def _sync(folder: Path) -> None:
    """A power cut must not undo a rename."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
