"""What a task's own times say about what is left, and when the search has to make room."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import pytest

from core.paths import Home
from core.runner.costs import Costs, costs
from core.store.journal import Journal, NewTask
from core.store.spending import Times, gpu_seconds, times
from core.values import Configuration, ExperimentState, StartReason
from tests.samples import MEASURED
from tests.tuned import TASK, setup


def spent(seconds: float, gpu_hours: float = 0.0) -> Costs:
    """Experiments of 100 s and repeats of 60 s."""
    return Costs(experiment=100.0, repeat=60.0, spent=seconds, gpu_seconds=gpu_hours * 3600)


@pytest.mark.parametrize(
    ("budget", "costs", "goes_on"),
    [
        ("{experiments: 5}", spent(1e9), True),
        ("{duration: 1h}", spent(3239.0), True),  # 6 repeats of a minute are left
        ("{duration: 1h}", spent(3241.0), False),
        ("{duration: 10m}", spent(359.0), True),  # never more than 40 % of it
        ("{duration: 10m}", spent(361.0), False),
        ("{duration: 1h, repeats: 0}", spent(3599.0), True),
        ("{duration: 1h, repeats: 0}", spent(3601.0), False),
        ("{gpu_hours: 1}", spent(0.0, 0.89), True),
        ("{gpu_hours: 1}", spent(0.0, 0.91), False),
    ],
)
def test_the_search_leaves_time_to_confirm(
    tmp_path: Path, budget: str, costs: Costs, goes_on: bool
) -> None:
    assert costs.search_goes_on(setup(tmp_path, f"{TASK}budget: {budget}\n")) is goes_on


def test_gpu_hours_count_every_gpu(tmp_path: Path) -> None:
    text = f"{TASK}parallel: {{tp: [2, 4]}}\nbudget: {{gpu_hours: 1, repeats: 0}}\n"
    wanted = setup(tmp_path, text)
    assert spent(0.0, 0.9).leaves(wanted, 170.0)  # two GPUs: 340 of 360 GPU-seconds
    assert not spent(0.0, 0.9).leaves(wanted, 190.0)


async def test_estimates_are_learned_from_the_journal(tmp_path: Path) -> None:
    wanted = setup(tmp_path, TASK.replace("requests: 40", "requests: 40, max_duration: 30s"))
    home = Home(tmp_path).create()
    async with Journal.open(home.database) as journal:
        await journal.add_task(
            NewTask("t1", "t", "simulated", "m", "throughput", "tok/s", True, 3, 1.0)
        )
        assert await times(journal, "t1") == Times()
        guessed = await costs(wanted, journal)
        assert (guessed.experiment, guessed.repeat) == (60 + 7 * 30, 60 + 3 * 30)
        flags = Configuration.of("simulated", {"tensor-parallel-size": 2})
        await journal.add_experiment("t1", 0, flags, baseline=True, reason="")
        now = time.time()
        key = await journal.add_start("t1", 0, StartReason.SEARCH)
        await journal.set_start(key, started=now - 100, ready=now - 80)
        data = dataclasses.replace(MEASURED, started=now - 70, ended=now - 60)
        await journal.add_measurement(key, data, feasible=True, breaches=())
        assert await gpu_seconds(journal, "t1", wanted.gpus) == pytest.approx(200, abs=2)
        await journal.end_start(key, "stopped")
        await journal.set_experiment(
            "t1", 0, ExperimentState.SUCCEEDED, started=now - 100, ended=now
        )
        await journal.spend("t1", 100.0)
        learned = await costs(wanted, journal)
    assert learned.experiment == pytest.approx(100)
    assert learned.repeat == pytest.approx(20 + 3 * 10)
    assert learned.spent == 100.0
    assert learned.confirmation(arms=2) == pytest.approx(2 * 3 * 50)
