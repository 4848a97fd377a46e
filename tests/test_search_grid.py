"""The grid: whatever prefix of it is run covers every range evenly."""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from core.search.base import Trial
from core.search.simple import Grid
from core.search.spread import Spread
from core.space import Space, Spaces, space_of
from core.task import parse
from core.values import Configuration

LARGE = """
model: m/m
engine: vllm
parameters:
  max-num-seqs: [16, 32, 64, 128, 256, 512, 1024]
  max-num-batched-tokens: {low: 1024, high: 16384, step: 1024}
  gpu-memory-utilization: {low: 0.8, high: 0.95, step: 0.05}
  enable-prefix-caching: [true, false]
  block-size: [8, 16, 32]
  attention-backend: [A, B, C]
quantization: {kvcache: [auto, fp8]}
parallel: {tp: [1, 2, 4, 8]}
rules: ["max_num_batched_tokens >= 2 * max_num_seqs"]
"""
SMALL = """
model: m/m
engine: vllm
parameters: {max-num-seqs: [4, 8, 16, 32], block-size: [8, 16, 32]}
"""


def made(text: str) -> Spaces:
    return space_of(parse(text, "task.yaml", Path.cwd()))


def first(space: Space, count: int) -> list[Configuration]:
    return list(itertools.islice(Spread(space), count))


def test_every_value_comes_as_often_in_every_prefix():
    (space,) = made(LARGE.replace("rules", "#")).parts
    order = first(space, 96)
    for count in (8, 16, 32, 64, 96):
        for flag, values in space.axes:
            seen = Counter(one.parameters.get(flag) for one in order[:count])
            share = count / len(values)
            assert max(seen.values()) <= share + max(1.5, 0.5 * share), (flag, seen)
            if share >= 2:
                assert len(seen) == len(values), (flag, seen)


def test_few_points_reach_both_ends_and_the_middle():
    (space,) = made("model: m/m\nengine: vllm\nparameters: {a: {low: 0, high: 100}}\n").parts
    places = [float(one.parameters["a"]) for one in first(space, 5)]
    assert 30 < places[0] < 70
    assert min(places) < 25
    assert max(places) > 75
    apart = sorted(places)
    assert min(b - a for a, b in itertools.pairwise(apart)) > 8


def test_more_pairs_of_values_are_met_than_by_chance():
    (space,) = made(LARGE.replace("rules", "#")).parts
    spread = pairs(space, first(space, 48))
    drawn = [
        pairs(space, [space.sample(rng) for _ in range(48)]) for rng in map(random.Random, range(9))
    ]
    assert spread > 1.05 * max(drawn)


def pairs(space: Space, points: Sequence[Configuration]) -> int:
    """How many different pairs of two flags' values are among them."""
    flags = [flag for flag, _ in space.axes]
    return sum(
        len({(one.parameters.get(a), one.parameters.get(b)) for one in points})
        for a, b in itertools.combinations(flags, 2)
    )


def test_it_follows_from_the_space_alone_and_keeps_its_rules():
    (space,) = made(LARGE).parts
    order = first(space, 60)
    assert order == first(made(LARGE).parts[0], 60)
    assert len({one.key for one in order}) == 60
    for one in order:
        flags = one.parameters
        assert float(flags["max-num-batched-tokens"]) >= 2 * float(flags["max-num-seqs"])


@pytest.mark.parametrize(
    "text", [SMALL, SMALL.replace("32]}", "32], a: {low: 1, high: 4096, step: 1}}")]
)
def test_all_of_it_comes_once(text: str):
    (space,) = made(text).parts
    every = {one.key for one in space.grid()}
    order = [one.key for one in Spread(space)]
    assert len(order) == len(every)
    assert set(order) == every


def test_what_is_barred_or_tried_is_passed_over():
    space = made(SMALL)
    grid, history = Grid(space), list[Trial]()
    while found := grid.ask(history, lambda one: one.parameters["max-num-seqs"] == 4):
        history.append(Trial(found.configuration, 1.0, True))
        assert found == Grid(space).ask(history[:-1], lambda c: c.parameters["max-num-seqs"] == 4)
    assert len(history) == 9


def test_engines_take_turns():
    space = made("model: m/m\nengine: [vllm, sglang]\nparameters: {vllm: {max-num-seqs: [4, 8]},"
                 " sglang: {max-running-requests: [4, 8, 16]}}\n")  # fmt: skip
    grid, history = Grid(space), list[Trial]()
    while found := grid.ask(history):
        history.append(Trial(found.configuration, 1.0, True))
    engines = [trial.configuration.engine for trial in history]
    assert engines == ["vllm", "sglang", "vllm", "sglang", "sglang"]


def test_a_hundred_thousand_points_are_not_listed():
    space = made(
        LARGE.replace("low: 0.8, high: 0.95, step: 0.05", "low: 0.8, high: 0.95, step: 0.01")
    )
    history = [Trial(one, 1.0, True) for one in first(space.parts[0], 500)]
    grid = Grid(made(LARGE.replace("step: 0.05", "step: 0.01")))
    began = time.process_time()
    found = grid.ask(history)
    assert time.process_time() - began < 1.5  # a runner that was started anew
    assert found is not None
    history.append(Trial(found.configuration, 1.0, True))
    began = time.process_time()
    assert grid.ask(history) is not None
    assert time.process_time() - began < 0.3
