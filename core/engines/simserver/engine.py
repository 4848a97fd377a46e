"""The engine core in real time: one loop that takes steps on an absolute clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from core.engines.simserver.errors import out_of_memory
from core.engines.simserver.flags import Options
from core.engines.simserver.hardware import Model, model_named
from core.engines.simserver.memory import MemoryPlan, plan_memory
from core.engines.simserver.pace import Pace
from core.engines.simserver.roofline import Speed, Work, speed
from core.engines.simserver.scheduler import Scheduler, Sequence
from core.engines.simserver.strain import check_running, hangs

_CATCH_UP_SECONDS = 0.25
"""How far steps may lag behind the clock before the lost time is given up."""


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything that follows from the flags."""

    options: Options
    model: Model
    memory: MemoryPlan
    speed: Speed

    @classmethod
    def of(cls, options: Options) -> Setup:
        model = model_named(options.model)
        memory = plan_memory(options, model)
        return cls(options, model, memory, speed(options, model, memory))

    def scheduler(self) -> Scheduler:
        """A new, empty scheduler."""
        options = self.options
        return Scheduler(
            options.max_num_seqs,
            options.max_num_batched_tokens,
            self.memory.kv_blocks,
            chunked=options.enable_chunked_prefill,
            caching=options.enable_prefix_caching,
        )


class Core:
    """Runs sequences; `tell` is called for each one that a step has brought forward."""

    def __init__(self, setup: Setup, tell: Callable[[Sequence], None]) -> None:
        self._setup = setup
        self._tell = tell
        self._wake = asyncio.Event()
        self._began = asyncio.get_running_loop().time()
        self.pace = Pace(setup.options)
        self.scheduler = setup.scheduler()

    @property
    def serving(self) -> float:
        """Seconds since serving began."""
        return asyncio.get_running_loop().time() - self._began

    def add(self, sequence: Sequence) -> None:
        self.scheduler.add(sequence)
        self._wake.set()

    async def run(self) -> None:
        """For ever. Raises EngineCrash when a step needs more memory than is left, or when
        so many requests run that the flags end it.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock()
        while True:
            work = self.scheduler.plan()
            if work is None:
                self._wake.clear()
                await self._wake.wait()
                deadline = clock()
                continue
            self._check_memory(work)
            check_running(self._setup.options, work.running)
            if hangs(self._setup.options, work.running):
                await asyncio.Event().wait()
            deadline = max(deadline, clock() - _CATCH_UP_SECONDS) + self._duration(work)
            await asyncio.sleep(deadline - clock())
            for sequence in self.scheduler.complete():
                self._tell(sequence)

    def _duration(self, work: Work) -> float:
        return self._setup.speed.seconds(work) * self.pace.factor(self.serving)

    def _check_memory(self, work: Work) -> None:
        memory = self._setup.memory
        wanted = memory.under_load(work.running, work.tokens)
        if wanted > memory.headroom:
            raise out_of_memory(wanted, memory.headroom)
