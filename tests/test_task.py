"""The task file: what is read, and what it means."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.task import (
    Budget,
    Choice,
    DockerOptions,
    Fixed,
    Objective,
    Range,
    Slo,
    Task,
    Timeouts,
    Workload,
    load,
    parse,
)

ROOT = Path(__file__).parent.parent
SMALLEST = "model: Qwen/Qwen3-8B\nengine: vllm\n"
FULL = """
name: chat
model: Qwen/Qwen3-8B
tokenizer: Qwen/Qwen3-0.6B
engine: vllm
command: [/opt/vllm/bin/vllm, serve]
mounts: ["/data/models:/models:ro", "cache:/cache"]
docker: {shm_size: 16g, ipc: host, network: bridge}
gpus: 2
baseline: {max_num_seqs: 64, enforce-eager: null}
parameters:
  gpu-memory-utilization: {low: 0.80, high: 0.95, step: 0.05}
  max_num_seqs: {low: 32, high: 1024, log: true}
  block-size: {low: 16, high: 64, points: 4}
  enable-prefix-caching: [true, false, null]
  max-model-len: 8192
  swap-space: null
quantization: {kvcache: [auto, fp8], gemm: awq}
parallel: {tp: [2, 1], dp: 1}
rules: ["max_num_batched_tokens >= max_num_seqs"]
workload:
  scenarios: ["D(1000,200)", "N(480,240)/(300,150)", "U(100,50)", "U(1,2)/(3,4)", dataset]
  concurrency: [8, 1]
  requests: 100
  max_duration: 1.5m
objective: goodput
slo: {ttft_mean: 1s, ttft_p95: 500ms, tpot_p95: 30ms, error_rate: 2%, attainment: 0.95,
      throughput_min: 100}
strategy: random
budget: {experiments: 12, duration: 4h}
timeouts: {pull: 1m, download: 2m, start: 3m, measurement: 4m, stop: 5s}
environment: {OMP_NUM_THREADS: 8, MY_TOKEN: "${MY_TOKEN}", OFF: off, YES: true}
seed: 7
prior: off
"""


def read(text: str, base: Path = Path("/")) -> Task:
    return parse(text, "task.yaml", base)


def test_every_field_is_read_with_its_unit() -> None:
    assert read(FULL) == Task(
        name="chat",
        model="Qwen/Qwen3-8B",
        tokenizer="Qwen/Qwen3-0.6B",
        engine="vllm",
        command=("/opt/vllm/bin/vllm", "serve"),
        mounts=("/data/models:/models:ro", "cache:/cache"),
        docker=DockerOptions("16g", "host", "bridge"),
        gpus=2,
        baseline={"max-num-seqs": 64, "enforce-eager": None},
        parameters={
            "gpu-memory-utilization": Range(0.8, 0.95, step=0.05, integer=False),
            "max-num-seqs": Range(32, 1024, log=True),
            "block-size": Range(16, 64, points=4),
            "enable-prefix-caching": Choice((True, False, None)),
            "max-model-len": Fixed(8192),
            "swap-space": Fixed(None),
        },
        quantization={"kvcache": ("auto", "fp8"), "gemm": ("awq",)},
        parallel={"tp": (1, 2), "dp": (1,)},
        rules=("max_num_batched_tokens >= max_num_seqs",),
        workload=Workload(
            ("D(1000,200)", "N(480,240)/(300,150)", "U(100,50)", "U(1,2)/(3,4)", "dataset"),
            (1, 8),
            100,
            90.0,
        ),
        objective=Objective.GOODPUT,
        slo=Slo(
            {
                "ttft_mean": 1.0,
                "ttft_p95": 0.5,
                "tpot_p95": 0.03,
                "error_rate": 0.02,
                "attainment": 0.95,
                "throughput_min": 100.0,
            }
        ),
        strategy="random",
        budget=Budget(12, 14400.0),
        timeouts=Timeouts(60.0, 120.0, 180.0, 240.0, 5.0),
        environment={
            "OMP_NUM_THREADS": "8",
            "MY_TOKEN": "${MY_TOKEN}",
            "OFF": "off",
            "YES": "true",
        },
        seed=7,
        prior=False,
    )


def test_defaults() -> None:
    task = read(SMALLEST)
    assert task.name == "task"
    assert task.tokenizer == task.model
    assert task.deploy == "process"
    assert task.gpus is None
    assert task.workload == Workload(("D(1000,200)",), "auto", 200, 120.0, None)
    assert task.objective is Objective.THROUGHPUT_PER_GPU
    assert task.slo.limits == {"error_rate": 0.01}
    assert task.budget == Budget(30, None)
    assert task.timeouts == Timeouts(3600, 14400, 1200, 600, 30)
    assert (task.strategy, task.seed, task.prior) == ("auto", 0, True)
    assert parse(SMALLEST, "pasted text", Path("/")).name == "Qwen3-8B"


def test_booleans_and_numbers_keep_their_type() -> None:
    task = read(SMALLEST + "parameters: {a: true, b: 1, c: 1.0, d: '1', e: 1e-3, f: on, g: 1:30}")
    values = {name: one.value for name, one in task.parameters.items() if isinstance(one, Fixed)}
    assert values["a"] is True
    assert type(values["b"]) is int
    assert type(values["c"]) is float
    assert values["d"] == "1"
    assert values["e"] == 0.001
    assert (values["f"], values["g"]) == ("on", "1:30")


def test_one_float_end_makes_a_float_range() -> None:
    found = read(SMALLEST + "parameters: {a: {low: 0, high: 0.5}}").parameters["a"]
    assert found == Range(0.0, 0.5, integer=False)


def test_the_highest_percentile_limits_a_single_request() -> None:
    slo = Slo({"ttft_p50": 0.1, "ttft_p99": 0.5, "ttft_mean": 0.2, "tpot_mean": 0.03})
    assert slo.per_request == {"ttft": 0.5, "tpot": 0.03}
    assert Slo({"throughput_min": 5.0}).per_request == {}


def test_relative_places_start_from_the_task_file(tmp_path: Path) -> None:
    for folder in ("models/tiny", "plain", "data"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "prompts.csv").write_text("a\n")
    file = tmp_path / "my-task.yaml"
    file.write_text(
        "model: ./models/tiny\ntokenizer: plain\nengine: vllm\ncommand: [./serve.sh, now]\n"
        "mounts: ['data:/data', './x/../data:/more:rw']\nworkload: {dataset: prompts.csv}\n"
    )
    task = load(file)
    assert task.name == "my-task"
    assert task.model == str(tmp_path / "models/tiny")
    assert task.tokenizer == str(tmp_path / "plain")
    assert task.command == (str(tmp_path / "serve.sh"), "now")
    assert task.mounts == (f"{tmp_path}/data:/data", f"{tmp_path}/data:/more:rw")
    assert task.workload.dataset == str(tmp_path / "prompts.csv")


@pytest.mark.parametrize("name", sorted((ROOT / "examples").glob("*.yaml")))
def test_examples_are_valid(name: Path) -> None:
    task = load(name)
    assert task.parameters or any(own.parameters for own in task.own.values())
    assert task.engine in {"vllm", "sglang", "simulated"}
