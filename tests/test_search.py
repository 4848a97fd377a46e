"""Strategies: never a repeat, the same history gives the same suggestion."""

from pathlib import Path

import pytest

from core.engines.vllm import ENGINE
from core.search.auto import Auto
from core.search.base import Trial
from core.search.choose import strategy
from core.search.ofat import Ofat
from core.search.simple import Grid, Random
from core.search.tpe import Tpe
from core.space import Space, build
from core.task import Task, parse

TEXT = """
model: m/m
engine: vllm
parameters:
  max-num-seqs: [4, 8, 16]
  enable-prefix-caching: [true, false]
  seed-like: {low: 1, high: 1000, log: true, points: 3}
"""


def made(text: str = TEXT) -> tuple[Task, Space]:
    task = parse(text, "task.yaml", Path.cwd())
    return task, build(task, ENGINE)


def exhausted(search: Grid | Random, limit: int = 100) -> list[Trial]:
    history: list[Trial] = []
    while (found := search.ask(history)) and len(history) < limit:
        history.append(Trial(found.configuration, 1.0, True))
    return history


def test_grid_tries_every_point_once():
    _, space = made()
    history = exhausted(Grid(space))
    assert len(history) == space.size == 18
    assert len({trial.configuration.key for trial in history}) == 18


def test_random_never_repeats_and_follows_from_its_history():
    _, space = made()
    history = exhausted(Random(space, 7), limit=60)
    assert len({trial.configuration.key for trial in history}) == len(history) == 60
    for length in (0, 5, 30):
        assert Random(space, 7).ask(history[:length]) == Random(space, 7).ask(history[:length])
        found = Random(space, 7).ask(history[:length])
        assert found is not None
        assert found.configuration == history[length].configuration


def test_random_ends_when_a_finite_space_is_tried():
    _, space = made("model: m/m\nengine: vllm\nparameters: {max-num-seqs: [1, 2, 3, 4, 5]}\n")
    assert len(exhausted(Random(space, 1))) == 5


def test_seeds_differ():
    _, space = made()
    first, second = (exhausted(Random(space, seed), 5) for seed in (1, 2))
    assert first != second


def test_the_task_names_the_strategy():
    assert isinstance(strategy(*made()), Auto)
    for name, kind in {"grid": Grid, "random": Random, "ofat": Ofat, "tpe": Tpe}.items():
        assert isinstance(strategy(*made(TEXT + f"strategy: {name}\n")), kind)


def test_tpe_is_used_when_asked_for():
    search = strategy(*made(TEXT + "strategy: tpe\nseed: 3\nobjective: ttft\n"))
    assert isinstance(search, Tpe)
    assert (search.seed, search.minimize) == (3, True)
    other = strategy(*made(TEXT + "strategy: tpe\n"))
    assert isinstance(other, Tpe)
    assert not other.minimize


@pytest.mark.parametrize(("budget", "startup"), [(90, 12), (30, 10), (6, 5)])
def test_a_small_budget_is_not_spent_on_start_up_draws(budget: int, startup: int):
    six = ", ".join(f"p{index}: [1, 2, 3]" for index in range(6))
    search = strategy(
        *made(
            f"model: m/m\nengine: vllm\nstrategy: tpe\nparameters: {{{six}}}\n"
            f"budget: {{experiments: {budget}}}\n"
        )
    )
    assert isinstance(search, Tpe)
    assert search.startup == startup
