"""A second task begins with what the first one came to, on the real program."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e import Program

TASK = """
name: {name}
model: {model}
engine: simulated
parameters: {{max-num-seqs: [2, 4, 8]}}
workload: {{scenarios: ["D(20,6)"], concurrency: [2, 4], requests: 8, max_duration: 2s}}
objective: throughput
budget: {{experiments: 2, repeats: 0}}
prior: {prior}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    made = Program(tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work"))
    yield made
    made.close()


def run(program: Program, name: str, model: str = "sim-8b", prior: str = "true") -> str:
    """What it printed."""
    file = program.cwd / f"{name}.yaml"
    file.write_text(TASK.format(name=name, model=model, prior=prior))
    done = program("run", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_was_learned_orders_the_next_task(program: Program) -> None:
    told = "the first candidates are ordered by: "
    assert told not in run(program, "first")
    assert told not in run(program, "without", prior="off")
    assert f"{told}4 experiments of without and 1 more: sim-8b on the CPU" in run(program, "second")
    task = program.show("second")["task"]["id"]
    frozen = json.loads((program.home / "tasks" / task / "prior.json").read_text())
    assert len(frozen["trials"]) == 4
    assert all(one["levels"]["D(20,6)"] for one in frozen["trials"])
    with closing(sqlite3.connect(Path(program.home) / "state.db")) as db:
        rows = list(db.execute("SELECT detail FROM events WHERE kind = 'machine'"))
    assert rows == [('{"gpus": []}',)] * 3
