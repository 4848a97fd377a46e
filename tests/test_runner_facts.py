"""What the runner knows of a model and of GPUs for a task's rules, and that it stays so."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from core.gpu import Gpu
from core.runner import facts
from core.runner.known import Known
from core.runner.setup import Setup
from core.space.facts import UNKNOWN, Facts
from tests.tuned import setup

CONFIG = Path(__file__).parent / "architectures" / "llama-3.1-70b.json"
TASK = """
model: {model}
engine: vllm
gpus: 8
parameters:
  max-model-len: [4096, 200000]
  a: {value: 1, when: gpu_memory < 30}
"""


@pytest.fixture
def gpus() -> list[Gpu]:
    return [Gpu(0, "g", "card", memory_total=24 << 30)]


@pytest.fixture
def known(gpus: list[Gpu]) -> Known:
    async def look() -> tuple[tuple[Gpu, ...], str | None]:
        return tuple(gpus), None

    return Known(look)


def made(root: Path, text: str = TASK) -> Setup:
    (root / "m").mkdir(exist_ok=True)
    found = setup(root, text.replace("{model}", str(root / "m")))
    found.home.task(found.id).mkdir(parents=True)
    return found


def download(root: Path) -> None:
    (root / "m" / "config.json").write_text(json.dumps(json.loads(CONFIG.read_text())["config"]))


def flags(found: Setup) -> list[dict[str, object]]:
    return [dict(one.parameters) for one in found.space.grid()]


async def test_the_space_learns_of_the_model_when_it_is_here(tmp_path: Path, known: Known):
    begun = made(tmp_path)
    assert await facts.informed(begun, known, final=False) is begun
    download(tmp_path)
    found = await facts.informed(begun, known, final=False)
    assert flags(found) == [{"a": 1, "max-model-len": 4096}]
    assert found.search.ask([]) == found.search.ask([])
    assert len(flags(begun)) == 2


async def test_what_was_known_first_stays(tmp_path: Path, known: Known, gpus: list[Gpu]):
    begun = made(tmp_path)
    download(tmp_path)
    found = await facts.informed(begun, known, final=True)
    gpus[0] = dataclasses.replace(gpus[0], memory_total=80 << 30)
    kept = facts.thaw(begun.home, begun.id)
    assert kept is not None
    assert (kept.gpu_memory, kept.gpus, kept.heads) == (25.8, 8, 64)
    again = dataclasses.replace(begun, space=facts.space(begun.task, kept))
    assert await facts.informed(again, known, final=True) is again
    assert flags(again) == flags(found)


async def test_what_is_not_known_after_an_experiment_stays_unknown(tmp_path: Path, known: Known):
    begun = made(tmp_path)
    found = await facts.informed(begun, known, final=True)
    download(tmp_path)
    assert await facts.informed(found, known, final=True) is found
    assert facts.thaw(begun.home, begun.id) == UNKNOWN
    assert len(flags(found)) == 2


async def test_a_file_that_is_none_is_as_if_it_were_not_there(tmp_path: Path, known: Known):
    begun = made(tmp_path)
    file = begun.home.task(begun.id) / facts.FILE
    for text in ("", "[]", '{"heads": 1, "strange": 2}'):
        file.write_text(text)
        assert facts.thaw(begun.home, begun.id) is None


def test_facts_that_leave_nothing_are_let_go(tmp_path: Path):
    begun = made(tmp_path, TASK.replace("[4096, 200000]", "200000"))
    assert facts.space(begun.task, Facts(context=8192)).size == 1


async def test_a_simulated_engine_waits_for_no_model(tmp_path: Path, known: Known):
    begun = made(tmp_path, "model: sim-8b\nengine: simulated\nparameters: {max-num-seqs: [4, 8]}\n"
                 "rules: [max_num_seqs < gpu_memory / 4]\n")  # fmt: skip
    found = await facts.informed(begun, known, final=False)
    assert flags(found) == [{"max-num-seqs": 4}]
