"""Two engines in one task: each with its own flags and program, one winner among all of them."""

from __future__ import annotations

import json
import shlex
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.engines.simtokenizer import tokenizer
from core.task import Task
from tests.e2e import Program

# Takes vLLM's command line and serves as the simulated engine does.
SERVER = """\
import os, sys
given = sys.argv[1:]
if "--help" not in given and not given[0].startswith("--help"):
    given = ["--model", given[0], *given[1:]]
else:
    given = ["--help"]
program = [sys.executable, "-P", "-m", "core.engines.simserver"]
os.execv(program[0], [*program, *given])
"""
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 896,
    "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2,
    "intermediate_size": 4864, "vocab_size": 2048, "max_position_embeddings": 4096,
    "torch_dtype": "bfloat16",
}  # fmt: skip
TASK = """\
name: pair
model: ./tiny-0.5b
engine: [vllm, simulated]
gpus: 0
command: {{vllm: [{python}, {server}]}}
strategy: {strategy}
quantization: {{kvcache: [auto, fp8]}}
parameters:
  vllm: {{max-num-seqs: 2, enable-prefix-caching: false}}
  simulated: {{max-num-batched-tokens: 1024}}
rules: ["max_num_batched_tokens >= 2000 or kvcache == 'fp8'"]
workload: {{scenarios: ["D(40,10)"], concurrency: [4], requests: 16, max_duration: 2s}}
objective: throughput
budget: {{repeats: 0}}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    made = Program(tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work"))
    _model(made.cwd)
    server = made.cwd / "server.py"
    server.write_text(SERVER)
    for strategy in ("grid", "tpe"):
        text = TASK.format(python=sys.executable, server=server, strategy=strategy)
        (made.cwd / f"{strategy}.yaml").write_text(text)
    yield made
    made.close()


def _model(where: Path) -> None:
    """A folder that a real engine could be pointed at: its shape, a tokenizer, one small tensor."""
    made = tokenizer(Task(model="sim-8b", engine="simulated"), where)
    folder = Path(made).rename(where / "tiny-0.5b")
    (folder / "config.json").write_text(json.dumps(CONFIG))
    header = json.dumps({"w": {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]}}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 8)


@pytest.fixture(scope="module")
def finished(program: Program) -> dict[str, Any]:
    done = program("run", "grid.yaml", "--json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_check_prints_the_baseline_of_each_and_what_rules_removed(program: Program) -> None:
    done = program("check", "grid.yaml", "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    report = json.loads(done.stdout)
    checks = {check["id"]: check["verdict"] for check in report["checks"]}
    assert {
        checks[f"{name}-{one}"] for name in ("vllm", "simulated") for one in ("space", "program")
    } == {"ok"}
    plan = report["plan"]
    vllm, simulated = plan["engines"]
    rule = "max_num_batched_tokens >= 2000 or kvcache == 'fp8'"
    # vLLM has no max-num-batched-tokens here: the rule does not apply to it.
    assert (vllm["engine"], vllm["configurations"], vllm["removed"][rule]) == ("vllm", 2, 0)
    assert (simulated["configurations"], simulated["removed"][rule]) == (1, 1)
    assert (plan["configurations"], plan["experiments"]) == (3, 4)  # and simulated's baseline
    assert "server.py" in vllm["baseline"]
    assert vllm["baseline"].endswith("--no-enable-prefix-caching --max-num-seqs 2")
    assert simulated["baseline"].endswith("--max-num-batched-tokens 1024")
    assert "simserver" in simulated["baseline"]


def test_each_begins_with_its_baseline_and_one_wins(finished: dict[str, Any]) -> None:
    task, experiments = finished["task"], finished["experiments"]
    assert (task["state"], task["engine"], task["simulated"]) == (
        "completed", "vllm, simulated", True,
    )  # fmt: skip
    assert [(e["engine"], e["baseline"]) for e in experiments[:2]] == [
        ("vllm", True), ("simulated", False),
    ]  # fmt: skip
    assert "baseline of simulated" in experiments[1]["reason"]
    assert {e["state"] for e in experiments} == {"succeeded"}
    keys = [(e["engine"], *sorted(map(str, e["parameters"].items()))) for e in experiments]
    assert len(set(keys)) == len(keys) == 4
    assert experiments[task["best"]]["score"] == max(e["score"] for e in experiments)


def test_the_winners_command_is_of_its_engine(program: Program, finished: dict[str, Any]) -> None:
    best = finished["experiments"][finished["task"]["best"]]
    done = program("export", "pair", "--format", "command")
    words = shlex.split(done.stdout.splitlines()[-1])
    assert ("core.engines.simserver" in words) == (best["engine"] == "simulated")
    assert any(word.endswith("server.py") for word in words) == (best["engine"] == "vllm")
    flag = "max-num-seqs" if best["engine"] == "vllm" else "max-num-batched-tokens"
    assert words[words.index(f"--{flag}") + 1] == str(best["parameters"][flag])
    table = program("export", "pair", "--format", "md").stdout
    assert "| engine |" in table
    assert "vllm, simulated" in table


def test_a_learning_strategy_goes_on_from_both(program: Program) -> None:
    done = program("run", "tpe.yaml", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["experiments"]
    assert [e["engine"] for e in found[:2]] == ["vllm", "simulated"]
    assert all(e["state"] == "succeeded" for e in found)
