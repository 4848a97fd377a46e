"""The runner dies after every single write of an experiment: the next one finishes it each time.

Each runner finishes the experiment in which the one before it died, and dies in the next, at
another write. Several homes are worked on side by side and share the writes.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import afterwards
from tests.doomed import Death, Doomed

HOMES = 4
MOST = 60
"""Experiments of one home, more than it needs."""

Job = tuple[str, bool]
"""A write, and whether the runner dies before its COMMIT."""


@pytest.fixture
def doomed(tmp_path: Path) -> Iterator[Callable[..., Doomed]]:
    """Makes homes; at the end nothing is left of any of them."""
    made: list[Doomed] = []

    def make(experiments: int, repeats: int = 0) -> Doomed:
        made.append(Doomed(tmp_path / f"home{len(made)}", experiments, repeats))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_the_next_runner_finishes_what_died_at_any_write(doomed: Callable[..., Doomed]):
    homes = [doomed(MOST) for _ in range(HOMES)]
    with ThreadPoolExecutor(HOMES) as pool:
        written = list(pool.map(_undisturbed, homes))
        writes = max(written, key=len)
        some = random.Random(7).sample(writes, 6)
        jobs: deque[Job] = deque([*((w, False) for w in writes), *((w, True) for w in some)])
        missed: list[str] = []
        deaths = [
            one for each in pool.map(lambda h: _chain(h, jobs, missed), homes) for one in each
        ]
    assert not jobs
    # How often the progress of a phase is written depends on when the log is looked at; the plan
    # is made anew only after the first experiment, when the model's facts are known.
    assert {write.partition("#")[0] for write in missed} <= {
        "INSERT phases, UPDATE phases", "UPDATE tasks",
    }  # fmt: skip
    assert len(deaths) + len(missed) == len(writes) + len(some)
    assert {death.measured for death in deaths} == {0, 1, 2}
    assert {death.launched for death in deaths} == {False, True}


def _undisturbed(home: Doomed) -> tuple[str, ...]:
    """What is written of an experiment; its runner dies when the next one begins."""
    runner = home.runner("experiment:0")
    home.submit(runner)
    assert home.outlives(runner, 0)
    home.check(0, None)
    written = home.written
    ends = next(i for i, w in enumerate(written) if i and w.startswith("INSERT experiments"))
    return written[:ends]


def _chain(home: Doomed, jobs: deque[Job], missed: list[str]) -> list[Death]:
    """Works jobs off; the last runner ends no experiment but the one before."""
    deaths: list[Death] = []
    number = 2  # whoever outlives an experiment has begun the next
    while True:
        write, before = jobs.popleft() if jobs else ("", False)
        runner = home.runner(f"experiment:{number}", write, before=before)
        outlived = home.outlives(runner, number)
        if deaths and deaths[-1].number == number - 1:
            home.check(number - 1, deaths[-1])
        if outlived:
            home.check(number, None)
            if not write:
                return deaths
            missed.append(write)
            number += 2
        else:
            deaths.append(home.death(number, before=before))
            assert deaths[-1].write == write
            number += 1


FIRST = 10
"""The writes of a runner before the first experiment is written down."""


def test_the_next_runner_begins_what_died_before_the_first_experiment(
    doomed: Callable[..., Doomed],
):
    homes = [doomed(1) for _ in range(FIRST)]
    with ThreadPoolExecutor(HOMES) as pool:
        written = list(pool.map(_early, homes, range(1, FIRST + 1)))
    assert any("task.queued" in write for write in written)
    assert any("task.running" in write for write in written)
    assert any("INSERT experiments" in write for write in written)


def _early(home: Doomed, number: int) -> str:
    runner = home.runner("start", f"any#{number}")
    home.submit(runner)
    assert runner.wait(60) == -9, home.log()
    last = home.written[-1]
    home.finish()
    home.check(0, None)
    return last


REPEATS = (
    "INSERT leases#1",
    "INSERT measurements, measurement#2",
    "start.stopping#1",
    "UPDATE experiments, experiment.confirmed#1",
)


def test_the_next_runner_goes_on_with_a_repeat(doomed: Callable[..., Doomed]):
    """Two configurations, two repeats of each: in every one of them the runner dies."""
    home = doomed(2, repeats=2)
    for place, write in enumerate(REPEATS):
        runner = home.runner("repeat", write)
        if place == 0:
            home.submit(runner)
        afterwards.soon(lambda: runner.poll() is not None, 120)  # noqa: B023
        assert runner.returncode == -9, home.log()
        assert home.written[-1] == write
    home.finish()
    query = "SELECT number, attempt, state FROM starts WHERE reason = 'confirm'"
    repeats = afterwards.rows(home.home, query)
    assert sorted(number for number, *_ in repeats) == [0, 0, 1, 1]
    assert {state for *_, state in repeats} <= {"stopped", "interrupted"}
    looks = "SELECT turn FROM measurements WHERE number = ? AND attempt = ? ORDER BY id"
    for number, attempt, _ in repeats:
        assert afterwards.rows(home.home, looks, number, attempt) == [(1,), (2,), (3,)]
    assert len(afterwards.rows(home.home, "SELECT * FROM measurements")) == 2 * 2 + 4 * 3
