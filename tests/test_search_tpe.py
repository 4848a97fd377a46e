"""TPE: rebuilt from the history alone, learns from misses and crashes, never repeats."""

from __future__ import annotations

import math
import random
from pathlib import Path
from statistics import median

import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution

from core.engines.sglang import ENGINE as SGLANG
from core.engines.vllm import ENGINE as VLLM
from core.search.axes import axis
from core.search.base import Strategy, Trial
from core.search.simple import Random
from core.search.tpe import Tpe
from core.space import Space, build
from core.task import parse
from core.values import Configuration

SURFACE = """
model: m/m
engine: vllm
parameters:
  max-num-seqs: {low: 8, high: 1024, log: true}
  max-num-batched-tokens: {low: 512, high: 16384, log: true}
  gpu-memory-utilization: {low: 0.5, high: 0.98, step: 0.02}
  block-size: [8, 16, 32, null]
"""
BUDGET, SEEDS = 30, range(6)


def made(text: str = SURFACE) -> Space:
    task = parse(text, "task.yaml", Path.cwd())
    return build(task, SGLANG if task.engine == "sglang" else VLLM)


def measured(configuration: Configuration) -> Trial:
    """A smooth hill: too much memory with many sequences crashes, large batches are too slow."""
    flags = configuration.parameters
    seqs = math.log2(float(flags.get("max-num-seqs", 256)) / 8) / 7
    tokens = math.log2(float(flags.get("max-num-batched-tokens", 8192)) / 512) / 5
    memory = (float(flags.get("gpu-memory-utilization", 0.9)) - 0.5) / 0.48
    if memory + seqs > 1.2:
        return Trial(configuration, None, False, failed=True)
    steepness = 4 * ((seqs - 0.4) ** 2 + (tokens - 0.4) ** 2 + (memory - 0.4) ** 2)
    speed = 1000 * math.exp(-steepness) * (1.2 if flags.get("block-size") == 32 else 1.0)
    excess = max(0.0, tokens / 0.6 - 1)
    return Trial(configuration, speed, excess == 0, excess)


def ran(search: Strategy, space: Space, budget: int = BUDGET) -> list[Trial]:
    history = [measured(space.baseline)]
    while len(history) < budget and (found := search.ask(history)):
        history.append(measured(found.configuration))
    return history


def best(history: list[Trial]) -> float:
    return max(t.score for t in history if t.score is not None and t.feasible)


def tpe(space: Space, seed: int = 7, startup: int = 8, *, minimize: bool = False) -> Tpe:
    return Tpe(space, seed, minimize, startup)


def test_it_beats_random_and_crashes_less():
    space = made()
    learned = [ran(tpe(space, seed), space) for seed in SEEDS]
    drawn = [ran(Random(space, seed), space) for seed in SEEDS]

    assert median(map(best, learned)) > 1.05 * median(map(best, drawn))
    late = [sum(t.failed for one in runs for t in one[10:]) for runs in (learned, drawn)]
    assert late[0] < 0.6 * late[1]


def test_a_restarted_search_goes_on_as_an_uninterrupted_one():
    space = made()
    history = ran(tpe(space), space, 16)
    for length in (1, 7, 8, 12, 15):
        found = tpe(made()).ask(history[:length])
        assert found is not None
        assert found.configuration == history[length].configuration
    assert ran(tpe(space, 8), space, 12) != history[:12]


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_it_tries_everything_once_and_only_what_rules_allow(engine: str):
    space = made(
        f"model: m/m\nengine: {engine}\nrules: [a + b <= 5]\nparallel: {{tp: [1, 2, 4]}}\n"
        "gpus: 2\nparameters: {a: [1, 2, 3, null], b: {low: 1, high: 4}, c: [true, false]}\n"
    )

    history = [Trial(space.baseline, 1.0, True)]
    while found := tpe(space, startup=5).ask(history):
        score = float(sum(v for _, v in found.configuration.flags if isinstance(v, int)))
        history.append(Trial(found.configuration, score, True))

    tried = [trial.configuration.key for trial in history]
    assert len(set(tried)) == len(tried)
    assert set(tried) - {space.baseline.key} == {c.key for c in space.grid()} - {space.baseline.key}


def test_a_latency_goes_down():
    space = made("model: m/m\nengine: vllm\nparameters: {a: {low: 1, high: 1000}}\n")

    def tried(*, minimize: bool) -> list[int]:
        search = tpe(space, minimize=minimize, startup=5)
        history: list[Trial] = []
        for _ in range(20):
            found = search.ask(history)
            assert found is not None
            history.append(
                Trial(found.configuration, float(dict(found.configuration.flags)["a"]), True)
            )
        return [int(trial.score or 0) for trial in history[10:]]

    assert median(tried(minimize=True)) < 250
    assert median(tried(minimize=False)) > 750


def test_a_far_miss_is_worse_than_a_near_one():
    """Nothing meets the limits yet: go where they were missed by little, not where it is fast."""
    space = made("model: m/m\nengine: vllm\nparameters: {a: {low: 1, high: 1000}}\n")
    history = [
        Trial(Configuration.of("vllm", {"a": a}), float(a), False, a / 100)
        for a in range(50, 1000, 100)
    ]
    history += [Trial(Configuration.of("vllm", {"a": 5}), None, False, failed=True)]

    found = []
    for _ in range(6):
        suggestion = tpe(space).ask(history)
        assert suggestion is not None
        a = int(suggestion.configuration.parameters["a"])
        found.append(a)
        history.append(Trial(suggestion.configuration, float(a), False, a / 100))

    assert median(found) < 300


def test_reasons_tell_what_the_choice_rests_on():
    space = made()

    def reason(history: list[Trial]) -> str:
        found = tpe(space).ask(history)
        assert found is not None
        return found.reason

    grid = list(made("model: m/m\nengine: vllm\nparameters: {block-size: [8, 16, 32]}\n").grid())
    assert reason([measured(space.baseline)] * 2) == "tpe: start-up draw 3 of 8"
    crashed = [Trial(c, None, False, failed=True) for c in grid] * 3
    assert reason(crashed) == "tpe: nothing to learn from yet; drawn at random"
    history = ran(tpe(space), space, 20)
    told = history[1:]  # the baseline leaves ranges to the engine: it is no point of the space
    over = sum(not t.feasible and not t.failed for t in told)
    failed = sum(t.failed for t in told)
    assert over
    assert failed
    assert reason(history) == (
        "tpe: the most promising candidate after 19 experiments "
        f"({over} over a limit, {failed} failed)"
    )


def test_what_was_never_judged_is_not_told():
    space = made()
    history = ran(tpe(space), space, 12)
    skipped = [Trial(trial.configuration, None, False) for trial in history]
    found = tpe(space).ask([*history, skipped[3]])
    assert found is not None
    assert found.reason.startswith("tpe: the most promising candidate after 11 experiments")


PARAMETERS = (
    "a: [true, false, null, 1, 0]",
    "a: [1, 2.5, auto]",
    "a: [64, 8, 0.5, 512]",
    "a: {low: 1, high: 7}",
    "a: {low: 16, high: 4096, step: 16}",
    "a: {low: 0.5, high: 0.95, step: 0.05}",
    "a: {low: 1, high: 100000, log: true}",
    "a: {low: 0.001, high: 3.0, log: true}",
    "a: {low: 0.0, high: 1.0}",
)


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_a_sampler_sees_what_the_space_draws(parameter: str):
    space = made(f"model: m/m\nengine: vllm\nparameters: {{{parameter}}}\n")
    one = axis(space, "a", space.parameters["a"])  # type: ignore[arg-type]
    rng = random.Random(1)

    for _ in range(200):
        drawn = space.sample(rng)
        place = one.place(drawn.parameters.get("a"))
        assert place is not None
        assert space.configuration({"a": one.value(place)}) == drawn


@pytest.mark.parametrize(
    ("parameter", "outside"),
    [
        ("a: [true, 2]", [False, 1, "2", None]),
        ("a: {low: 2, high: 8}", [1, 9, 4.5, True, "auto", None]),
        ("a: {low: 2, high: 8, step: 2}", [3, 10, False, None]),
        ("a: {low: 0.5, high: 0.9, step: 0.1}", [0.55, 1.0]),
    ],
)
def test_what_a_sampler_could_not_draw_has_no_place(parameter: str, outside: list[object]):
    space = made(f"model: m/m\nengine: vllm\nparameters: {{{parameter}}}\n")
    one = axis(space, "a", space.parameters["a"])  # type: ignore[arg-type]
    assert [one.place(value) for value in outside] == [None] * len(outside)  # type: ignore[arg-type]


def test_false_that_is_not_spelled_is_the_default():
    space = made("model: m/m\nengine: sglang\nparameters: {a: [true, false]}\n")
    one = axis(space, "a", space.parameters["a"])  # type: ignore[arg-type]
    assert (one.place(True), one.place(None)) == (0, 1)


def test_a_list_of_numbers_has_an_order_and_one_with_words_has_none():
    space = made("model: m/m\nengine: vllm\nparameters: {a: [64, 8, 512], b: [1, auto]}\n")
    one, other = (axis(space, name, space.parameters[name]) for name in "ab")  # type: ignore[arg-type]
    assert [one.place(value) for value in (8, 64, 512)] == [0, 1, 2]
    assert one.distribution() == IntDistribution(0, 2)
    assert other.distribution() == CategoricalDistribution((0, 1))
