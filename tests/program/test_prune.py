"""What one failure rules out is not started, on the real program."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.client import Client
from core.paths import Home
from tests.e2e import Program


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    made = Program(tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work"))
    yield made
    made.close()


def space(program: Program) -> str:
    """No engine knows such a type, and half of the GPU holds no cache beside the weights."""
    path = Path(program.write("doomed", levels="[1]", more="strategy: grid\n"))
    given = (
        "{kv-cache-dtype: [auto, fp9], max-num-seqs: [4, 8], gpu-memory-utilization: [0.9, 0.5]}"
    )
    path.write_text(path.read_text().replace("{max-num-seqs: [4, 8]}", given))
    return str(path)


def test_each_cause_costs_one_start(program: Program) -> None:
    done = program.unchecked(space(program))
    assert done.returncode == 0, done.stdout + done.stderr
    shown = program.show("doomed")
    kinds = [e["failure"]["kind"] if e["failure"] else None for e in shown["experiments"]]
    assert kinds == [None, None, "bad_value", "oom_kv", None]
    known = {(one["count"], one["kind"], one["by"]) for one in shown["task"]["ruled_out"]}
    assert known == {(3, "bad_value", 2), (1, "oom_kv", 3)}

    # It has come to its end with what was planned, and says in words why there is no more.
    assert (shown["task"]["done"], shown["task"]["planned"]) == (5, 5)
    said = "ruled out without a start: 3 configurations, as #2 failed: "
    for told in (done.stdout, program("show", "doomed").stdout):
        assert said in told
    assert said in program("export", "doomed", "--format", "md").stdout.replace("\\", "")

    # More experiments would only be those that are ruled out.
    told = asyncio.run(
        Client(Home(program.home)).ask("budget", {"task": "doomed", "experiments": 50})
    )
    assert "every configuration has been tried" in told
    assert program.show("doomed")["task"]["planned"] == 5
