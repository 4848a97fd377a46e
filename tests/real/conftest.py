"""A real vLLM on the CPU, tuned once for all tests of this folder.

AUTOTUNER_TEST_VLLM names its program (`.ci/vllm-env` makes one). Without it the tests fail:
whoever asks for this folder wants a real engine.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.paths import Home
from tests.afterwards import rows
from tests.docker_images import images
from tests.real.containers import Daemon, connected

PROGRAM = Path(sys.executable).parent / "autotuner-tui"
UNCHECKED = Path(__file__).parents[1] / "unchecked.py"
HERE = Path(__file__).parent
NAME = "tiny"
PARAMETERS: dict[str, object] = {
    "max-num-seqs": [4, 16],
    "enable-prefix-caching": [True, False],
    "max-model-len": 1024,
    "enforce-eager": True,
}
MODEL_SECONDS = 120
RUN_SECONDS = 1200
VLLM_ENVIRONMENT = {
    "VLLM_TARGET_DEVICE": "cpu",
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_NO_USAGE_STATS": "1",
}


@dataclass(frozen=True)
class Desk:
    """A folder to work in and a state folder of its own, as a person has them."""

    folder: Path
    home: Path
    vllm: Path
    model: Path

    def program(self, *arguments: str, limit: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command of autotuner-tui."""
        return self._run([PROGRAM, *arguments], limit)

    def unchecked(self, file: Path, limit: float) -> subprocess.CompletedProcess[str]:
        """`run` without the checks before it."""
        return self._run([sys.executable, UNCHECKED, file], limit)

    def _run(self, words: Sequence[str | Path], limit: float) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            cwd=self.folder,
            env={**os.environ, "AUTOTUNER_HOME": str(self.home)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit,
        )

    def task(self, name: str, parameters: Mapping[str, object]) -> Path:
        """A task file for the tiny model with these parameters."""
        file = self.folder / f"{name}.yaml"
        task = _task(self.vllm, self.model) | {"name": name, "parameters": dict(parameters)}
        file.write_text(yaml.safe_dump(task), encoding="utf-8")
        return file

    def document(self, name: str) -> dict[str, Any]:
        """What `show --json` says of a task."""
        shown = self.program("show", name, "--json")
        assert shown.returncode == 0, shown.stderr
        document: dict[str, Any] = json.loads(shown.stdout)
        return document


@dataclass(frozen=True)
class Tuned:
    """A task that has run to its end: four configurations and the baseline."""

    desk: Desk
    file: Path
    run: subprocess.CompletedProcess[str]
    document: Mapping[str, Any]

    @property
    def command(self) -> str:
        """What `export` says starts the best."""
        exported = self.desk.program("export", NAME, "--format", "command")
        assert exported.returncode == 0, exported.stderr
        return exported.stdout.splitlines()[-1]

    def plan(self) -> dict[str, Any]:
        """The plan that `check --json` makes of the file."""
        checked = self.desk.program("check", str(self.file), "--json")
        assert checked.returncode == 0, checked.stdout + checked.stderr
        plan: dict[str, Any] = json.loads(checked.stdout)["plan"]
        return plan

    def starts(self) -> dict[int, Path]:
        """The folder of the last start of each experiment, by the experiment's number."""
        task = self.desk.home / "tasks" / self.document["task"]["id"]
        return {
            e["number"]: task.joinpath(
                "experiments", str(e["number"]), "starts", str(e["starts"][-1]["attempt"])
            )
            for e in self.document["experiments"]
        }

    def words(self, number: int) -> list[str]:
        """The command line that an experiment's engine was started with."""
        manifest = (self.starts()[number] / "manifest.json").read_text(encoding="utf-8")
        words: list[str] = json.loads(manifest)["argv"]
        return words


@pytest.fixture(scope="session")
def vllm() -> Path:
    """The vLLM program."""
    named = os.environ.get("AUTOTUNER_TEST_VLLM", "")
    path = Path(named)
    assert named, "set AUTOTUNER_TEST_VLLM to a vllm program"
    assert os.access(path, os.X_OK), f"{path} cannot be run"
    return path.absolute()


@pytest.fixture(scope="session")
def model(vllm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model small enough for any CPU, made with the engine's own Python."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    making = [vllm.parent / "python", HERE / "tiny_model.py", folder]
    subprocess.run(making, check=True, timeout=MODEL_SECONDS)
    return folder


@pytest.fixture(scope="session")
def desk(vllm: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A place to run commands; its runner is stopped at the end."""
    make = tmp_path_factory.mktemp
    place = Desk(make("project"), make("state"), vllm, model)
    yield place
    place.program("runner", "stop", limit=120)


@pytest.fixture(scope="session")
def tuned(desk: Desk) -> Tuned:
    """`autotuner-tui run`, once for all tests; its runner is killed twice meanwhile."""
    file = desk.task(NAME, PARAMETERS)
    with ThreadPoolExecutor() as pool:
        killing = pool.submit(_kill_runners, desk.home)
        run = desk.program("run", str(file), limit=RUN_SECONDS)
        killing.result()
    return Tuned(desk, file, run, desk.document(NAME))


def _kill_runners(home: Path) -> None:
    """One while the engine of experiment 1 loads, one while that of experiment 2 is measured."""
    _kill_when(home, 1, "SELECT 1 FROM starts WHERE number = ? AND pid > 0 AND ready IS NULL")
    _kill_when(home, 2, "SELECT 1 FROM measurements WHERE number = ?")


def _kill_when(home: Path, number: int, query: str) -> None:
    deadline = time.monotonic() + RUN_SECONDS
    while not rows(home, query, number):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    time.sleep(1)
    os.kill(int(json.loads(Home(home).lock.read_text())["pid"]), signal.SIGKILL)


@pytest.fixture(scope="session")
def daemon() -> Iterator[Daemon]:
    with connected() as found:
        yield found


@pytest.fixture(scope="session")
def image(daemon: Daemon) -> Iterator[str]:
    """The simulated engine, in an image made on this machine."""
    with images.simulated() as name:
        yield name


def _task(vllm: Path, model: Path) -> dict[str, object]:
    return {
        "model": str(model),
        "engine": "vllm",
        "deploy": "process",
        "command": [str(vllm), "serve"],
        "gpus": 0,
        "environment": VLLM_ENVIRONMENT,
        "workload": {
            "scenarios": ["D(100,50)"],
            "concurrency": [1, 8],
            "requests": 40,
            "max_duration": "1m",
        },
        "objective": "throughput",
        "budget": {"repeats": 0},
        "timeouts": {"start": "5m"},
    }
