"""What is ruled out is never suggested, is written down once, and shortens the plan."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from core.engines.vllm import ENGINE
from core.export.document import document
from core.export.pruned import ruled_out
from core.export.table import text_table
from core.gpu import Gpu
from core.paths import Home
from core.runner.known import Known
from core.runner.pruning import Pruning
from core.runner.setup import Setup
from core.search.base import Strategy, Trial
from core.search.choose import strategy
from core.space import Space, build
from core.store.journal import Journal, NewTask
from core.store.reader import Reader
from core.task import parse
from core.values import Configuration, ExperimentState, Failure, FailureKind
from tests.tuned import setup

SPACE = """
model: m/m
engine: vllm
seed: 5
parameters: {max-num-seqs: {low: 8, high: 1024, log: true}, block-size: [8, 16, 32, 64]}
"""
CLOSED = """
model: m/m
engine: vllm
parameters: {max-num-seqs: [1, 2, 3, 4], block-size: [8, 16, 32, 64]}
"""


def made(text: str, name: str, budget: int = 100) -> tuple[Space, Strategy]:
    given = f"{text}strategy: {name}\nbudget: {{experiments: {budget}}}\n"
    task = parse(given, "task.yaml", Path.cwd())
    space = build(task, ENGINE)
    return space, strategy(task, space)


def large(configuration: Configuration) -> bool:
    return float(configuration.parameters.get("max-num-seqs", 0)) > 3


def ran(search: Strategy, barred: Callable[[Configuration], bool], most: int = 40) -> list[Trial]:
    history: list[Trial] = []
    while len(history) < most and (found := search.ask(history, barred)):
        same = search.ask(history, barred)
        assert same == found  # the same history, the same suggestion
        history.append(Trial(found.configuration, float(len(history)), True))
    return history


@pytest.mark.parametrize("name", ["grid", "random", "tpe"])
def test_nothing_barred_is_suggested_and_all_the_rest_is(name: str) -> None:
    _, search = made(CLOSED, name)
    history = ran(search, large)
    assert len({trial.configuration.key for trial in history}) == len(history) == 12
    assert not any(large(trial.configuration) for trial in history)


@pytest.mark.parametrize("name", ["grid", "random", "tpe"])
def test_where_all_is_barred_there_is_nothing_to_try(name: str) -> None:
    for text in (CLOSED, SPACE):
        _, search = made(text, name)
        done = [Trial(Configuration.of("vllm", {"max-num-seqs": 8}), 1.0, True)] * 40
        assert search.ask(done, lambda _: True) is None


def test_what_is_left_of_a_space_too_large_to_list_is_found() -> None:
    """Also where it lies behind more of the grid than is listed."""
    many = ", ".join(f"p{index}: [1, 2, 3, 4, 5, 6, 7, 8]" for index in range(6))
    space, search = made(f"model: m/m\nengine: vllm\nparameters: {{{many}}}\n", "random")
    assert space.size is None
    found = search.ask([], lambda one: one.parameters["p0"] != 8)
    assert found is not None
    assert found.configuration.parameters["p0"] == 8


def test_tpe_learns_from_what_is_barred() -> None:
    """It comes to a candidate of its own, where nearly all that looked good is barred."""
    _, search = made(SPACE, "tpe")
    history = ran(search, lambda one: float(one.parameters.get("max-num-seqs", 0)) > 40, 30)
    assert all(float(t.configuration.parameters["max-num-seqs"]) <= 40 for t in history)
    found = search.ask(history, lambda one: float(one.parameters.get("max-num-seqs", 0)) > 40)
    assert found is not None
    assert "most promising" in found.reason


TASK = """
model: sim-8b
engine: simulated
parameters: {max-num-seqs: [4, 8, 16], gpu-memory-utilization: [0.7, 0.8, 0.9]}
objective: throughput
workload: {scenarios: ["D(40,11)"], requests: 40}
strategy: grid
"""
CACHE = Failure(
    FailureKind.OOM_KV, "weights and activations leave no memory for the KV cache",
    text="ValueError: No available memory for the cache blocks.",
)  # fmt: skip


class Run:
    """A task in a journal, tuned by whoever is told what its experiments came to."""

    def __init__(self, root: Path, journal: Journal, reader: Reader, text: str) -> None:
        self.setup: Setup = setup(root, text)
        self.journal, self.reader = journal, reader
        self.gpus: tuple[Gpu, ...] = ()
        self.pruning = self.anew()
        self._count = 0

    def anew(self) -> Pruning:
        """As the next runner begins."""
        return Pruning(self.journal, self.reader, Known(self._look), "t1")

    async def _look(self) -> tuple[tuple[Gpu, ...], str | None]:
        return self.gpus, None

    async def tried(self, failure: Failure | None = None, **flags: float) -> int:
        """An experiment that was measured, or failed."""
        number, self._count = self._count, self._count + 1
        named = {name.replace("_", "-"): value for name, value in flags.items()}
        configuration = Configuration.of(self.setup.engine.name, dict(named))
        await self.journal.add_experiment(
            "t1", number, configuration, baseline=number == 0, reason=""
        )
        state = ExperimentState.FAILED if failure else ExperimentState.SUCCEEDED
        await self.journal.set_experiment("t1", number, state, failure=failure)
        return number

    async def ask(self) -> dict[str, object] | None:
        """What is tried next."""
        experiments = await self.journal.experiments("t1")
        history = [
            Trial(Configuration.of(self.setup.engine.name, e.parameters), 1.0, True)
            for e in experiments
        ]
        found = await self.pruning.ask(self.setup, experiments, history)
        return dict(found.configuration.parameters) if found else None

    async def document(self) -> dict[str, object]:
        detail = await self.reader.detail("t1")
        assert detail is not None
        assert text_table(detail, None)
        found = document(detail, None)["task"]
        assert isinstance(found, dict)
        return found


@pytest.fixture
async def run(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Run]:
    home = Home(tmp_path / "home").create()
    text = getattr(request, "param", TASK)
    async with Journal.open(home.database) as journal, Reader.open(home) as reader:
        task = NewTask("t1", "demo", "simulated", "m", "throughput", "tok/s", True, 10, 1.0)
        await journal.add_task(task)
        yield Run(tmp_path, journal, reader, text)


def listed(told: Mapping[str, object]) -> list[dict[str, object]]:
    found = told["ruled_out"]
    assert isinstance(found, list)
    return found


async def test_a_failure_shortens_the_plan_and_says_by_how_much(run: Run) -> None:
    await run.tried()
    assert await run.ask() == {"max-num-seqs": 8, "gpu-memory-utilization": 0.8}
    assert (await run.document())["planned"] == 10
    number = await run.tried(CACHE, max_num_seqs=4, gpu_memory_utilization=0.8)
    # At 0.8 and below, with as many sequences or more: five others.
    assert await run.ask() == {"max-num-seqs": 16, "gpu-memory-utilization": 0.9}
    told = await run.document()
    assert told["planned"] == 5
    assert told["ruled_out"] == [
        {"count": 5, "kind": "oom_kv", "reason": CACHE.message, "by": number}
    ]
    shown = await run.reader.experiment("t1", number)
    assert shown is not None
    assert shown.ruled_out == 5


async def test_a_cause_is_written_down_once_also_by_the_next_runner(run: Run) -> None:
    await run.tried()
    await run.tried(CACHE, max_num_seqs=4, gpu_memory_utilization=0.8)
    first = await run.ask()
    run.pruning = run.anew()
    assert await run.ask() == first
    assert len(listed(await run.document())) == 1


async def test_the_task_ends_when_the_rest_shares_a_fate(run: Run) -> None:
    await run.tried()
    await run.tried(CACHE, max_num_seqs=4, gpu_memory_utilization=0.9)
    assert await run.ask() is None
    assert (await run.document())["planned"] == 2


async def test_one_that_runs_after_all_rules_out_nothing(run: Run) -> None:
    await run.tried()
    number = await run.tried(CACHE, max_num_seqs=4, gpu_memory_utilization=0.9)
    assert await run.ask() is None
    await run.journal.set_experiment("t1", number, ExperimentState.SUCCEEDED)
    assert await run.ask() == {"max-num-seqs": 8, "gpu-memory-utilization": 0.8}
    told = await run.document()
    assert (told["ruled_out"], told["planned"]) == ([], 10)
    shown = await run.reader.experiment("t1", number)
    assert shown is not None
    assert shown.ruled_out == 0


async def test_a_transient_failure_rules_out_nothing(run: Run) -> None:
    await run.tried()
    await run.tried(
        dataclasses.replace(CACHE, transient=True), max_num_seqs=4, gpu_memory_utilization=0.7
    )
    assert await run.ask() == {"max-num-seqs": 8, "gpu-memory-utilization": 0.8}
    assert (await run.document())["ruled_out"] == []


DRAWN = TASK.replace("[4, 8, 16]", "{low: 4, high: 4000, log: true}").replace("grid", "random")


@pytest.mark.parametrize("run", [DRAWN], indirect=True)
async def test_what_is_drawn_between_the_points_of_the_grid_is_planned_by_the_budget(
    run: Run,
) -> None:
    await run.tried()
    await run.tried(CACHE, max_num_seqs=30, gpu_memory_utilization=0.9)
    found = await run.ask()
    assert found is not None
    assert float(str(found["max-num-seqs"])) < 30
    told = await run.document()
    assert told["planned"] == 10
    assert [one["by"] for one in listed(told)] == [1]


# 8 billion parameters in 16 bits: 16 GB, of 32 heads.
LLAMA = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096,
    "intermediate_size": 14336, "num_attention_heads": 32, "num_hidden_layers": 32,
    "num_key_value_heads": 8, "vocab_size": 128256, "torch_dtype": "bfloat16",
    "max_position_embeddings": 8192, "tie_word_embeddings": False,
}  # fmt: skip
REAL = """
model: {model}
engine: vllm
parameters: {{max-num-seqs: [4, 8]}}
parallel: {{tp: [1, 2, 3]}}
workload: {{scenarios: ["D(40,11)"], requests: 40}}
strategy: grid
"""


def gpu(size: float) -> Gpu:
    return Gpu(0, f"GPU-{size}", "a GPU", memory_total=round(size * 1e9))


async def test_what_cannot_fit_or_be_divided_is_not_started(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    run.setup = setup(tmp_path, REAL.format(model=tmp_path))
    run.gpus = gpu(80), gpu(12)
    await run.tried()
    assert await run.ask() == {"max-num-seqs": 4, "tensor-parallel-size": 2}
    told = await run.document()
    assert told["planned"] == 3  # the baseline, and two with two GPUs
    known = {(one["kind"], one["count"], one["by"]) for one in listed(told)}
    assert known == {("oom_weights", 2, None), ("parallelism", 2, None)}
    reasons = " ".join(str(one["reason"]) for one in listed(told))
    assert "12.0 GB" in reasons
    assert "32 heads" in reasons

    run.pruning = run.anew()
    assert await run.ask() == {"max-num-seqs": 4, "tensor-parallel-size": 2}
    assert len(listed(await run.document())) == 2


async def test_without_a_gpu_only_the_division_counts(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    run.setup = setup(tmp_path, REAL.format(model=tmp_path))
    await run.tried(max_num_seqs=1)
    assert await run.ask() == {"max-num-seqs": 4, "tensor-parallel-size": 2}
    assert [one["kind"] for one in listed(await run.document())] == ["parallelism"]


async def test_a_model_that_is_not_here_yet_rules_out_nothing(run: Run, tmp_path: Path) -> None:
    run.setup = setup(tmp_path, REAL.format(model="owner/absent"))
    run.gpus = (gpu(1),)
    await run.tried(max_num_seqs=1)
    assert await run.ask() == {"max-num-seqs": 4, "tensor-parallel-size": 2}
    assert listed(await run.document()) == []


async def test_it_is_said_in_one_line(run: Run) -> None:
    await run.tried()
    await run.tried(CACHE, max_num_seqs=4, gpu_memory_utilization=0.8)
    await run.ask()
    detail = await run.reader.detail("t1")
    assert detail is not None
    assert [str(one) for one in ruled_out(detail)] == [
        "ruled out without a start: 5 configurations, as #1 failed: weights and activations leave "
        "no memory for the KV cache (oom_kv)"
    ]
