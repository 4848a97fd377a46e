"""auto: learns from every load, is the same for the same history, fast in a large space."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from core.engines.vllm import ENGINE
from core.score.level import Level
from core.search.auto import Auto
from core.search.base import Suggestion, Trial
from core.search.cost import expected_seconds
from core.search.explain import explained
from core.search.features import Encoded
from core.search.kernel import Alike, Shape, covariance, gaps, own
from core.search.metric import _share
from core.search.prior import Prior
from core.search.process import _Objective, fit
from core.space import Space, build, space_of
from core.task import parse
from core.values import Configuration, Scalar

SMALL = """
model: m/m
engine: vllm
parameters:
  max-num-seqs: [8, 16, 32, 64, 128, 256]
  max-num-batched-tokens: [512, 2048, 8192]
  block-size: [8, 16, 32]
  kv-cache-dtype: [auto, fp8]
"""


def made(text: str = SMALL) -> Space:
    return build(parse(text, "task.yaml", Path.cwd()), ENGINE)


def auto(space: Space, seed: int = 0, prior: Prior | None = None, minimize: bool = False) -> Auto:
    return Auto(space, seed, minimize, ("s",), prior=prior)


def curve(given: dict[str, Scalar], load: int) -> tuple[float, float]:
    """Throughput and the used part of a limit: best at 64 sequences, 8192 tokens and fp8."""
    seqs, tokens = (
        float(given.get("max-num-seqs", 8)),
        float(given.get("max-num-batched-tokens", 512)),
    )
    off = abs(math.log2(seqs / 64)) * 0.25 + abs(math.log2(tokens / 8192)) * 0.1
    speed = math.exp(-off) * (1.3 if given.get("kv-cache-dtype") == "fp8" else 1.0)
    return 100 * speed * load**0.7, load / (60 * speed)


def measured(
    configuration: Configuration, loads: tuple[int, ...] = (16, 48), sign: int = 1
) -> Trial:
    levels = []
    for load in loads:
        value, strain = curve(configuration.parameters, load)
        levels.append(Level(load, value if sign > 0 else -1 / value, value, {"ttft_p95": strain}))
    good = [one for one in levels if one.feasible]
    best = max(good or levels, key=lambda one: one.value or 0.0)
    return Trial(
        configuration, abs(best.value or 0.0), bool(good),
        violation=0.0 if good else best.strain - 1, levels={"s": levels},
        starting=60.0, measuring=30.0,
    )  # fmt: skip


def crashed(configuration: Configuration) -> Trial:
    return Trial(configuration, None, feasible=False, failed=True, starting=20.0)


def worth(configuration: Configuration) -> float:
    values = [curve(configuration.parameters, load) for load in (16, 48)]
    return max((value for value, strain in values if strain <= 1), default=0.0)


def played(strategy: Auto, space: Space, count: int) -> list[Trial]:
    history = [measured(space.baseline)]
    while len(history) < count and (found := strategy.ask(history)):
        history.append(measured(found.configuration))
    return history


@pytest.mark.parametrize("seed", range(4))
def test_it_finds_the_best_of_108_in_16(seed: int) -> None:
    space = made()
    history = played(auto(space, seed), space, 16)
    keys = [trial.configuration.key for trial in history]
    assert len(set(keys)) == len(keys)
    best = max(worth(one) for one in space.grid())
    assert max(worth(trial.configuration) for trial in history) >= 0.97 * best


def test_a_latency_is_minimised() -> None:
    space = made()
    history = [measured(space.baseline, sign=-1)]
    strategy = auto(space, minimize=True)
    while len(history) < 16 and (found := strategy.ask(history)):
        history.append(measured(found.configuration, sign=-1))
    # 1 / throughput: the best of both directions is the same.
    best = max(worth(one) for one in space.grid())
    assert max(worth(trial.configuration) for trial in history) >= 0.9 * best


def test_the_same_history_gives_the_same_suggestion() -> None:
    space = made()
    history = played(auto(space), space, 9)
    first, again = auto(space).ask(history), auto(made()).ask(list(history))
    assert first == again
    assert isinstance(first, Suggestion)
    assert auto(space, seed=1).ask(history) is not None


def test_what_crashes_is_avoided() -> None:
    """fp8 never starts: after a few it is let be, though it would be the fastest."""
    space, history = made(), [measured(made().baseline)]
    strategy = auto(space)
    while len(history) < 20 and (found := strategy.ask(history)):
        fp8 = found.configuration.parameters.get("kv-cache-dtype") == "fp8"
        history.append((crashed if fp8 else measured)(found.configuration))
    assert 1 <= sum(trial.failed for trial in history) <= 6


def test_nothing_barred_and_nothing_that_was_tried_is_suggested() -> None:
    space = made()
    history = played(auto(space), space, 4)
    found = auto(space).ask(history, lambda one: one.parameters.get("block-size") != 16)
    assert found is not None
    assert found.configuration.parameters["block-size"] == 16
    assert auto(space).ask(history, lambda one: True) is None


def test_it_ends_when_nothing_is_likely_to_gain_more_than_noise() -> None:
    values = ", ".join(map(str, range(30)))
    space = made(f"model: m/m\nengine: vllm\nparameters: {{block-size: [{values}]}}")
    history = played(auto(space), space, 30)
    assert 6 <= len(history) < 20


def test_it_says_where_the_load_search_begins_and_why() -> None:
    space = made()
    history = played(auto(space), space, 6)
    found = auto(space).ask(history)
    assert found is not None
    assert 1 <= found.loads["s"] <= 192
    assert "the rest as in #" in found.reason or "," in found.reason
    assert "\n" not in found.reason


def test_a_reason_names_what_is_new() -> None:
    space = made()
    history = [measured(ENGINE.configuration({"max-num-seqs": seqs})) for seqs in (8, 64)]
    new = ENGINE.configuration({"max-num-seqs": 256})
    said = explained(new, history, 0.08, 0.4, "3 experiments of m", minimize=False)
    assert said == (
        "max-num-seqs=256: unexplored above 64, the rest as in #1; "
        "+8% expected, may not start (40% likely to), first by 3 experiments of m"
    )
    assert space.baseline is not None


def test_a_list_of_loads_is_measured_as_it_is() -> None:
    space = made()
    strategy = Auto(space, 0, False, ("s",), loads=(16, 48))
    found = strategy.ask(played(auto(space), space, 5))
    assert found is not None
    assert found.loads == {}


def test_two_scenarios_are_as_good_as_the_worse() -> None:
    space = made()
    strategy = Auto(space, 0, False, ("s", "t"))
    history = []
    for one in list(space.grid())[::9]:
        trial = measured(one)
        history.append(dataclasses.replace(trial, levels={**trial.levels, "t": trial.levels["s"]}))
    found = strategy.ask(history)
    assert found is not None
    assert set(found.loads) == {"s", "t"}


def test_a_prior_says_what_comes_first() -> None:
    space = made()
    every = [measured(one, (8, 16, 48)) for one in space.grid()]
    best = max(worth(one) for one in space.grid())
    strategy = auto(space, prior=Prior(every, "an earlier task"))
    history = [measured(space.baseline)]
    told = strategy.ask(history)
    assert told is not None
    assert worth(told.configuration) == best
    assert told.loads == {"s": 48}
    assert told.reason.endswith("the best of an earlier task")
    modelled = strategy.ask([*history, measured(told.configuration)])
    assert modelled is not None
    assert worth(modelled.configuration) >= 0.8 * best
    assert "first by an earlier task" in modelled.reason


def test_what_never_started_elsewhere_may_start_here() -> None:
    """As where another GPU lacks a data type."""
    space = made()
    lacking = [one for one in space.grid() if one.parameters.get("kv-cache-dtype") == "fp8"]
    known = [measured(one) for one in space.grid() if one not in lacking]
    prior = Prior([*known, *map(crashed, lacking)], "another GPU")
    assert prior.starts() == known
    one = crashed(known[0].configuration)
    assert Prior([*known[1:], one], "this GPU").starts() == [*known[1:], one]


@pytest.mark.parametrize("only_of_configurations", [False, True])
def test_a_prior_that_tells_the_contrary_is_soon_let_go(only_of_configurations: bool) -> None:
    """Also where it is right in that more load takes longer."""
    space, turned = made(), []
    for trial in (measured(one, (8, 16, 48)) for one in space.grid()):
        levels = []
        for one in trial.levels["s"]:
            value, strain = (100 * one.concurrency**0.7, one.concurrency / 60)
            if not only_of_configurations:
                value, strain = 100.0, 1.0
            strains = {"ttft_p95": strain**2 / one.strain}
            levels.append(
                dataclasses.replace(one, value=value**2 / (one.value or 1), strains=strains)
            )
        turned.append(dataclasses.replace(trial, levels={"s": levels}))
    history = played(auto(space, prior=Prior(turned, "nonsense")), space, 12)
    best = max(worth(one) for one in space.grid())
    assert max(worth(trial.configuration) for trial in history) >= 0.95 * best


def test_how_much_of_a_prior_holds_is_not_a_matter_of_the_load() -> None:
    loads = np.log(np.tile([8.0, 16.0, 64.0], 4))
    effects = np.repeat([-0.6, -0.2, 0.3, 0.5], 3)
    assert _share(loads + effects, 1.1 * loads + 0.9 * effects, loads) == pytest.approx(
        0.9, abs=0.1
    )
    assert _share(loads + effects, loads - effects, loads) < -0.5


def test_the_gradient_is_that_of_the_objective() -> None:
    rng = np.random.default_rng(0)
    points = Encoded(rng.random((30, 2)), rng.integers(0, 3, (30, 2)))
    loads, values = rng.normal(size=30), rng.normal(size=30)
    shape = Shape(2, 2)
    objective = _Objective(shape, gaps(points, points), loads, values, *shape.prior(0.05))
    theta = objective.expected + 0.3 * rng.normal(size=shape.size)
    _, slope = objective(theta)
    steps = 1e-5 * np.eye(shape.size)
    near = [(objective(theta + e)[0] - objective(theta - e)[0]) / 2e-5 for e in steps]
    assert slope == pytest.approx(near, rel=1e-4, abs=1e-4)


def test_a_process_goes_through_what_it_has_seen_and_is_unsure_elsewhere() -> None:
    rng = np.random.default_rng(1)
    points = Encoded(rng.random((25, 1)), rng.integers(0, 2, (25, 1)))
    loads = rng.normal(size=25)
    values = np.sin(3 * points.numbers[:, 0]) + 0.5 * points.kinds[:, 0] + 0.7 * loads
    found = fit(points, loads, values, noise=0.02, rng=rng)
    mean, spread = found.predict(points.rows([0, 1, 2]), loads[:3])
    assert np.diagonal(mean) == pytest.approx(values[:3], abs=0.1)
    far = Encoded(np.array([[1.5]]), np.array([[7]]))
    _, wide = found.predict(far, np.array([3.0]))
    assert wide[0, 0, 0] > 5 * spread[0, 0, 0]
    alike = Alike.of(found.shape, found.theta, gaps(points, points))
    plain = covariance(found.shape, found.theta, alike, loads, loads)
    assert np.diagonal(plain) == pytest.approx(np.diagonal(own(found.shape, found.theta, loads)))


def test_what_was_compiled_before_starts_sooner() -> None:
    space = made()
    seqs = [ENGINE.configuration({"max-num-seqs": n, "enable-prefix-caching": c})
            for n in (8, 16) for c in (True, False)]  # fmt: skip
    took = [300.0, 60.0, 300.0, 60.0]
    history = [
        dataclasses.replace(measured(one), starting=t) for one, t in zip(seqs, took, strict=True)
    ]
    warm = ENGINE.configuration({"max-num-seqs": 8, "gpu-memory-utilization": 0.8})
    cold = ENGINE.configuration({"max-num-seqs": 32})
    found = expected_seconds([space], history, [warm, cold], np.ones(2))
    assert found[0] == pytest.approx(60 + 75)
    assert found[1] == pytest.approx(300 + 75)


def test_several_engines_are_compared() -> None:
    text = """
model: m/m
engine: [vllm, sglang]
parameters:
  vllm: {max-num-seqs: [8, 16, 32, 64]}
  sglang: {max-running-requests: [8, 16, 32, 64], schedule-policy: [fcfs, lpm]}
"""
    space = space_of(parse(text, "task.yaml", Path.cwd()))
    strategy = Auto(space, 0, False, ("s",))
    history = [measured(one) for one in space.baselines]
    while len(history) < 10 and (found := strategy.ask(history)):
        history.append(measured(found.configuration))
    assert {trial.configuration.engine for trial in history[2:]} == {"vllm", "sglang"}
    assert len({trial.configuration.key for trial in history}) == len(history)


def test_measurements_have_to_promise_less_when_little_is_left_to_be_gained() -> None:
    space = made()
    history = played(auto(space), space, 14)
    asked = [auto(space).ask(history[:count]) for count in range(1, len(history))]
    least = [found.least for found in asked if found]
    assert max(least) <= 0.25
    assert max(least[:4]) > 0.05 > least[-1]
