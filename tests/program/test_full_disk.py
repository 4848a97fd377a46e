"""The disk of the state folder fills up under a task: it waits, says why, and loses nothing."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import afterwards
from tests.afterwards import measured, parts, rows, soon, task_id, task_state
from tests.e2e import Program
from tests.slow_task import phase, submit_file

SIZE = "24m"
NAME = "cramped"
TASK = """
name: cramped
model: sim-8b
engine: simulated
parameters: {max-num-seqs: [4, 8], start-scale: 0.06}
workload: {scenarios: ["D(40,10)"], concurrency: [2, 4], requests: 16, max_duration: 5s}
objective: throughput
budget: {repeats: 0}
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """On a disk of its own, which is small."""
    assert os.geteuid() == 0, "a small disk is mounted for this test: run it as root"
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", disk], check=True)
    made = Program(disk / "home", tmp_path)
    try:
        yield made
        made("runner", "stop")
        afterwards.nothing_left(made.home)
    finally:
        afterwards.kill_runners(made.home)
        subprocess.run(["umount", "-l", disk], check=True)


def fill(program: Program) -> Path:
    """Not a byte is left for anyone."""
    path = program.home.parent / "other-peoples-data"
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                pass  # as full as in pieces of this size
    return path


def in_a_start(program: Program) -> bool:
    return bool(measured(program.home)) and phase(program) == "compile"


def in_a_measurement(program: Program) -> bool:
    files = program.home.glob("tasks/*/experiments/1/starts/*/measurements/*/requests.jsonl")
    return any(file.stat().st_size for file in files)


@pytest.mark.parametrize("moment", [in_a_start, in_a_measurement])
def test_a_full_disk_pauses_the_task_and_loses_nothing(program: Program, moment):
    file = program.cwd / "task.yaml"
    file.write_text(TASK)
    task = submit_file(program, str(file), NAME)
    soon(lambda: moment(program), 90)
    before = measured(program.home)
    rubbish = fill(program)
    soon(lambda: task_state(program.home, NAME) == "paused", 15)
    kept = measured(program.home)
    assert kept[: len(before)] == before
    assert parts(program.home, "engine") == []
    assert parts(program.home, "bench") == []

    # It is told plainly, and looking works as ever, with no room at all.
    shown = program.show(NAME)
    failure = shown["task"]["failure"]
    assert failure["kind"] == "disk"
    assert "full" in failure["message"]
    assert str(program.home) in failure["message"]
    assert "resume" in failure["advice"]
    listed = json.loads(program("ls", "--json").stdout)["tasks"]
    assert [one["state"] for one in listed] == ["paused"]
    text = program("show", NAME)
    assert text.returncode == 0
    assert "Traceback" not in text.stdout + text.stderr

    # Without room it does not go on either, and says so.
    again = program("resume", NAME)
    assert "Traceback" not in again.stdout + again.stderr
    soon(lambda: task_state(program.home, NAME) == "paused", 15)

    rubbish.unlink()
    resumed = program("resume", NAME)
    assert resumed.returncode == 0, resumed.stderr
    soon(lambda: task_state(program.home, NAME) == "completed", 120)
    after = measured(program.home)
    assert after[: len(kept)] == kept
    assert afterwards.twice(after) == []
    assert sorted(after) == [
        (number, "search", "D(40,10)", level, 1) for number in range(3) for level in (2, 4)
    ]
    states = rows(program.home, "SELECT state, failure FROM experiments WHERE task = ?", task)
    assert states == [("succeeded", None)] * 3
    assert rows(program.home, "SELECT * FROM measurements WHERE failure IS NOT NULL") == []
    assert task_id(program.home, NAME) == task
