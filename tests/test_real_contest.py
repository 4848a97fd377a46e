"""The comparison on a real vLLM, without one: what it asks for and how it reads the answers."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from benchmarks.real_contest import Contest
from benchmarks.real_product import task_file
from benchmarks.real_sweep import measured
from benchmarks.real_turns import OURS, THEIRS, compared
from benchmarks.real_vllm import SPACE, points_of
from core.space import space_of
from core.task import load


@pytest.fixture
def contest(tmp_path: Path) -> Contest:
    axes, points = points_of(12)
    return Contest(tmp_path, tmp_path / "vllm", tmp_path, axes, points, (4, 16), 64)


def test_the_task_has_just_the_configurations_of_the_sweep(contest: Contest):
    task = load(task_file(contest))
    space = space_of(task)
    assert len(contest.points) == space.size == math.prod(map(len, SPACE.values())) == 12
    assert task.workload.concurrency == (4, 16)
    assert task.workload.scenarios == ("D(100,50)",)
    given = [dict(one) for one in contest.points]
    fixed = {"max-model-len": 1024, "enforce-eager": True}
    assert space.baseline.parameters in [{**fixed, **one} for one in given]


def test_fewer_configurations_differ_in_what_matters_most():
    axes, points = points_of(3)
    assert len(points) == 3
    assert [len(values) for values in axes.values()] == [3, 1, 1]


def test_every_measurement_of_the_sweep_is_found_by_its_flags(contest: Contest):
    for number, point in enumerate(contest.points):
        place = contest.folder / "sweep" / f"SERVE-{number}"
        place.mkdir(parents=True)
        told = {**point, "max_concurrency": 4, "completed": 64, "output_throughput": 10.0 + number}
        for run in range(2):
            (place / f"run={run}.json").write_text(json.dumps(told))
        (place / "summary.json").write_text("[]")
    found = measured(contest)
    assert found == {(number, 4): [10.0 + number] * 2 for number in range(12)}


def test_a_sweep_that_lost_requests_is_no_yardstick(contest: Contest):
    place = contest.folder / "sweep" / "one"
    place.mkdir(parents=True)
    told = {**contest.points[0], "max_concurrency": 4, "completed": 63, "output_throughput": 1.0}
    (place / "run=0.json").write_text(json.dumps(told))
    with pytest.raises(SystemExit, match="63 of 64"):
        measured(contest)


def test_a_drift_of_the_machine_is_no_difference():
    # The machine slows down by 2 % a turn; the first is faster by 4 %.
    noise = (0.001, -0.002, 0.002, -0.001, 0.0, 0.001, -0.001, 0.002, -0.002, 0.0)
    values = [
        (60.0 * turn, 5.0 - 0.02 * turn + (0.04 if turn % 2 == 0 else 0.0) + noise[turn])
        for turn in range(10)
    ]
    found = compared({OURS: values[::2], THEIRS: values[1::2]})
    assert found.low < 0.04 < found.high
    assert found.high - found.low < 0.02
    assert found.document()["repeats"] == 5
