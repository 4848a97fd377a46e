"""A server, a tokenizer, runners that can be killed: what the tests of the benchmark share."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from core.bench.genai import Plan
from core.values import Purpose

ROOT = Path(__file__).parents[1]
SECRET = "never-in-a-log"


@contextmanager
def serving() -> Iterator[str]:
    """A server of fixed latency in a process of its own; its URL."""
    script = Path(__file__).with_name("bench_server.py")
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def environment(**more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    proxies = {"HTTPS_PROXY": "http://proxy.invalid:3128", "NO_PROXY": "localhost,127.0.0.1"}
    ours = {"PYTHONPATH": str(ROOT), "AUTOTUNER_LABEL": "test", "GITHUB_TOKEN": SECRET}
    return kept | proxies | ours | more


def make_tokenizer(folder: Path) -> str:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(["to be or not to be"], trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    return str(folder)


@dataclass
class Place:
    """A server of fixed latency at `url`, a tokenizer, and a folder for all that is written."""

    url: str
    tokenizer: str
    folder: Path

    def plan(self, mode: str, **changes: object) -> Plan:
        folder = self.folder / "measurements" / f"{time.monotonic_ns()}"
        url, log = f"{self.url}/{mode}", self.folder / "benchmark.log"
        plan = Plan(url, "m", "vllm", "D(20,10)", 4, 40, 60.0, 30.0, folder, log, Purpose.SEARCH, 7)
        return replace(plan, **changes)  # type: ignore[arg-type]


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    (folder / "measurements").mkdir()
    with serving() as url:
        yield Place(url, make_tokenizer(folder / "tokenizer"), folder)


@dataclass
class Runner:
    """A runner in a process of its own, its launcher, and what it measures when it does."""

    process: subprocess.Popen[str]
    launcher: int
    measurement: int = 0
    listens: bool = False

    async def measure(self, plan: Plan) -> None:
        """Returns when the measurement has begun."""
        await self.ask(plan)
        self.measurement = int(await self.line())

    async def ask(self, plan: Plan) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(plan.to_json()) + "\n")
        self.process.stdin.flush()
        await self.ready()

    async def ready(self) -> None:
        """Its launcher listens."""
        if not self.listens:
            assert await self.line() == "ready\n"
            self.listens = True

    async def die(self) -> None:
        self.process.kill()
        await asyncio.to_thread(self.process.wait)

    async def line(self) -> str:
        """What it says next."""
        assert self.process.stdout
        return await asyncio.to_thread(self.process.stdout.readline)


@contextmanager
def started(place: Place, *before: str) -> Iterator[Runner]:
    """A runner, as the last words of the command `before`."""
    script = str(Path(__file__).with_name("bench_runner.py"))
    words = (*before, sys.executable, script, place.tokenizer, str(place.folder))
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, env=environment()) as process:
        assert process.stdout
        try:
            yield Runner(process, int(process.stdout.readline()))
        finally:
            process.kill()


async def gone(*processes: int, limit: float = 5.0) -> bool:
    """Whether all of them are, after `limit` seconds at most."""
    end = time.monotonic() + limit
    while any(map(alive, processes)) and time.monotonic() < end:
        await asyncio.sleep(0.02)
    return not any(map(alive, processes))


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
