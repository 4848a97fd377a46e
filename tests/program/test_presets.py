"""Presets on the real program: stored by its runner, used by a task, made of what it found."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from core.paths import Home
from core.task import Choice, load
from tests.e2e import Program

MINE = "about: small batches\nsimulated: {parameters: {max-num-seqs: [4, 8]}}\n"
TASK = """
name: chat
model: sim-8b
engine: simulated
presets: [mine, kv-cache-fp8]
workload: {scenarios: ["D(40,10)"], concurrency: [2], requests: 8, max_duration: 2s}
objective: throughput
budget: {repeats: 0}
"""


@pytest.fixture
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    made = Program(tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work"))
    yield made
    made.close()


def said(program: Program, *words: str, status: int = 0, **environment: str) -> str:
    done = program("presets", *words, **environment)
    assert done.returncode == status, done.stderr
    return done.stderr if status else done.stdout


def test_a_preset_from_a_file_to_a_task_to_a_winner(program):
    (program.cwd / "mine.yaml").write_text(MINE)
    assert said(program, "import", "mine.yaml") == "preset mine is saved\n"
    assert "is there already" in said(program, "import", "mine.yaml", status=1)
    assert "mine.yaml:1:1: it gives nothing" in _imported(program, "about: empty", 2)

    (program.cwd / "chat.yaml").write_text(TASK)
    done = program("run", "chat.yaml")
    assert done.returncode == 0, done.stderr
    assert "--kv-cache-dtype fp8" in done.stdout.splitlines()[-1]
    tried = {e["parameters"].get("max-num-seqs") for e in program.show("chat")["experiments"]}
    assert tried == {None, 4, 8}  # the baseline, and what the preset gave

    # A preset that changes changes no task.
    changed = said(program, "edit", "mine", EDITOR="sed -i s/8/16/")
    assert changed == "preset mine is saved\n"
    kept = load(Home(program.home).task_file(program.show("chat")["task"]["id"]))
    assert kept.expanded == ("mine", "kv-cache-fp8")
    assert not kept.presets
    assert "[4, 8]" not in said(program, "show", "mine")
    assert kept.parameters["max-num-seqs"] == Choice((4, 8))

    # The winner, and both together.
    number = program.show("chat")["task"]["best"]
    assert said(program, "save", "best", "--from", "chat") == "preset best is saved\n"
    flags = json.loads(said(program, "show", "best", "--json"))["simulated"]["parameters"]
    assert flags == program.show("chat")["experiments"][number]["parameters"]
    said(program, "merge", "throughput", "best", "--as", "both")
    both = json.loads(said(program, "show", "both", "--json"))["simulated"]["parameters"]
    assert both["gpu-memory-utilization"] == [0.9, 0.95]
    assert both.items() >= flags.items()
    said(program, "rm", "mine")
    assert "unknown preset 'mine'" in program("check", "chat.yaml").stderr


def test_an_edit_that_is_wrong_or_of_a_built_in_one_changes_nothing(program):
    (program.cwd / "mine.yaml").write_text(MINE)
    said(program, "save", "mine", "mine.yaml")
    before = said(program, "show", "mine")
    wrong = said(program, "edit", "mine", status=130, EDITOR="sed -i s/max-num-seqs/port/")
    assert "set by autotuner-tui" in wrong
    assert said(program, "show", "mine") == before
    assert said(program, "edit", "mine", EDITOR="true") == "nothing was changed\n"
    assert "is built in" in said(program, "edit", "latency", status=2, EDITOR="true")


def _imported(program: Program, text: str, status: int) -> str:
    (program.cwd / "mine.yaml").write_text(text)
    return said(program, "import", "mine.yaml", "--replace", status=status)
