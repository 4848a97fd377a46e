"""The space of several engines: counted, drawn, and searched as one."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import pytest

from core.runner import by_hand
from core.search.base import Strategy, Trial
from core.search.choose import listed, strategy
from core.space import Several, Space, space_of
from core.task import Budget, Task, parse
from core.values import AutotunerError, Configuration, InputError

TEXT = """\
model: Qwen/Qwen3-8B
engine: [vllm, sglang]
strategy: {strategy}
objective: throughput
budget: {{experiments: 40}}
quantization: {{kvcache: [auto, fp8_e5m2]}}
parallel: {{tp: [1, 2]}}
parameters:
  vllm: {{max-num-seqs: [64, 128, 256], enable-chunked-prefill: [true, false]}}
  sglang: {{max-running-requests: {{low: 8, high: 512, log: true}}, disable-radix-cache: false}}
rules: ["max_num_seqs != 64 or tp == 1"]
"""


def task(name: str = "grid") -> Task:
    return parse(TEXT.format(strategy=name), "task.yaml", Path("/"))


@pytest.fixture
def space() -> Several:
    found = space_of(task())
    assert isinstance(found, Several)
    return found


def test_it_counts_what_its_parts_do(space: Several) -> None:
    vllm, sglang = space.parts
    assert (vllm.size, sglang.size) == (20, 32)
    assert (space.size, len(list(space.grid()))) == (52, 52)
    assert space.removed == {"max_num_seqs != 64 or tp == 1": 4}
    assert (space.planned(40), space.planned(1000)) == (40, 54)
    many = dataclasses.replace(task(), budget=Budget(1000))
    assert by_hand.planned(many, space, ()) == 54


def test_each_engine_gets_its_own_spelling_of_what_is_shared(space: Several) -> None:
    last = {one.engine: one for one in space.grid()}
    assert last["vllm"].parameters == {
        "max-num-seqs": 256, "enable-chunked-prefill": False, "kv-cache-dtype": "fp8_e5m2",
        "tensor-parallel-size": 2,
    }  # fmt: skip
    assert last["sglang"].parameters == {
        "max-running-requests": 512, "kv-cache-dtype": "fp8_e5m2", "tp-size": 2,
    }  # fmt: skip


def test_a_grid_takes_engines_in_turn(space: Several) -> None:
    assert [one.engine for one in space.grid()][:6] == ["vllm", "sglang"] * 3


def test_draws_come_from_each_as_often(space: Several) -> None:
    rng = random.Random(3)
    drawn = [space.sample(rng).engine for _ in range(400)]
    assert 150 < drawn.count("vllm") < 250


def test_one_engine_is_a_plain_space() -> None:
    alone = space_of(parse("model: a/b\nengine: vllm\n", "task.yaml", Path("/")))
    assert isinstance(alone, Space)
    assert alone.parts == (alone,)
    assert alone.baselines == (alone.baseline,)


def test_what_one_engine_cannot_have_is_refused_by_its_name() -> None:
    text = "model: a/b\nengine: [vllm, simulated]\nquantization: {attention: [triton]}\n"
    with pytest.raises(InputError, match="simulated has no such axis"):
        space_of(parse(text, "task.yaml", Path("/")))


def scored(configuration: Configuration) -> Trial:
    """SGLang gains with its requests, vLLM is the same everywhere."""
    given = configuration.parameters.get("max-running-requests", 100)
    value = float(given) if configuration.engine == "sglang" else 150.0
    return Trial(configuration, value, feasible=True)


def followed(found: Strategy, first: Configuration, steps: int) -> list[Trial]:
    history = [scored(first)]
    while len(history) < steps and (suggestion := found.ask(history)):
        history.append(scored(suggestion.configuration))
    return history


@pytest.mark.parametrize("name", ["grid", "random", "tpe"])
def test_a_strategy_begins_with_the_baselines_and_never_repeats(name: str, space: Several) -> None:
    found = strategy(task(name), space)
    history = followed(found, space.baseline, 40)
    assert [one.configuration for one in history[:2]] == list(space.baselines)
    assert len({one.configuration.key for one in history}) == 40
    assert {one.configuration.engine for one in history[2:]} == {"vllm", "sglang"}
    # The same history gives the same suggestion, from a strategy that was made anew.
    again = strategy(task(name), space).ask(history[:25])
    assert again is not None
    assert again.configuration == history[25].configuration


def test_a_baseline_that_is_known_to_fail_is_not_started(space: Several) -> None:
    found = strategy(task(), space)
    asked = found.ask([scored(space.baseline)], lambda one: one == space.baselines[1])
    assert asked is not None
    assert asked.configuration != space.baselines[1]


def test_tpe_learns_which_engine_is_better(space: Several) -> None:
    history = followed(strategy(task("tpe"), space), space.baseline, 40)
    late = [one.configuration for one in history[20:]]
    assert sum(one.engine == "sglang" for one in late) > 12


def test_only_what_is_drawn_between_grid_points_is_not_listed(space: Several) -> None:
    assert listed(task("grid"), space)
    assert not listed(task("random"), space)


def test_a_persons_own_configuration_is_of_the_engine_that_is_named(space: Several) -> None:
    assert by_hand.part(space, None).engine.name == "vllm"
    read = by_hand.read({"max-running-requests": 9}, by_hand.part(space, "sglang"))
    assert read.configuration == Configuration("sglang", (("max-running-requests", 9),))
    with pytest.raises(AutotunerError, match="the task has no trtllm; it has: vllm, sglang"):
        by_hand.part(space, "trtllm")
