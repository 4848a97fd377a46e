"""A task file that compares engines: what is shared, what is one engine's own, what is refused."""

from pathlib import Path

import pytest

from core.task import Choice, Fixed, Task, TaskError, dump, parse

KNOWN = ("vllm", "sglang", "simulated")
TWO = """\
model: Qwen/Qwen3-8B
engine: [vllm, sglang]
image: {sglang: local/sglang:1}
command:
  vllm: [/opt/vllm, serve]
baseline: {dtype: bfloat16, sglang: {mem-fraction-static: 0.8}}
parameters:
  kv_cache_dtype: [auto, fp8_e5m2]
  trust-remote-code: true
  vllm: {max_num_seqs: [64, 128]}
  sglang: {max-running-requests: [64, 128], trust-remote-code: null}
"""


def read(text: str) -> Task:
    return parse(text, "task.yaml", Path("/here"), KNOWN)


def refused(text: str) -> str:
    with pytest.raises(TaskError) as caught:
        read("model: Qwen/Qwen3-8B\n" + text)
    return str(caught.value)


def test_each_engine_has_what_is_shared_and_what_is_its_own() -> None:
    task = read(TWO)
    assert task.engines == ("vllm", "sglang")
    vllm, sglang = task.of("vllm"), task.of("sglang")
    shared = {"kv-cache-dtype": Choice(("auto", "fp8_e5m2"))}
    assert vllm.parameters == {
        **shared, "trust-remote-code": Fixed(True), "max-num-seqs": Choice((64, 128)),
    }  # fmt: skip
    assert sglang.parameters == {
        **shared, "trust-remote-code": Fixed(None), "max-running-requests": Choice((64, 128)),
    }  # fmt: skip
    assert vllm.baseline == {"dtype": "bfloat16"}
    assert sglang.baseline == {"dtype": "bfloat16", "mem-fraction-static": 0.8}
    assert (vllm.image, sglang.image) == (None, "local/sglang:1")
    assert (vllm.command, sglang.command) == (("/opt/vllm", "serve"), ())
    assert (vllm.engines, sglang.engines) == (("vllm",), ("sglang",))


def test_what_is_written_for_one_engine_alone_is_the_same_as_for_all() -> None:
    plain = read("model: a/b\nengine: vllm\nparameters: {max-num-seqs: 8}\nimage: x:1\n")
    own = read(
        "model: a/b\nengine: [vllm]\nparameters: {vllm: {max-num-seqs: 8}}\nimage: {vllm: x:1}\n"
    )
    assert own == plain


@pytest.mark.parametrize("extra", ["", "seed: 3\n", "gpus: 2\nparallel: {tp: [1, 2]}\n"])
def test_a_task_of_several_engines_is_written_as_it_was_read(extra: str) -> None:
    task = read(TWO + extra)
    assert read(dump(task)) == task


def test_one_image_for_all_stays_beside_the_one_of_an_engine() -> None:
    task = read("model: a/b\nengine: [vllm, simulated]\nimage: all:1\n")
    assert {task.of(name).image for name in task.engines} == {"all:1"}
    assert read(dump(task)) == task


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("engine: [vllm, vllm]", "task.yaml:2:16: engine[1]: vllm is there twice"),
        ("engine: [vllm, sglan]", "task.yaml:2:16: engine[1]: expected one of vllm, sglang"),
        ("engine: []", "task.yaml:2:9: engine: expected at least one value"),
        (
            "engine: vllm\nparameters: {sglang: {a: 1}}",
            "task.yaml:3:14: parameters: 'sglang' is no engine of this task (engine: vllm)",
        ),
        (
            "engine: [vllm, sglang]\nimage: {simulated: x}",
            "task.yaml:3:9: image: 'simulated' is no engine of this task (engine: vllm, sglang)",
        ),
        (
            "engine: [vllm, sglang]\nbaseline: {vllm: 3}",
            "task.yaml:3:18: baseline.vllm: expected a mapping, got 3",
        ),
        (
            "engine: [vllm, sglang]\nparameters: {vllm: {a: {lo: 3}}}",
            "task.yaml:3:24: parameters.vllm.a: expected a value, a list or",
        ),
        (
            "engine: [vllm, sglang]\nparameters: {sglang: {hf-token: x}}",
            "task.yaml:3:33: parameters.sglang.hf-token: a secret does not belong",
        ),
        (
            "engine: [vllm, sglang]\ncommand: {vllm: serve}",
            "task.yaml:3:17: command.vllm: expected a list like",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_place(text: str, expected: str) -> None:
    assert refused(text).startswith(expected)
