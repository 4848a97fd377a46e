"""Strategies: never a repeat, the same history gives the same suggestion."""

from pathlib import Path

from core.engines.vllm import ENGINE
from core.search.base import Trial
from core.search.simple import Grid, Random, strategy
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


def test_auto_is_the_grid_where_the_budget_covers_it():
    assert isinstance(strategy(*made()), Grid)
    assert isinstance(strategy(*made(TEXT + "budget: {experiments: 5}\n")), Random)
    assert isinstance(strategy(*made(TEXT + "strategy: random\n")), Random)
