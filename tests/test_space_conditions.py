"""Parameters that are passed only when others have certain values."""

from __future__ import annotations

import itertools
import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engines.registry import ENGINES
from core.runner import by_hand
from core.search.base import Trial
from core.search.choose import strategy
from core.space import Space, build
from core.space.facts import Facts
from core.task import Choice, Fixed, Range, Task, TaskError, dump, parse
from core.values import Configuration, InputError

TP = "parallel: {tp: [1, 2]}\n"


def task(text: str, engine: str = "vllm") -> Task:
    return parse(f"model: a/b\nengine: {engine}\n{text}", "task.yaml", Path("/"))


def space(text: str, engine: str = "vllm", facts: Facts | None = None) -> Space:
    return build(task(text, engine), ENGINES[engine], facts or Facts())


def flags(found: Space) -> list[dict[str, object]]:
    return [dict(one.parameters) for one in found.grid()]


def test_a_flag_is_passed_only_where_its_condition_holds() -> None:
    found = space(TP + "parameters: {a: {values: [8, 16], when: tp > 1}}")
    sharded = {"tensor-parallel-size": 2}
    assert flags(found) == [{}, {**sharded, "a": 8}, {**sharded, "a": 16}]
    # Without it 8 and 16 are one command line.
    assert (found.size, found.duplicates) == (3, 1)
    assert found.allows({"a": 8, "tensor-parallel-size": 1})


def test_a_fixed_one_and_a_range_may_have_one_and_the_flag_may_be_named() -> None:
    text = (
        "parameters:\n"
        "  a: {value: x, when: tensor-parallel-size > 1}\n"
        "  b: {low: 1, high: 2, when: a == 'x'}\n"
    )
    found = space(TP + text)
    both = {"a": "x", "tensor-parallel-size": 2}
    assert flags(found) == [{}, {**both, "b": 1}, {**both, "b": 2}]
    assert found.baseline.parameters == {}
    assert space(TP.replace("1, ", "") + text).baseline.parameters == both


def test_rules_do_not_apply_to_what_is_not_passed() -> None:
    found = space("parameters: {x: [1, 2], a: {values: [5, 6], when: x == 2}}\nrules: [a < 6]")
    assert flags(found) == [{"x": 1}, {"x": 2, "a": 5}]


def test_an_axis_that_is_not_given_is_what_the_engine_does() -> None:
    assert flags(space("parameters: {a: {value: 1, when: tp > 1}}")) == [{}]
    assert flags(space("parameters: {a: {value: 1, when: tp == 1 and kvcache == 'auto'}}")) == [
        {"a": 1}
    ]


def test_facts_decide_and_what_is_not_known_does_not_hold() -> None:
    text = "parameters: {a: {value: 1, when: experts > 0}, b: {value: 1, when: gpu_memory < 30}}"
    assert flags(space(text)) == [{}]
    assert flags(space(text, facts=Facts(experts=8, gpu_memory=25.8))) == [{"a": 1, "b": 1}]
    assert flags(space(text, facts=Facts(experts=0, gpu_memory=85.0))) == [{}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{a: {value: 1, when: nothing > 1}}", "parameters.a.when: \"nothing > 1\": 'nothing'"),
        ("{a: {value: 1, when: tpp > 1}, tp-x: 2}", "parameters.a.when: "),
        ("{a: {value: 1, when: a > 1}}", "parameters.a.when: depends on itself: a → a"),
        (
            "{b: {value: 1, when: a > 1}, a: {value: 1, when: b > 1}}",
            "depends on itself: ",
        ),
        ("{a: {value: 1, when: 1 +}}", 'parameters.a.when: "1 +": not an expression'),
        ("{a: {value: 1, when: __import__('os')}}", "parameters.a.when: "),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused_with_its_place(
    text: str, expected: str
) -> None:
    with pytest.raises(InputError) as caught:
        space("parameters: " + text)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{values: [1, 1], when: b}", "1 is there twice"),
        ("{values: [], when: b}", "expected at least one value"),
        ("{when: b}", "expected a value, a list or"),
        ("{value: 1, when: [b]}", "parameters.a.when: expected a text"),
        ("{value: 1, low: 2}", "unknown key 'low'"),
        ("{low: 1, high: 2, wen: b}", "did you mean 'when'?"),
    ],
)
def test_what_is_no_parameter_is_refused(text: str, expected: str) -> None:
    with pytest.raises(TaskError) as caught:
        task(f"parameters: {{a: {text}}}")
    assert expected in str(caught.value)


@given(
    st.sampled_from(
        [
            Fixed(None, "b > 1"),
            Fixed("x", "b > 1"),
            Choice((1, None, "true"), "b == 'x: y'"),
            Range(1, 8, log=True, points=3, when="b in [1, 2]"),
            Range(0.5, 1.5, step=0.5, integer=False, when="not b"),
        ]
    )
)
def test_it_reads_back_as_it_was_written(parameter: Fixed | Choice | Range) -> None:
    written = Task(model="a/b", engine="vllm", parameters={"a": parameter, "b": Fixed(1)})
    assert parse(dump(written), "b.yaml", Path("/")) == written


@given(st.sets(st.sampled_from(["a", "b", "c"])), st.sampled_from([">", "=="]), st.randoms())
@settings(deadline=None)
def test_grid_samples_and_allows_agree(
    conditional: set[str], sign: str, rng: random.Random
) -> None:
    """Of each parameter on the one before it, in whichever order the file has them."""
    before = {"a": "z", "b": "a", "c": "b"}
    parameters = {
        name: Choice((1, 2), f"{before[name]} {sign} 1" if name in conditional else "")
        for name in "cba"
    }
    found = build(
        Task(model="a/b", engine="vllm", parameters={**parameters, "z": Choice((1, 2))}),
        ENGINES["vllm"],
    )
    listed = {one.key for one in found.grid()}
    assert found.size == len(listed)
    for _ in range(30):
        assert found.sample(rng).key in listed
    for values in itertools.product((1, 2), repeat=4):
        point = dict(zip("abcz", values, strict=True))
        one = found.configuration(point)
        assert found.allows(point)
        assert found.configuration(found.point(one)) == one
        given = one.parameters
        for name in conditional:
            asked = given.get(before[name])
            holds = asked is not None and (asked == 2 if sign == ">" else asked == 1)
            assert (name in given) == holds


@pytest.mark.parametrize("name", ["auto", "grid", "ofat", "random", "tpe"])
def test_every_strategy_tries_each_once_and_nothing_else(name: str) -> None:
    text = (
        f"strategy: {name}\nobjective: throughput\nbudget: {{experiments: 40}}\n{TP}"
        "parameters:\n"
        "  b: {low: 1, high: 3, when: a > 1}\n"
        "  a: {values: [1, 2], when: tp == 2}\n"
        "  c: {value: 1, when: b > 2}\n"
    )
    wanted, found = task(text), space(text)
    asked = strategy(wanted, found)
    allowed = {one.key for one in found.grid()}
    assert len(allowed) == 1 + 1 + 3
    history: list[Trial] = [Trial(found.baseline, 1.0, feasible=True)]
    while (suggestion := asked.ask(history)) is not None and len(history) < 12:
        history.append(Trial(suggestion.configuration, worth(suggestion.configuration), True))
    tried = [one.configuration.key for one in history]
    assert len(set(tried)) == len(tried)
    # One factor at a time leaves the others at what the baseline has.
    assert name == "ofat" or set(tried) == allowed


def worth(configuration: Configuration) -> float:
    return float(sum(v for v in configuration.parameters.values() if isinstance(v, int)))


def test_what_a_person_says_is_passed_whatever_its_condition() -> None:
    found = space(TP + "parameters: {a: {values: [8], when: tp > 1}, c: {value: 3, when: a > 8}}")
    assert by_hand.read({"a": 9}, found).configuration.parameters == {"a": 9, "c": 3}
    assert by_hand.read({"b": 9}, found).configuration.parameters == {"b": 9}
    both = by_hand.read({"tensor-parallel-size": 2}, found)
    assert both.configuration.parameters == {"a": 8, "tensor-parallel-size": 2}
    assert both.added == {"a": 8}


def test_a_large_space_is_drawn_from_fast() -> None:
    text = (
        "gpus: 8\nrules: [max_num_seqs * tp >= 32]\n"
        "quantization: {kvcache: [auto, fp8]}\nparallel: {tp: [1, 2, 4, 8], pp: [1, 2]}\n"
        "parameters:\n"
        "  max-num-seqs: {low: 16, high: 1024, log: true}\n"
        "  max-num-batched-tokens: {low: 512, high: 16384, step: 512}\n"
        "  gpu-memory-utilization: {low: 0.8, high: 0.95, step: 0.01}\n"
        "  enable-prefix-caching: [true, false]\n"
        "  block-size: [16, 32, 64]\n"
        "  stream-interval: {values: [1, 4], when: enable-prefix-caching == true}\n"
    )
    found = space(text)
    assert found.size is None
    rng, took = random.Random(1), []
    for _ in range(3):
        began = time.process_time()
        drawn = {found.sample(rng).key for _ in range(1000)}
        took.append(time.process_time() - began)
    assert len(drawn) > 900
    assert min(took) < 0.2  # seconds; 0.05 on an idle machine


@pytest.mark.parametrize(
    ("text", "planned"),
    [
        ("parameters: {a: {low: 1, high: 3}}", 4),
        ("parameters: {a: {low: 0.5, high: 0.9}}", 30),
        ("parameters: {a: {low: 0.5, high: 0.9, step: 0.2}}", 4),
        ("parameters: {a: {low: 1, high: 900}}", 30),
    ],
)
def test_a_strategy_that_draws_has_more_than_the_grid(text: str, planned: int) -> None:
    found, wanted = space(text), task(text + "\nstrategy: random")
    assert by_hand.planned(wanted, found, [found.baseline.key]) == planned
    assert found.planned(30, drawn=True) == planned
    assert found.planned(30) == min(planned, 9)
