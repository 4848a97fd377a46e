"""`logs --environment` on a task at work, and on one that is over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import slow_task
from tests.e2e import Program, until

TOKEN = "hf_this_must_not_be_seen"
PROXY = "http://me:swordfish@127.0.0.1:1"


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    (tmp_path / "work").mkdir()
    program = Program(tmp_path / "home", tmp_path / "work")
    yield program
    program.close()


def test_of_engine_and_benchmark_as_they_have_it_and_as_recorded(program: Program):
    # Only the folder's .env has it, and NO_PROXY keeps what is of this machine away from it.
    (program.cwd / ".env").write_text(f"HF_TOKEN={TOKEN}\nHTTP_PROXY={PROXY}\nNO_PROXY=.example\n")
    name = "environments"
    more = "environment: {OF_THE_TASK: '7'}"
    task = slow_task.submit(program, name, scale=0.001, levels="[1, 2, 4, 8]", requests=40,
                            more=more)  # fmt: skip
    until(lambda: slow_task.phase(program) == "benchmark")

    live = asked(program, task)
    assert live["running"]
    assert live["source"].startswith("process ")
    values = {one["name"]: one["value"] for one in live["variables"]}
    assert values["OF_THE_TASK"] == "7"
    assert values["HTTP_PROXY"] == values["http_proxy"] == "http://•••@127.0.0.1:1"
    assert values["NO_PROXY"] == ".example,localhost,127.0.0.1,::1"
    assert wrong(live) == []
    bench = asked(program, task, "--benchmark")
    assert bench["source"].startswith("process ")
    assert bench["source"] != live["source"]
    assert wrong(bench) == []
    assert "OF_THE_TASK" not in {one["name"] for one in bench["variables"]}

    said = program("logs", name, "0", "--environment")
    assert said.returncode == 0
    assert said.stdout.splitlines()[1] == "all as meant"
    assert program("cancel", name).returncode == 0
    for more_words in ((), ("--benchmark",)):
        after = asked(program, task, *more_words)
        assert not after["running"]
        assert (after["source"], after["note"]) == ("the manifest of start 1", "it runs no more")
        assert wrong(after) == []
        assert TOKEN not in json.dumps(after)
        assert "swordfish" not in json.dumps(after)


def test_what_it_does_not_go_with(program: Program):
    for words in (("--json",), ("--environment", "-f")):
        refused = program("logs", "nothing", *words)
        assert refused.returncode == 2
        assert "--environment goes without -f" in refused.stderr
    assert program("logs", "nothing", "--environment").returncode == 2


def asked(program: Program, task: str, *more: str) -> dict:
    done = program("logs", task, "0", "--environment", "--json", *more)
    assert done.returncode == 0, done.stderr
    assert TOKEN not in done.stdout
    return dict(json.loads(done.stdout))


def wrong(seen: dict) -> list[str]:
    return [one["name"] for one in seen["variables"] if one["mark"] in ("missing", "different")]
