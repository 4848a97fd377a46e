"""Axes, conditions and rules as each engine has them: on the command line that is printed."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from core.cli.group import cli
from core.doctor.flags.judge import judge
from core.doctor.flags.names import resolved
from core.doctor.memory import ruled_out
from core.engines.base import PARALLEL
from core.engines.flags.files import shipped
from core.engines.registry import ENGINES
from core.gpu.values import Gpu
from core.hub.facts import ModelFacts, facts_of
from core.space import Space, build
from core.space.facts import FACTS, Facts
from core.task import parse
from core.values import InputError

FOLDER = Path(__file__).parent / "architectures"
REAL = ("vllm", "sglang")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUTOTUNER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m").mkdir()
    return tmp_path


def document(engine: str, text: str) -> dict[str, Any]:
    """What `check --json` says of a task with a container, whose flags are held against a list."""
    head = f"model: ./m\nengine: {engine}\ndeploy: docker\ngpus: 8\n"
    Path("task.yaml").write_text(head + text)
    done = CliRunner().invoke(cli, ["check", "task.yaml", "--json"])
    found: dict[str, Any] = json.loads(done.output)
    return found


def model(name: str, **changes: Any) -> ModelFacts:
    config = json.loads((FOLDER / f"{name}.json").read_text())["config"]
    found = facts_of(config | changes, None, None)
    assert found is not None
    return found


def space(engine: str, text: str, facts: Facts | None = None) -> Space:
    task = parse(f"model: a/b\nengine: {engine}\n{text}", "task.yaml", Path("/"))
    return build(task, ENGINES[engine], facts or Facts())


# what is printed


AXES = "quantization: {kvcache: fp8, gemm: [none, fp8], attention: triton}\n"
SIZES = "parallel: {tp: [2], ep: [1, 2], dcp: [1]}\n"


@pytest.mark.parametrize(
    ("engine", "fixed", "varied"),
    [
        (
            "vllm",
            "--attention-backend TRITON_ATTN --kv-cache-dtype fp8 --tensor-parallel-size 2",
            {
                "quantization": ["(not passed)", "--quantization fp8"],
                "enable-expert-parallel": ["(not passed)", "--enable-expert-parallel"],
            },
        ),
        (
            "sglang",
            "--attention-backend triton --kv-cache-dtype fp8_e4m3 --tp-size 2",
            {
                "quantization": ["(not passed)", "--quantization fp8"],
                "ep-size": ["(not passed)", "--ep-size 2"],
            },
        ),
    ],
)
def test_axes_are_each_engines_own_words(engine: str, fixed: str, varied: dict[str, Any]) -> None:
    plan = document(engine, AXES + SIZES)["plan"]
    assert plan["baseline"].endswith(fixed)
    assert plan["engines"][0]["varied"] == varied
    assert plan["configurations"] == 4


@pytest.mark.parametrize("engine", REAL)
def test_conditions_change_the_command_line(engine: str) -> None:
    text = "parameters: {stream-interval: {value: 4, when: tp > 1}}\nparallel: {tp: [%s]}\n"
    single = document(engine, text % "1, 2")["plan"]
    assert "stream-interval" not in single["baseline"]
    assert single["configurations"] == 2
    assert "--stream-interval 4" in document(engine, text % "2")["plan"]["baseline"]


@pytest.mark.parametrize("engine", REAL)
def test_null_and_false_never_become_words(engine: str) -> None:
    switch = "enable-prefix-caching" if engine == "vllm" else "enable-dp-attention"
    text = (
        f"parameters: {{{switch}: [false, true], dtype: [null, half], served: null}}\n"
        f"baseline: {{{switch}: false, dtype: null}}\n"
        "quantization: {kvcache: [auto], gemm: [none]}\n"
    ).replace("served", "revision")
    plan = document(engine, text)["plan"]
    words = [*shlex.split(plan["baseline"])]
    for ones in plan["engines"][0]["varied"].values():
        words += [word for one in ones for word in one.split()]
    assert not {"false", "null", "none", "False", "None", "auto"} & set(words)
    assert ("--no-enable-prefix-caching" in words) == (engine == "vllm")
    assert "--revision" not in words


@pytest.mark.parametrize(
    ("engine", "text", "check"),
    [
        ("vllm", "parameters: {tp-size: [1, 2]}", "flag:tp-size"),
        ("sglang", "parameters: {max-num-seqs: {value: 8, when: gpus > 1}}", "flag:max-num-seqs"),
        ("sglang", "quantization: {kvcache: [auto, int3]}", "flag:kv-cache-dtype"),
    ],
)
def test_what_the_engines_version_does_not_know_is_refused(
    engine: str, text: str, check: str
) -> None:
    found = document(engine, text)
    assert not found["passed"]
    verdicts = {one["id"]: one["verdict"] for one in found["checks"]}
    assert verdicts[check] == "failure"


def test_the_plan_says_what_each_rule_took_away(elsewhere: Path) -> None:
    config = json.loads((FOLDER / "llama-3.1-70b.json").read_text())["config"]
    (elsewhere / "m" / "config.json").write_text(json.dumps(config))
    (elsewhere / "m" / "model.safetensors").write_bytes(len(b"{}").to_bytes(8, "little") + b"{}")
    text = (
        "parameters: {max-num-seqs: [64, 512], max-num-batched-tokens: [256, 4096]}\n"
        "parallel: {tp: [1, 3, 8, 16]}\nrules: [max-num-seqs != 64 or tp < 8]\n"
    )
    plan = document("vllm", text)["plan"]
    small = "max-num-batched-tokens >= max-num-seqs"
    own = "max-num-seqs != 64 or tp < 8"
    # Of 16 points; the heads of the model do not divide by 3, of which three are left.
    assert plan["removed"] == {own: 4, small: 4, "gpus": 1, "parallelism": 3}
    assert plan["configurations"] == 16 - 4 - 4 - 1
    assert plan["sampled"] == 0
    assert plan["reasons"].keys() == {small, "gpus", "parallelism"}
    said = CliRunner().invoke(cli, ["check", "task.yaml"]).output
    assert f"4 ruled out by: {small} (a step takes at least one token" in said
    assert f"4 ruled out by: {own}\n" in said


def test_of_what_cannot_be_counted_the_plan_has_a_share(elsewhere: Path) -> None:
    many = "{low: 0, high: 9999, step: 1}"
    text = f"parameters: {{stream-interval: {many}, max-logprobs: {many}}}\n"
    plan = document("vllm", text + "rules: [stream-interval < 2500]")["plan"]
    assert plan["configurations"] is None
    share = plan["removed"]["stream-interval < 2500"] / plan["sampled"]
    assert share == pytest.approx(0.75, abs=0.03)
    assert plan["engines"][0]["varied"]["max-logprobs"][-2:] == ["…", "--max-logprobs 9999"]
    said = CliRunner().invoke(cli, ["check", "task.yaml"]).output
    assert f"about {share:.0%} ruled out by: stream-interval < 2500" in said
    assert "more configurations than can be counted" in said


# what each engine refuses


DENSE = Facts(heads=32, kv_heads=8, layers=32, context=8192, experts=0, quantized=False)
MOE = Facts(heads=32, kv_heads=4, layers=48, context=8192, experts=128, quantized="fp8")


@pytest.mark.parametrize(
    ("engine", "text", "facts", "left"),
    [
        ("vllm", "parameters: {max-num-seqs: [8, 64], max-num-batched-tokens: [32]}", DENSE, 1),
        ("vllm", "parameters: {max-num-batched-tokens: [32, 8192], max-model-len: 64, "
                 "enable-chunked-prefill: [true, false]}", DENSE, 3),
        ("vllm", "parameters: {max-num-batched-tokens: [32, 8192], max-model-len: 64}", DENSE, 2),
        ("vllm", "parameters: {max-model-len: [8192, 8193]}", DENSE, 1),
        ("vllm", "parameters: {max-model-len: [8192, 8193]}", Facts(), 2),
        ("vllm", "parameters: {max-model-len: [8192, 8193]}\n"
                 "environment: {VLLM_ALLOW_LONG_MAX_MODEL_LEN: 1}", DENSE, 2),
        ("vllm", "parameters: {max-model-len: 64, long-prefill-token-threshold: [0, 65]}",
         DENSE, 1),
        ("vllm", "parallel: {tp: [1, 2, 4, 8, 16], dcp: [1, 2]}", DENSE, 6),
        ("vllm", "parallel: {tp: [1, 2, 4], dcp: [1, 2]}", Facts(), 5),
        # What is no number of GPUs is for the check of flags to say.
        ("vllm", "parameters: {tensor-parallel-size: 2.5}", DENSE, 1),
        ("sglang", "parameters: {tensor-parallel-size: 2.5}", DENSE, 1),
        ("vllm", "parallel: {tp: [2], ep: [1, 2]}", DENSE, 1),
        # Its experts are on all GPUs or not spread at all: 4 and 8 are one command line.
        ("vllm", "parallel: {tp: [4], dp: [1, 2], ep: [1, 2, 4, 8]}", MOE, 4),
        ("vllm", "quantization: {gemm: [none, fp8, awq]}", Facts(quantized="awq"), 2),
        ("vllm", "quantization: {gemm: [none, fp8]}", MOE, 2),
        ("vllm", "quantization: {kvcache: [auto, fp8, fp8_e5m2]}", MOE, 2),
        ("vllm", "parameters: {kv-cache-dtype: [auto, fp8_e5m2]}", MOE, 1),
        ("sglang", "parallel: {tp: [2, 4], dp: [2, 4]}\n"
                   "parameters: {enable-dp-attention: [true, false]}", DENSE, 7),
        ("sglang", "parallel: {tp: [4], ep: [1, 2, 3, 8]}", MOE, 2),
        ("sglang", "parallel: {tp: [8], ep: [1, 2, 8]}", Facts(experts=12), 2),
        ("sglang", "parameters: {chunked-prefill-size: [-1, 1000, 1024], page-size: [64]}",
         DENSE, 2),
        ("sglang", "parameters: {context-length: [8192, 9000]}", DENSE, 1),
        ("sglang", "quantization: {gemm: [none, fp8]}", Facts(quantized="gptq"), 1),
    ],
)  # fmt: skip
def test_what_an_engine_refuses_is_left_out(
    engine: str, text: str, facts: Facts, left: int
) -> None:
    assert space(engine, text, facts).size == left


def test_what_is_left_of_nothing_is_said_with_its_reason() -> None:
    with pytest.raises(InputError, match=r"removes 1 \(the model was made for shorter"):
        space("vllm", "parameters: {max-model-len: 9000}", DENSE)


@pytest.mark.parametrize("engine", REAL)
def test_rules_axes_and_formats_name_what_the_engine_has(engine: str) -> None:
    catalogue, own = shipped(engine), ENGINES[engine]
    assert catalogue is not None
    for axis, name in own.axes.items():
        assert resolved(name, catalogue) is not None, axis
    for axis, words in own.formats.items():
        flag = resolved(own.axes[axis], catalogue)
        assert flag is not None
        for word in words.values():
            assert judge(own, flag, own.axes[axis], word) is None
    names = {one.name for one in catalogue.flags} | {*own.axes, *FACTS}
    for rule in own.rules:
        assert rule.reason
        plain = re.sub(r"\[.*?\]|\"[^\"]*\"", "", rule.text)
        named = set(re.findall(r"[a-z][a-z_-]*", plain))
        assert named - {"or", "not", "in", "true", "false"} <= names, rule.text


@pytest.mark.parametrize("engine", ENGINES)
def test_a_configuration_has_a_point(engine: str) -> None:
    axes = [axis for axis in ENGINES[engine].axes if axis in PARALLEL]
    sizes = ", ".join(f"{axis}: [1, 2, 4]" for axis in axes)
    text = f"quantization: {{kvcache: [auto, fp8]}}\nparallel: {{{sizes}}}\ngpus: 8\n"
    found = space(engine, text, MOE)
    assert set(found.axis_names.values()) == {"kvcache", *axes}
    for one in found.grid():
        point = found.point(one)
        assert found.configuration(point) == one
        assert found.allows(point)


# where facts are from


def test_facts_are_of_the_model_and_the_smallest_gpu() -> None:
    task = parse("model: a/b\nengine: vllm\n", "t.yaml", Path("/"))
    gpus = [
        Gpu(0, "a", "x", memory_total=85_899_345_920),
        Gpu(1, "b", "y", memory_total=24564 << 20),
    ]
    found = Facts.of(task, model("llama-3.1-70b"), gpus)
    assert (found.gpus, found.gpu_memory, found.heads, found.kv_heads) == (2, 25.8, 64, 8)
    assert (found.layers, found.context, found.experts, found.quantized) == (80, 131072, 0, False)
    cpu = parse("model: a/b\nengine: vllm\ngpus: 0\n", "t.yaml", Path("/"))
    assert Facts.of(cpu, None, gpus) == Facts(gpus=0)
    assert Facts.of(task, None, []) == Facts()
    experts = Facts.of(task, model("deepseek-v3"), [])
    assert (experts.experts, experts.kv_heads) == (256, 1)
    scaled = {"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}
    assert Facts.of(task, model("llama-3.1-70b", **scaled), []).context is None
    kept = {"rope_scaling": {"rope_type": "llama3", "factor": 8.0}}
    assert Facts.of(task, model("llama-3.1-70b", **kept), []).context == 131072
    awq = {"quantization_config": {"quant_method": "awq", "bits": 4}}
    assert Facts.of(task, model("llama-3.1-70b", **awq), []).quantized == "awq"


def test_memory_and_heads_are_counted_by_their_own_names() -> None:
    task = parse("model: a/b\nengine: vllm\nparallel: {tp: [1, 2, 3, 8]}\n", "t.yaml", Path("/"))
    found = build(task, ENGINES["vllm"])
    card = [Gpu(0, "a", "x", memory_total=80 << 30)]
    counts = ruled_out(task, found, model("llama-3.1-70b"), card)
    assert counts == {"parallelism": 1, "memory": 1}
    assert ruled_out(task, found, None, card) == {}
