"""How long a start is waited for: as long as it gets on, or at least is at work."""

from __future__ import annotations

import time

from core.deploy.base import Running
from core.engines.base import PhaseMark
from core.values import Failure, FailureKind, Phase

_SHARE = 4
_LEAST_SILENCE = 30.0
_IDLE = 0.01
_LOOKS = 20


class Wait:
    """One start that is waited for.

    It is given up
    - after `limit` seconds, unless the log showed progress in the last quarter of `limit`: a
      phase not met before, or more of one than before. Progress extends a start without end.
    - when for `silence` seconds (a quarter of `limit`, at least 30 s) the log has not grown
      and the engine used less than 1 % of a core. What compiles for long without a word is
      at work; where the activity is not known, only the first rule holds.
    """

    def __init__(self, limit: float, silence: float | None = None) -> None:
        now = time.monotonic()
        self._limit = limit
        self._silence = silence or max(_LEAST_SILENCE, limit / _SHARE)
        self._deadline = now + limit
        self._progressed = now
        self._phase = Phase.LOAD
        self._furthest: dict[Phase, float] = {}
        self._quiet_since = self._looked = now
        self._size = -1
        self._work: float | None = None

    def recall(self, marks: list[PhaseMark]) -> None:
        """What the log showed before this wait: known, and no progress."""
        for mark in marks:
            self._phase = mark.phase
            further = max(self._furthest.get(mark.phase, 0.0), mark.progress or 0.0)
            self._furthest[mark.phase] = further

    def follow(self, marks: list[PhaseMark]) -> None:
        """What the log shows now."""
        before = dict(self._furthest)
        self.recall(marks)
        if self._furthest != before:
            self._progressed = time.monotonic()

    async def over(self, engine: Running, size: int) -> Failure | None:
        """Why to wait no longer; `size` says how long the log is, bytes."""
        now = time.monotonic()
        if now > max(self._deadline, self._progressed + self._limit / _SHARE):
            return self._too_slow(now)
        if now - self._looked < self._silence / _LOOKS:
            return None
        self._looked = now
        idle = await self._idle(engine, size)
        return self._hangs() if idle >= self._silence else None

    async def _idle(self, engine: Running, size: int) -> float:
        """For how many seconds it has been silent and idle."""
        if size != self._size:
            self._size, self._work = size, None
            self._quiet_since = time.monotonic()
            return 0.0
        before, self._work = self._work, await engine.activity()
        if before is None or self._work is None:
            return 0.0
        # Less than before: a process of it has ended, which is no idleness either.
        if 0 <= self._work - before <= _IDLE * self._silence:
            self._work = before
        else:
            self._quiet_since = time.monotonic()
        return time.monotonic() - self._quiet_since

    def _hangs(self) -> Failure:
        return Failure(
            FailureKind.HANG,
            f"the engine was silent and idle for {self._silence:.0f} s in phase {self._phase}",
            "look at the end of its log for what it waits for: another process, the network",
        )

    def _too_slow(self, now: float) -> Failure:
        still = now - self._progressed
        return Failure(
            FailureKind.START_TIMEOUT,
            f"the engine was not ready after timeouts.start ({self._limit:g} s): in phase "
            f"{self._phase}, without progress for {still:.0f} s",
            "raise timeouts.start if the log shows that it was still at work",
        )
