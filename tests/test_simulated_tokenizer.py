"""The simulated engine's own tokenizer, made without a network."""

from __future__ import annotations

import importlib.util
import os
import random
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.engines.simserver.tokens import count_chat, count_text
from core.engines.simulated import ENGINE
from core.task import Task

TASK = Task(model="sim-8b", engine="simulated")


def test_a_folder_of_ones_own_is_used_as_it_is(tmp_path: Path) -> None:
    task = Task(model="sim-8b", engine="simulated", tokenizer=str(tmp_path))

    assert ENGINE.tokenizer(task, tmp_path / "cache") == str(tmp_path)
    assert not (tmp_path / "cache").exists()


def test_it_is_made_once_and_whole_by_however_many(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(lambda _: ENGINE.tokenizer(TASK, tmp_path), range(4)))

    (folder,) = made
    assert {path.name for path in Path(folder).iterdir()} == {
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert [path.name for path in tmp_path.iterdir()] == [Path(folder).name]


def test_what_a_killed_program_left_of_it_is_removed(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    (tmp_path / f".simulated-tokenizer-{ended.pid}-abcdefgh").mkdir()
    at_work = tmp_path / f".simulated-tokenizer-{os.getppid()}-abcdefgh"
    at_work.mkdir()

    folder = ENGINE.tokenizer(TASK, tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == {Path(folder).name, at_work.name}


def test_it_loads_without_a_network_and_agrees_with_the_servers_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr("socket.getaddrinfo", no_network)
    from transformers import AutoTokenizer

    loaded = AutoTokenizer.from_pretrained(ENGINE.tokenizer(TASK, tmp_path))

    prompt = _benchmark_prompt(300)
    assert count_text(prompt) == pytest.approx(len(loaded.encode(prompt)), rel=0.02)
    messages = [{"role": "user", "content": prompt}]
    templated = loaded.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    counted = len(loaded.encode(templated))
    assert count_chat([prompt]) == pytest.approx(counted, rel=0.02)
    assert loaded.decode(loaded.encode(prompt)) == prompt


def _benchmark_prompt(words: int) -> str:
    """Lines of the benchmark's text in a seeded order, cut at a word."""
    found = importlib.util.find_spec("genai_bench")
    assert found is not None
    assert found.origin is not None
    lines = (Path(found.origin).parent / "data" / "sonnet.txt").read_text().splitlines(True)
    random.Random(5).shuffle(lines)
    return " ".join("".join(lines).split(" ")[:words])
