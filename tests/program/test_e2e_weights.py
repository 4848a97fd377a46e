"""Weights through the whole program: fetched, from a Hub on loopback, before the engine starts."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import slow_task
from tests.e2e import Program
from tests.hub_server import Repo, serving

WEIGHTS = random.Random(7).randbytes(3 << 20)

# An engine that ends at once: what is looked at is what happens before it.
TASK = """
name: {name}
model: org/{model}
engine: vllm
command: [/bin/false]
gpus: 0
budget: {{experiments: 1}}
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    made = Program(tmp_path / "home", tmp_path)
    yield made
    made.close()


def test_weights_are_there_before_the_engine_is_started(program: Program):
    tiny = Repo({"config.json": b"{}", "model.safetensors": WEIGHTS})
    with serving(tiny=tiny) as hub:
        hub.pause = 0.05
        file = program.cwd / "fetched.yaml"
        file.write_text(TASK.format(name="fetched", model="tiny"))
        cache = program.cwd / "hub"
        done = program.unchecked(str(file), HF_ENDPOINT=hub.url, HF_HOME=str(cache))
    assert done.returncode == 1
    assert "of 3.1 MB" in done.stdout
    assert done.stdout.index("download") < done.stdout.index("load")
    assert [p.read_bytes() for p in cache.rglob("model.safetensors")] == [WEIGHTS]
    failure = program.show("fetched")["experiments"][0]["failure"]
    assert failure["kind"] == "crash"


@pytest.mark.parametrize(
    ("model", "kind"), [("nobody-has-it", "model_missing"), ("gated", "model_gated")]
)
def test_a_model_that_cannot_be_had_ends_the_task(program: Program, model: str, kind: str):
    with serving(gated=Repo({"config.json": b"{}"}, gated=True)) as hub:
        file = program.cwd / "missing.yaml"
        file.write_text(TASK.format(name="missing", model=model))
        environment = {"HF_ENDPOINT": hub.url, "HF_HOME": str(program.cwd / "hub")}
        done = program.unchecked(str(file), **environment)
    assert done.returncode == 1
    shown = program.show("missing")
    assert shown["task"]["state"] == "failed"
    assert shown["task"]["failure"]["kind"] == kind
    assert shown["task"]["failure"]["advice"]
    assert "Traceback" not in done.stdout + done.stderr


def test_the_next_tasks_weights_come_while_another_is_measured(program: Program):
    tiny = Repo({"config.json": b"{}", "model.safetensors": WEIGHTS})
    with serving(tiny=tiny) as hub:
        slow_task.submit(program, "first", levels="[1, 2, 4]", requests=64)
        file = program.cwd / "next.yaml"
        file.write_text(TASK.format(name="next", model="tiny"))
        environment = {"HF_ENDPOINT": hub.url, "HF_HOME": str(program.cwd / "hub")}
        done = program.unchecked(str(file), **environment)
    lines = done.stdout.splitlines()
    fetched = next(i for i, line in enumerate(lines) if line.endswith("org/tiny is there"))
    began = next(i for i, line in enumerate(lines) if line.endswith(") running"))
    assert fetched < began
    assert hub.sent["model.safetensors"] == len(WEIGHTS)  # and not once more
