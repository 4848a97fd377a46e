"""SGLang's command line: its own flag names, no `--no-` form, GPUs of its parallelism."""

from pathlib import Path

import pytest

from core.engines.registry import find
from core.engines.sglang import ENGINE
from core.search.base import Trial
from core.search.simple import Grid
from core.space import Space, build
from core.task import Task, parse
from core.values import Configuration, InputError


def made(text: str) -> tuple[Task, Space]:
    task = parse(f"model: a/model\nengine: sglang\n{text}", "task.yaml", Path.cwd())
    return task, build(task, find(task.engine))


def test_the_command_names_model_address_and_seed():
    task, space = made("seed: 7\ntokenizer: a/tokenizer\nparameters: {mem-fraction-static: 0.8}\n")

    words = ENGINE.program + ENGINE.arguments(task, "127.0.0.1", 31234)

    assert " ".join(words + ENGINE.flag_words(space.baseline)) == (
        "python3 -m sglang.launch_server --model-path a/model --served-model-name a/model "
        "--tokenizer-path a/tokenizer --host 127.0.0.1 --port 31234 --random-seed 7 "
        "--enable-metrics --mem-fraction-static 0.8"
    )


def test_an_engine_listens_where_it_is_told():
    task, _ = made("")
    for name in ("sglang", "vllm", "simulated"):
        words = find(name).arguments(task, "0.0.0.0", 5)
        assert words[words.index("--host") + 1] == "0.0.0.0"


def test_true_is_a_bare_flag_and_false_is_left_out():
    def words(value: bool) -> tuple[str, ...]:
        return ENGINE.flag_words(Configuration.of("sglang", {"disable-radix-cache": value}))

    assert words(True) == ("--disable-radix-cache",)
    assert words(False) == ()


def test_false_is_the_same_configuration_as_the_default():
    """Else the defaults would be measured twice, and noise could call one of them better."""
    _, space = made("parameters: {disable-radix-cache: [true, false, null]}\n")

    assert space.size == 2
    assert space.baseline.key in {one.key for one in space.grid()}
    assert space.planned(10) == 2
    tried = [Trial(space.baseline, 1.0, True)]
    second = Grid(space).ask(tried)
    assert second is not None
    assert second.configuration.parameters == {"disable-radix-cache": True}
    assert Grid(space).ask([*tried, Trial(second.configuration, 1.0, True)]) is None


def test_a_false_in_the_baseline_is_the_default():
    _, space = made("baseline: {disable-radix-cache: false, schedule-policy: lpm}\n")

    assert space.baseline.parameters == {"schedule-policy": "lpm"}


@pytest.mark.parametrize(
    ("flags", "gpus"),
    [
        ({}, 1),
        ({"tp-size": 4}, 4),
        ({"tp-size": 2, "dp-size": 2}, 4),
        ({"tp-size": 2, "pp-size": 2, "dp-size": 2}, 8),
        ({"tp-size": 8, "dp-size": 8, "enable-dp-attention": True}, 8),
        ({"tp-size": 8, "ep-size": 8}, 8),
    ],
)
def test_gpus_of_a_configuration(flags: dict[str, int], gpus: int):
    assert ENGINE.gpus(Configuration.of("sglang", flags)) == gpus


def test_axes_become_its_flags():
    _, space = made(
        "gpus: 8\nparallel: {tp: [2], ep: [2]}\n"
        "quantization: {kvcache: [fp8_e5m2], attention: [triton]}\n"
    )

    (only,) = space.grid()
    assert only.parameters == {
        "tp-size": 2, "ep-size": 2, "kv-cache-dtype": "fp8_e5m2", "attention-backend": "triton",
    }  # fmt: skip


@pytest.mark.parametrize("flag", ["model-path", "random-seed", "port", "enable-metrics"])
def test_what_the_program_sets_is_refused(flag: str):
    with pytest.raises(InputError, match=f"parameters.{flag}: set by autotuner-tui"):
        made(f"parameters: {{{flag}: 1}}\n")
