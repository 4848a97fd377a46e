"""The space: which configurations a task tries, counted and drawn."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.engines.base import Engine
from core.space import Space, build
from core.space.values import draw, grid_values
from core.task import Choice, Parameter, Range, Task, parse
from core.values import Configuration, InputError

ENGINE = Engine(
    name="vllm",
    program=("vllm", "serve"),
    default_port=8000,
    arguments=lambda task, host, port: (),
    axes={"tp": "tensor-parallel-size", "kvcache": "kv-cache-dtype"},
    reserved=frozenset({"port", "served-model-name"}),
)


def space(text: str) -> Space:
    task = parse("model: a/b\nengine: vllm\n" + text, "task.yaml", Path("/"))
    return build(task, ENGINE)


def flags(found: Space) -> list[dict[str, object]]:
    return [dict(one.parameters) for one in found.grid()]


def test_the_grid_follows_the_file() -> None:
    found = space("parameters: {b: [1, null], fixed: x, a: [true, false]}")
    assert flags(found) == [
        {"b": 1, "fixed": "x", "a": True},
        {"b": 1, "fixed": "x", "a": False},
        {"fixed": "x", "a": True},
        {"fixed": "x", "a": False},
    ]
    assert found.axes == (("b", (1, None)), ("a", (True, False)))
    assert found.size == 4
    assert found.baseline == Configuration.of("vllm", {"fixed": "x"})


def test_axes_become_flags_and_one_gpu_is_the_default() -> None:
    found = space("quantization: {kvcache: [auto, fp8]}\nparallel: {tp: [4, 1]}")
    assert flags(found) == [
        {},
        {"tensor-parallel-size": 4},
        {"kv-cache-dtype": "fp8"},
        {"kv-cache-dtype": "fp8", "tensor-parallel-size": 4},
    ]
    assert found.baseline.parameters == {}


def test_the_baseline_is_fixed_flags_smallest_parallelism_and_the_users_own() -> None:
    text = (
        "parameters: {a: 1, b: 2, c: [3, 4]}\nparallel: {tp: [4, 2]}\nbaseline: {b: 5, c: 3, a: ~}"
    )
    found = space(text)
    assert found.baseline.parameters == {"b": 5, "c": 3, "tensor-parallel-size": 2}


def test_what_needs_too_many_gpus_is_removed_and_counted() -> None:
    found = space("gpus: 2\nparallel: {tp: [1, 2, 4]}")
    assert flags(found) == [{}, {"tensor-parallel-size": 2}]
    assert found.removed == {"gpus": 1}


def test_without_parameters_there_is_one_configuration() -> None:
    found = space("")
    assert (found.size, flags(found)) == (1, [{}])


def test_equal_command_lines_are_one_configuration() -> None:
    # 1 and "1" differ as values and not as words of a command line.
    task = Task(model="a/b", engine="vllm", parameters={"a": Choice((1, "1", 2))})
    found = build(task, ENGINE)
    assert (found.size, found.duplicates, len(list(found.grid()))) == (2, 1, 2)


def test_rules_remove_and_are_counted() -> None:
    found = space(
        "parameters: {max-num-seqs: [1, 2, 3], x: [2, null]}\nrules: [max_num_seqs <= x, x != 9]"
    )
    assert flags(found) == [
        {"max-num-seqs": 1, "x": 2},
        {"max-num-seqs": 1},
        {"max-num-seqs": 2, "x": 2},
        {"max-num-seqs": 2},
        {"max-num-seqs": 3},
    ]
    assert found.removed == {"max_num_seqs <= x": 1, "x != 9": 0}


def test_rules_may_name_axes_and_see_a_size_of_one() -> None:
    found = space("parameters: {a: [1, 2]}\nparallel: {tp: [1, 2]}\nrules: [tp * a == 2]")
    assert flags(found) == [{"a": 1, "tensor-parallel-size": 2}, {"a": 2}]


def test_a_huge_space_is_not_counted_and_still_walked() -> None:
    big = "{low: 0, high: 9999, step: 1}"
    found = space(f"parameters: {{a: {big}, b: {big}, c: {big}, d: {big}}}\nrules: [d > 1]")
    assert found.size is None
    first = next(found.grid())
    assert first.parameters == {"a": 0, "b": 0, "c": 0, "d": 2}
    assert found.sample(random.Random(1)).parameters["d"] > 1  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("parameters: {port: 1}", "parameters.port: set by autotuner-tui"),
        ("baseline: {served_model_name: x}", "baseline.served-model-name: set by autotuner-tui"),
        ("parallel: {tpp: [2]}", "parallel.tpp: vllm has no such axis; it has: tp, kvcache"),
        (
            "parameters: {tensor_parallel_size: 2}\nparallel: {tp: [2]}",
            "parallel.tp: tensor-parallel-size is set twice",
        ),
        ("gpus: 1\nparallel: {tp: [2]}", "the baseline needs 2 GPUs"),
        ("parameters: {a: [1, 2]}\nrules: [a > 5]", 'no configuration is left: "a > 5" removes 2'),
        (
            "parameters: {a: {low: 0, high: 9999, step: 1}, b: {low: 0, high: 9999, step: 1}}\n"
            "rules: [a < 0]",
            "relax the rules",
        ),
    ],
)
def test_what_does_not_fit_is_named(text: str, expected: str) -> None:
    with pytest.raises(InputError, match=expected.replace("(", r"\(")):
        space(text)


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [
        (Range(0.8, 0.95, step=0.05, integer=False), (0.8, 0.85, 0.9, 0.95)),
        (Range(0.0, 0.7, step=0.1, integer=False), (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)),
        (Range(1, 10, step=4), (1, 5, 9)),
        (Range(32, 1024, log=True), (32, 53, 86, 141, 232, 380, 624, 1024)),
        (Range(1, 1000, log=True, points=4), (1, 10, 100, 1000)),
        (Range(0, 10, points=3), (0, 5, 10)),
        (Range(1, 3), (1, 2, 3)),
        (Range(0.0, 1.0, points=4, integer=False), (0.0, 0.3333, 0.6667, 1.0)),
        (Range(5, 5), (5,)),
    ],
)
def test_values_on_a_grid(parameter: Range, expected: tuple[float, ...]) -> None:
    found = grid_values(parameter)
    assert found == expected
    assert all(type(value) is (int if parameter.integer else float) for value in found)


@st.composite
def ranges(draw: st.DrawFn) -> Range:
    integer = draw(st.booleans())
    number = st.integers(1, 2**62) if integer else st.floats(1e-300, 1e300)
    low, high = sorted((draw(number), draw(number)))
    return Range(low, high, log=draw(st.booleans()), integer=integer)


@given(ranges(), st.randoms())
def test_values_stay_inside_their_range(span: Range, rng: random.Random) -> None:
    grid = grid_values(span)
    assert (grid[0], grid[-1]) == (span.low, span.high)
    assert len(set(grid)) == len(grid) <= 8
    for value in (*grid, draw(span, rng)):
        assert isinstance(value, int if span.integer else float)
        assert span.low <= value <= span.high


def test_samples_cover_a_log_range_by_ratio() -> None:
    span, rng = Range(1, 10_000, log=True), random.Random(5)
    drawn = [draw(span, rng) for _ in range(2000)]
    assert 900 < sum(value < 100 for value in drawn if isinstance(value, int)) < 1100


def test_samples_respect_steps_and_rules() -> None:
    found = space(
        "parameters: {a: {low: 0.5, high: 0.9, step: 0.1}, b: {low: 0.1, high: 0.2}}\n"
        "rules: [a <= 0.7]"
    )
    rng = random.Random(3)
    samples = [found.sample(rng).parameters for _ in range(200)]
    assert {one["a"] for one in samples} == {0.5, 0.6, 0.7}
    assert all(len(str(one["b"])) <= 6 for one in samples)
    assert len({one["b"] for one in samples}) > 50
    again = random.Random(3)
    assert samples == [found.sample(again).parameters for _ in range(200)]


SMALL = st.lists(st.sampled_from([1, 2, "x", True, False, None]), min_size=1, unique_by=repr)


@given(st.dictionaries(st.sampled_from("abcd"), SMALL), st.sampled_from(["a != 1", "b or c", "a"]))
def test_size_counts_what_the_grid_yields(values: dict[str, list[object]], rule: str) -> None:
    parameters: dict[str, Parameter] = {
        name: Choice(tuple(listed))  # type: ignore[arg-type]
        for name, listed in values.items()
    }
    task = Task(model="a/b", engine="vllm", parameters=parameters, rules=(rule,))
    try:
        found = build(task, ENGINE)
    except InputError:
        return
    listed = list(found.grid())
    words = [ENGINE.flag_words(one) for one in listed]
    assert len(set(words)) == len(words) == found.size
    points = len(list(itertools.product(*values.values())))
    assert points == len(listed) + sum(found.removed.values()) + found.duplicates
