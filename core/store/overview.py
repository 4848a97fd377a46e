"""What is always shown of a task, kept up with its events instead of read anew."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

import aiosqlite

from core.store.rows import Row, fetch
from core.values import ExperimentState, Objective, Scalar

REVISION = """SELECT MAX(
    COALESCE((SELECT MAX(id) FROM events WHERE task = :task), 0),
    COALESCE((SELECT MAX(id) FROM events WHERE task IS NULL), 0)) AS revision"""
"""The newest event that may be about a task: its own, or one about whatever was open."""

# Without a number: about the whole task, or about every task.
_CHANGED = """SELECT DISTINCT number FROM events WHERE task = :task AND id > :since
    UNION SELECT number FROM events WHERE task IS NULL AND id > :since"""
# One that is started again to confirm it keeps its state.
_BRIEFS = """SELECT number, state, score, feasible, ended, EXISTS (
        SELECT 1 FROM starts s WHERE s.task = experiments.task AND s.number = experiments.number
        AND s.state = 'running') AS running
    FROM experiments WHERE task = :task"""
_SOME = " AND number IN (SELECT value FROM json_each(:numbers))"
_TRIED = """SELECT COUNT(*) AS tried, MAX(rowid) AS last FROM experiments
    WHERE task = :task AND NOT baseline AND rowid > :last"""
_FLAGS = """SELECT j.key AS name, COUNT(*) AS given, MIN(j.type) = MAX(j.type)
        AND MIN(j.atom) = MAX(j.atom) AS same, MIN(j.type) AS type, MIN(j.atom) AS value
    FROM experiments e, json_each(e.parameters) j
    WHERE e.task = :task AND NOT e.baseline AND e.rowid > :last GROUP BY j.key"""

_AT_WORK = frozenset({
    ExperimentState.PREPARING, ExperimentState.STARTING, ExperimentState.READY,
    ExperimentState.BENCHMARKING,
})  # fmt: skip
_FINAL = frozenset(state for state in ExperimentState if state.final)
_LOWER_IS_BETTER = frozenset({Objective.LATENCY, Objective.TTFT, Objective.TPOT})


@dataclass(frozen=True, slots=True)
class _Given:
    """How often a flag was given, and its one type and value, unless it had several."""

    times: int
    same: bool
    type: str
    value: Scalar

    def and_(self, other: _Given) -> _Given:
        same = (self.same, self.type, self.value) == (other.same, other.type, other.value)
        return _Given(self.times + other.times, self.same and same, other.type, other.value)


class Standing:
    """One task's experiments in brief. `refresh` reads what changed since the last time.

    What an experiment shows changes with an event that has its number, or with one that has
    none; its flags never change. So ten thousand experiments cost no more than those at work.
    """

    def __init__(self, task: str, objective: str) -> None:
        self._task = task
        self._sign = -1.0 if objective in _LOWER_IS_BETTER else 1.0
        self._states: dict[int, str] = {}
        self._met: dict[int, tuple[float, int, float]] = {}  # ended, number, score
        self._flags: dict[str, _Given] = {}
        self._tried = 0
        self._last = 0
        self._working: set[int] = set()
        self._final: set[int] = set()
        self.revision = -1
        self.steps: tuple[tuple[float, float], ...] = ()

    @property
    def experiments(self) -> int:
        return len(self._states)

    @property
    def done(self) -> int:
        """How many have come to their end."""
        return len(self._final)

    @property
    def busy(self) -> int | None:
        """The experiment at work."""
        return max(self._working, default=None)

    @property
    def flags(self) -> tuple[str, ...]:
        """Flags that are not the same in every experiment but the baseline, by name."""
        known = sorted(self._flags.items())
        return tuple(n for n, given in known if given.times < self._tried or not given.same)

    async def refresh(self, db: aiosqlite.Connection) -> None:
        """Bring it to this moment. Cancelled or failed, it stays as it was."""
        own = {"task": self._task}
        revision = int((await fetch(db, REVISION, own))[0]["revision"])
        if revision == self.revision:
            return
        changed: list[int | None] = [None]
        if self.revision >= 0:
            since = own | {"since": self.revision}
            changed = [row["number"] for row in await fetch(db, _CHANGED, since)]
        # At first, and when an event has no number, all of them.
        some = None not in changed
        numbers = {"numbers": json.dumps(changed)} if some else {}
        briefs = await fetch(db, _BRIEFS + _SOME if some else _BRIEFS, own | numbers)
        new = own | {"last": self._last}
        tried = (await fetch(db, _TRIED, new))[0]
        flags = await fetch(db, _FLAGS, new) if tried["tried"] else []
        self._add(briefs)
        self._add_flags(flags, tried)
        self.revision = revision

    def _add(self, rows: Iterable[Row]) -> None:
        for number, state, score, feasible, ended, running in rows:
            self._states[number] = state
            _put(self._working, number, state in _AT_WORK or bool(running))
            _put(self._final, number, state in _FINAL)
            if feasible and score is not None and ended is not None:
                self._met[number] = (ended, number, score)
            else:
                self._met.pop(number, None)
        self.steps = self._steps()

    def _add_flags(self, rows: Iterable[Row], tried: Row) -> None:
        self._tried += tried["tried"]
        self._last = tried["last"] or self._last
        for row in rows:
            name, given = (
                row["name"],
                _Given(row["given"], bool(row["same"]), row["type"], row["value"]),
            )
            self._flags[name] = self._flags[name].and_(given) if name in self._flags else given

    def _steps(self) -> tuple[tuple[float, float], ...]:
        """When a better one of the feasible was found, and its score."""
        steps: list[tuple[float, float]] = []
        for ended, _, score in sorted(self._met.values()):
            if not steps or self._sign * (score - steps[-1][1]) > 0:
                steps.append((ended, score))
        return tuple(steps)


def _put(numbers: set[int], number: int, inside: bool) -> None:
    if inside:
        numbers.add(number)
    else:
        numbers.discard(number)
