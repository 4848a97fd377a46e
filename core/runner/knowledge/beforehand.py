"""What a task knows before it measures: what it was told first stays, whatever is learned since."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from core.runner.knowledge import frozen
from core.runner.knowledge.aiconfigurator import predicted
from core.runner.knowledge.journal import remembered, simulated
from core.runner.known import Look
from core.runner.setup import Setup
from core.search.prior import Prior
from core.settings.values import AICONFIGURATOR
from core.store.journal import Journal
from core.store.reader import Reader

_LEARNS = frozenset({"auto"})  # the strategies that a prior means something to


async def beforehand(setup: Setup, journal: Journal, reader: Reader, look: Look) -> Prior | None:
    """Earlier tasks of this home, else a prediction where one is set up; None for neither, or
    where a person switched it off. An event says once what it is.
    """
    if not setup.task.prior or setup.task.strategy not in _LEARNS:
        return None
    there, prior = await asyncio.to_thread(frozen.thaw, setup.home, setup.id)
    if there:
        return prior
    prior = await remembered(setup, reader, await gpus(setup, look))
    told = ""
    if prior and setup.settings.values.get(AICONFIGURATOR, "").strip():
        told = "; what was measured goes before what aiconfigurator predicts"
    prior = prior or await predicted(setup, look, journal)
    await asyncio.to_thread(frozen.freeze, setup.home, setup.id, prior)
    if prior:
        await journal.event("prior.known", setup.id, message=f"{prior.source}{told}")
    return prior


async def gpus(setup: Setup, look: Look) -> Sequence[str]:
    """The names of the GPUs that a task uses; none on the CPU."""
    if setup.task.gpus == 0 or simulated(setup):
        return ()
    found, _ = await look()
    return tuple(sorted({gpu.name for gpu in found}))
