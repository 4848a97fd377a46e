"""What is left to do, in seconds and GPU-seconds, learned from the task's own times."""

from __future__ import annotations

from dataclasses import dataclass

from core.runner.setup import Setup
from core.score import LEAST_REPEATS, LOOKS
from core.store.journal import Journal
from core.store.spending import Times, gpu_seconds, times

_START_SECONDS = 60.0
# What a start is taken to cost when none was measured yet.

_LEVELS = 7
# The most loads that the search for the best one measures.

_SHARE = 0.4
# Of a budget, at most: a winner found among more configurations may be worth less certainty.


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds of one experiment and of one repeat, and what the task has spent so far:
    seconds at work, and GPU-seconds.
    """

    experiment: float
    repeat: float
    spent: float
    gpu_seconds: float

    def confirmation(self, arms: int, repeats: int = LEAST_REPEATS) -> float:
        """Seconds to repeat some experiments, in turn."""
        return self.repeat * arms * repeats

    def leaves(self, setup: Setup, seconds: float) -> bool:
        """Whether the budget has room for so many seconds more."""
        budget = setup.task.budget
        if budget.duration is not None and self.spent + seconds > budget.duration:
            return False
        if budget.gpu_hours is None:
            return True
        more = seconds * setup.gpus(setup.space.baseline)
        return self.gpu_seconds + more <= budget.gpu_hours * 3600

    def search_goes_on(self, setup: Setup) -> bool:
        """Whether there is time for another configuration, and then to confirm the best."""
        if not setup.task.budget.repeats:
            return self.leaves(setup, 0.0)
        reserve = self.confirmation(2)
        limits = [setup.task.budget.duration, self._hours(setup)]
        return self.leaves(setup, min([reserve, *(_SHARE * one for one in limits if one)]))

    def _hours(self, setup: Setup) -> float | None:
        """The seconds that the GPU-hours are, at the GPUs of the baseline."""
        hours = setup.task.budget.gpu_hours
        gpus = setup.gpus(setup.space.baseline)
        return None if hours is None else hours * 3600 / gpus


async def costs(setup: Setup, journal: Journal) -> Costs:
    """From what the journal tells of the task's steps so far."""
    known = await times(journal, setup.id)
    used = await gpu_seconds(journal, setup.id, setup.gpus)
    return _costs(setup, known, await journal.spent(setup.id), used)


def _costs(setup: Setup, known: Times, spent: float, used: float) -> Costs:
    work = setup.task.workload
    levels = _LEVELS if work.concurrency == "auto" else len(work.concurrency)
    scenarios = len(work.scenarios)
    start = _START_SECONDS if known.start is None else known.start
    each = work.max_duration if known.measurement is None else known.measurement
    return Costs(
        experiment=known.experiment or start + each * levels * scenarios,
        repeat=known.repeat or start + each * LOOKS * scenarios,
        spent=spent,
        gpu_seconds=used,
    )
