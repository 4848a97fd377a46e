"""What earlier tasks tell: those that are alike, judged by this task, the same after a restart."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.gpu import Gpu
from core.paths import Home
from core.runner.knowledge.beforehand import beforehand
from core.runner.knowledge.family import family
from core.runner.setup import Setup
from core.search.prior import Prior
from core.settings import Settings
from core.settings.values import AICONFIGURATOR
from core.store.journal import Journal
from core.store.reader import Reader
from tests import tuned as one_task
from tests.earlier import CRASHED, OFFLINE, SCENARIO, Tried, text, tuned
from tests.test_pruning import LLAMA

H100 = "NVIDIA H100 80GB HBM3"
TRIED = [
    Tried({}, {4: (400.0, 0.1), 8: (700.0, 0.4)}),
    Tried({"max-num-seqs": 16}, {8: (900.0, 0.45)}),
    Tried({"max-num-seqs": 4}, CRASHED),
    Tried({"max-num-seqs": 8}, OFFLINE),
]


@dataclass
class Desk:
    """A home with its journal; `ask` stands where a task's runner asks."""

    home: Home
    journal: Journal
    reader: Reader
    gpu: str | None = None

    async def earlier(
        self, task: str, written: str, *gpus: str, tried: list[Tried] = TRIED
    ) -> None:
        await tuned(self.home, self.journal, task, written, tried, gpus)

    async def ask(self, written: str, task: str = "own", **settings: str) -> Prior | None:
        return await beforehand(self.setup(written, task, **settings), self.journal, self.reader,
                                self._look)  # fmt: skip

    def setup(self, written: str, task: str = "own", **settings: str) -> Setup:
        self.home.task(task).mkdir(parents=True, exist_ok=True)
        found = one_task.setup(self.home.root, written)
        return dataclasses.replace(found, id=task, home=self.home, settings=Settings(settings))

    async def _look(self) -> tuple[tuple[Gpu, ...], str | None]:
        return (Gpu(0, "GPU-1", self.gpu),) if self.gpu else (), None

    async def told(self, kind: str = "prior.known") -> list[str]:
        rows = await self.journal.rows("SELECT detail FROM events WHERE kind = ?", kind)
        return [json.loads(row["detail"])["message"] for row in rows]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    home = Home(tmp_path / "home").create()
    async with Journal.open(home.database) as journal, Reader.open(home) as reader:
        yield Desk(home, journal, reader)


async def test_the_same_model_on_the_same_machine_is_known(desk: Desk) -> None:
    await desk.earlier("t1", text("before"))
    prior = await desk.ask(text("now"))
    assert prior is not None
    assert prior.source == "3 experiments of before: Qwen3-8B on the CPU"
    assert await desk.told() == [prior.source]
    first, best, crashed = prior.trials
    assert (first.score, best.score, crashed.score) == (700.0, 900.0, None)
    assert crashed.failed
    assert best.configuration.parameters == {"max-num-seqs": 16}
    assert [level.concurrency for level in first.levels[SCENARIO]] == [4, 8]
    assert best.measuring == 4.0


async def test_it_is_held_against_the_limits_and_the_objective_of_this_task(desk: Desk) -> None:
    await desk.earlier("t1", text("before"))
    tight = await desk.ask(
        text("now", ttft="300ms").replace("objective: throughput", "objective: ttft")
    )
    assert tight is not None
    first, slow, _ = tight.trials
    assert (first.feasible, first.score) == (True, 0.1)
    assert not slow.feasible
    assert slow.violation == pytest.approx(0.5)
    assert slow.levels[SCENARIO][0].value == pytest.approx(-0.45)


@pytest.mark.parametrize(
    ("written", "gpus"),
    [
        (text("before", engine="sglang").replace("max-num-seqs", "max-running-requests"), ()),
        (text("before", "meta-llama/Llama-3.1-8B"), ()),
        (text("before", "Qwen/Qwen3-30B-A3B"), ()),
        (text("before"), (H100,)),
        (text("before", engine="simulated"), ()),
    ],
    ids=["engine", "model", "experts", "gpu", "simulated"],
)
async def test_what_is_not_alike_tells_nothing(
    desk: Desk, written: str, gpus: tuple[str, ...]
) -> None:
    await desk.earlier("t1", written, *gpus)
    assert await desk.ask(text("now")) is None
    assert await desk.told() == []


async def test_gpus_are_told_apart_by_their_names(desk: Desk) -> None:
    await desk.earlier("cpu", text("slow"))
    await desk.earlier("gpu", text("before"), H100)
    desk.gpu = H100
    prior = await desk.ask(text("now"))
    assert prior is not None
    assert prior.source == f"3 experiments of before: Qwen3-8B on {H100}"


async def test_the_most_alike_come_first(desk: Desk) -> None:
    await desk.earlier("same", text("same", scenario="D(9,9)"), tried=[
        Tried({"max-num-seqs": 4}, {2: (50.0, 0.1)}, "D(9,9)")])  # fmt: skip
    await desk.earlier("kin", text("kin", "Qwen/Qwen3-4B-FP8"))
    prior = await desk.ask(text("now"))
    assert prior is not None
    assert prior.source == "4 experiments of same and 1 more: Qwen3-8B on the CPU"
    # Its only scenario stands for this task's.
    assert [level.value for level in prior.trials[0].levels[SCENARIO]] == [50.0]
    assert prior.trials[2].score == 900.0


async def test_there_are_not_more_than_can_be_thought_about(desk: Desk) -> None:
    many = [Tried({"max-num-seqs": seqs}, {4: (100.0 + seqs, 0.1)}) for seqs in range(1, 251)]
    await desk.earlier("t1", text("before"), tried=many)
    prior = await desk.ask(text("now"))
    assert prior is not None
    assert len(prior.trials) == 200
    assert len({trial.configuration.key for trial in prior.trials}) == 200


async def test_what_was_known_first_stays(desk: Desk) -> None:
    await desk.earlier("t1", text("before"))
    first = await desk.ask(text("now"))
    await desk.earlier("t2", text("later"))
    desk.home.task_file("t1").unlink()
    assert await desk.ask(text("now")) == first
    assert len(await desk.told()) == 1


async def test_that_nothing_was_known_stays_too(desk: Desk) -> None:
    assert await desk.ask(text("now")) is None
    await desk.earlier("t1", text("later"))
    assert await desk.ask(text("now")) is None
    assert await desk.ask(text("another"), "other") is not None


@pytest.mark.parametrize("more", ["prior: off\n", "strategy: tpe\n"])
async def test_it_can_be_switched_off_and_is_only_asked_for_where_it_is_used(
    desk: Desk, more: str
) -> None:
    await desk.earlier("t1", text("before"))
    assert await desk.ask(text("now") + more) is None
    assert not list(desk.home.task("own").glob("prior.json"))


async def test_a_task_that_cannot_be_read_any_more_is_passed_over(desk: Desk) -> None:
    await desk.earlier("t1", text("before"))
    await desk.earlier("t2", text("broken"))
    desk.home.task_file("t2").write_text("model: [", encoding="utf-8")
    prior = await desk.ask(text("now"))
    assert prior is not None
    assert prior.source.startswith("3 experiments of before:")


async def test_what_was_measured_goes_before_predictions(desk: Desk) -> None:
    await desk.earlier("t1", text("before"))
    python = {AICONFIGURATOR: str(desk.home.root / "none" / "python")}
    prior = await desk.ask(text("now"), **python)
    assert prior is not None
    (told,) = await desk.told()
    assert told == f"{prior.source}; what was measured goes before what aiconfigurator predicts"
    # Alone, what is set up is asked; on a machine without a GPU it cannot tell anything.
    assert await desk.ask(text("now", "other/model"), "second", **python) is None
    assert await desk.told("prior.unpredicted") == ["aiconfigurator: the task uses no GPU"]


async def test_models_that_are_here_are_alike_by_what_they_are(desk: Desk) -> None:
    """A model's folder says what it is, whatever it is called."""
    for name in ("one", "two"):
        folder = desk.home.root / name
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(LLAMA), encoding="utf-8")
    await desk.earlier("t1", text("before", str(desk.home.root / "one")))
    now = text("now", str(desk.home.root / "two"))
    assert await desk.ask(now) is not None
    config = {**LLAMA, "architectures": ["MistralForCausalLM"], "model_type": "mistral"}
    (desk.home.root / "two" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert await desk.ask(now, "second") is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Qwen/Qwen3-8B", "Qwen/Qwen3-32B-FP8"),
        ("meta-llama/Llama-3.1-8B-Instruct", "neuralmagic/Llama-3.1-70B-Instruct-quantized.w4a16"),
        ("mistralai/Mixtral-8x7B-v0.1", "mistralai/Mixtral-8x22B-v0.1"),
        ("google/gemma-3-12b-it", "/models/gemma-3-27b-pt-int4"),
        ("Qwen/Qwen3-30B-A3B", "Qwen/Qwen3-235B-A22B-Instruct"),
    ],
)
def test_names_of_a_family(one: str, other: str) -> None:
    assert family(one) == family(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Qwen/Qwen3-8B", "Qwen/Qwen2.5-7B"),
        ("Qwen/Qwen3-8B", "Qwen/Qwen3-30B-A3B"),
        ("meta-llama/Llama-3.1-8B", "meta-llama/Llama-2-7b-hf"),
        ("7B", "13B"),
    ],
)
def test_names_of_other_families(one: str, other: str) -> None:
    assert family(one) != family(other)
