"""Whole tasks through a real Docker daemon, measured by the real genai-bench."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import pytest

from core.paths import Home
from tests.afterwards import rows
from tests.docker_images import images
from tests.e2e import PROGRAM, Program, until
from tests.real.conftest import VLLM_ENVIRONMENT
from tests.real.containers import Daemon, Watched, manifests

pytestmark = pytest.mark.real

TASK_SECONDS = 400
VLLM_SECONDS = 600
START_SECONDS = 60
PASSWORD = "a-password-of-a-proxy"
ENV = f"""
HTTPS_PROXY=http://host.invalid:3128
CONTAINER_HTTPS_PROXY=http://someone:{PASSWORD}@containers.invalid:3128
HF_HOME={{folder}}/huggingface
"""
TASK = """
name: {name}
model: sim-8b
engine: simulated
deploy: docker
image: {image}
gpus: 0
docker: {{shm_size: 128m}}
parameters: {{max-num-seqs: [4, 8]}}
workload: {{scenarios: ["D(40,10)"], concurrency: {levels}, requests: 8, max_duration: 2s}}
objective: throughput
budget: {{repeats: 0}}
"""


@dataclass(frozen=True)
class Done:
    """A task that ran through Docker to its end."""

    program: Program
    watched: Watched
    document: dict[str, Any]

    @property
    def home(self) -> Path:
        return self.program.home


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    made = Program(tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work"))
    (made.cwd / ".env").write_text(ENV.format(folder=made.cwd), encoding="utf-8")
    yield made
    made.close()


@pytest.fixture(scope="module")
def done(program: Program, daemon: Daemon, image: str) -> Done:
    """A baseline and two configurations, each in a container of its own."""
    file = _write(program, "boxed", image, [2, 4])
    watched = daemon.watch(_followed(program, file), program.home, TASK_SECONDS)
    return Done(program, watched, program.show("boxed"))


def test_the_task_ends_well(done: Done) -> None:
    assert done.watched.done.returncode == 0, done.watched.done
    assert done.document["task"]["state"] == "completed"
    assert [e["state"] for e in done.document["experiments"]] == ["succeeded"] * 3
    for experiment in done.document["experiments"]:
        assert [m["concurrency"] for m in experiment["measurements"]] == [2, 4]
        assert all(m["errors"] == 0 and m["throughput"] > 0 for m in experiment["measurements"])


def test_each_start_had_a_container_of_its_own(done: Done) -> None:
    labels = [attributes["Config"]["Labels"] for attributes in done.watched.seen.values()]
    task = done.document["task"]["id"]
    assert {label["autotuner.home"] for label in labels} == {Home(done.home).label}
    assert {label["autotuner.task"] for label in labels} == {task}
    assert sorted(label["autotuner.experiment"] for label in labels) == ["0", "1", "2"]


def test_containers_have_their_own_proxies_and_none_of_the_hosts(done: Done) -> None:
    environments = done.watched.environments()
    assert len(environments) == 3
    for environment in environments:
        proxy = f"http://someone:{PASSWORD}@containers.invalid:3128"
        assert environment["HTTPS_PROXY"] == environment["https_proxy"] == proxy
        assert "127.0.0.1" in environment["NO_PROXY"].split(",")
        assert "host.invalid" not in json.dumps(environment)


def test_ports_are_published_on_loopback_alone(done: Done) -> None:
    for attributes in done.watched.seen.values():
        published = attributes["HostConfig"]["PortBindings"]
        assert published
        assert {b["HostIp"] for b in chain(*published.values())} == {"127.0.0.1"}
        assert attributes["HostConfig"]["ShmSize"] == 128 << 20


def test_the_manifest_says_which_image_and_which_environment(done: Done, image: str) -> None:
    written = manifests(done.home, done.document)
    assert len(written) == 3
    for manifest, attributes in zip(written, _in_order(done.watched), strict=True):
        assert manifest["container"] == attributes["Id"]
        assert manifest["image"] == image
        # An image from no registry has no digest but its own identity.
        assert manifest["image_id"] == manifest["image_digest"] == attributes["Image"]
        environment = manifest["container_environment"]
        assert environment["HTTPS_PROXY"] == "http://•••@containers.invalid:3128"
        assert set(environment) == {word.split("=")[0] for word in attributes["Config"]["Env"]}


def test_the_password_is_in_no_file_but_the_tasks_settings(done: Done) -> None:
    holders = [
        path.name
        for path in done.home.rglob("*")
        if path.is_file() and PASSWORD.encode() in path.read_bytes()
    ]
    assert holders == ["settings.env"]
    assert PASSWORD not in done.watched.done.stdout + done.watched.done.stderr


def test_the_engines_log_is_whole(done: Done) -> None:
    for number in ("0", "1", "2"):
        log = done.program("logs", "boxed", number).stdout
        assert "Initializing a V1 LLM engine" in log
        assert "Application startup complete" in log
        assert "Shutting down" in log


def test_nothing_is_left(done: Done, daemon: Daemon) -> None:
    assert daemon.left(done.home) == []
    mounts = chain(*(attributes["Mounts"] for attributes in done.watched.seen.values()))
    volumes = {mount["Name"] for mount in mounts if mount["Type"] == "volume"}
    assert len(volumes) == 3  # the image declares one, and Docker makes it without a label
    assert not volumes & daemon.volumes()
    assert done.program.processes() == []


def test_the_exported_command_starts_that_engine(done: Done, daemon: Daemon, image: str) -> None:
    command = done.program("export", "boxed", "--format", "command").stdout.splitlines()[-1]
    assert command.startswith("docker run --rm ")
    assert "-p 127.0.0.1:8000:8000" in command
    assert PASSWORD not in command
    assert command in done.watched.done.stdout
    with daemon.pasted(command, image) as process:
        until(lambda: _answers("http://127.0.0.1:8000/health", process), START_SECONDS)


def test_the_command_that_check_prints_is_the_one_that_ran(done: Done, image: str) -> None:
    checked = done.program("check", str(done.program.cwd / "boxed.yaml"), "--json")
    words = shlex.split(json.loads(checked.stdout)["plan"]["baseline"])
    before, after = words[: words.index(image)], words[words.index(image) + 1 :]
    ran, *_ = _in_order(done.watched)
    command = list(ran["Config"]["Cmd"])
    # Each start takes a free port of its own.
    command[command.index("--port") + 1] = "8000"
    assert after == command
    assert "--max-num-seqs" not in after  # the engine's own default
    assert _of("-v", before) == set(ran["HostConfig"]["Binds"] or ())
    assert _of("--shm-size", before) == {"128m"}
    # Every variable by value, and every secret by its name alone.
    given = {word.partition("=")[0]: word for word in _of("-e", before)}
    real = {word.partition("=")[0]: word for word in ran["Config"]["Env"]}
    assert given.keys() <= real.keys()
    assert all(word in (name, real[name]) for name, word in given.items())
    assert "HTTPS_PROXY" in given
    assert PASSWORD not in checked.stdout


def test_a_killed_runner_leaves_nothing_and_repeats_nothing(
    program: Program, daemon: Daemon, image: str
) -> None:
    following = program.start("run", _write(program, "phoenix", image, [1, 2, 4]))
    before = until(lambda: len(_rows(program, "phoenix")) >= 4 and _rows(program, "phoenix"), 200)
    orphans = until(lambda: daemon.inspected(program.home), START_SECONDS)
    killed = program.runner_pid
    os.kill(killed, signal.SIGKILL)
    # The command that follows the task starts the next runner.
    assert following.wait(TASK_SECONDS) == 0
    assert program.runner_pid != killed
    rows = _rows(program, "phoenix")
    assert rows[: len(before)] == before
    levels = [(number, level) for number, level, _ in rows]
    assert len(levels) == len(set(levels)) == 3 * 3
    assert orphans
    assert daemon.left(program.home) == []
    assert program.processes() == []


def test_cancelling_removes_the_container(program: Program, daemon: Daemon, image: str) -> None:
    following = program.start("run", _write(program, "dropped", image, [1, 2, 3, 4, 5, 6]))
    until(lambda: daemon.inspected(program.home), START_SECONDS)
    cancelled = program("cancel", "dropped")
    assert cancelled.returncode == 0, cancelled.stderr
    assert daemon.left(program.home) == []
    assert following.wait(START_SECONDS) == 1


def test_a_container_removed_by_hand_costs_a_start_and_no_experiment(
    program: Program, daemon: Daemon, image: str
) -> None:
    following = program.start("run", _write(program, "robbed", image, [1, 2, 4]))
    until(lambda: _state(program, "robbed", 1) in {"starting", "benchmarking"}, TASK_SECONDS)
    victim = until(lambda: _of_experiment(daemon, program.home, "1"), START_SECONDS)
    daemon.client.api.remove_container(victim, v=True, force=True)
    assert following.wait(TASK_SECONDS) == 0
    experiments = program.show("robbed")["experiments"]
    assert [e["state"] for e in experiments] == ["succeeded"] * 3
    assert [start["state"] for start in experiments[1]["starts"]] == ["interrupted", "stopped"]
    assert [m["concurrency"] for m in experiments[1]["measurements"]] == [1, 2, 4]
    query = "SELECT detail FROM events WHERE kind = 'start.retry' AND task = ?"
    ((detail,),) = rows(program.home, query, program.show("robbed")["task"]["id"])
    assert "removed" in detail
    assert daemon.left(program.home) == []


def test_an_image_that_cannot_be_had_is_told_with_advice(program: Program, daemon: Daemon) -> None:
    file = _write(program, "imageless", "127.0.0.1:9/autotuner-test/none:1", [1])
    done = program("run", file)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    (experiment,) = program.show("imageless")["experiments"]
    assert experiment["failure"]["kind"] == "image"
    assert experiment["failure"]["advice"]
    assert "connection refused" in experiment["failure"]["text"]
    assert daemon.left(program.home) == []


def test_a_real_vllm_in_a_container(
    program: Program, daemon: Daemon, vllm: Path, model: Path
) -> None:
    with images.base() as image:
        file = program.cwd / "real.yaml"
        file.write_text(json.dumps(_vllm_task(image, vllm, model)), encoding="utf-8")
        watched = daemon.watch(_followed(program, str(file)), program.home, VLLM_SECONDS)
    assert watched.done.returncode == 0, watched.done
    document = program.show("real")
    assert [e["state"] for e in document["experiments"]] == ["succeeded"] * 2
    for experiment in document["experiments"]:
        assert [m["concurrency"] for m in experiment["measurements"]] == [4]
        assert all(m["errors"] == 0 and m["throughput"] > 0 for m in experiment["measurements"])
    assert {a["HostConfig"]["ShmSize"] for a in watched.seen.values()} == {1 << 30}
    assert {e["VLLM_TARGET_DEVICE"] for e in watched.environments()} == {"cpu"}
    assert len(manifests(program.home, document)) == len(watched.seen) == 2
    assert daemon.left(program.home) == []


def _write(program: Program, name: str, image: str, levels: list[int]) -> str:
    file = program.cwd / f"{name}.yaml"
    file.write_text(TASK.format(name=name, image=image, levels=levels), encoding="utf-8")
    return str(file)


def _state(program: Program, task: str, number: int) -> str | None:
    """The state of an experiment, None before it is known."""
    shown = program("show", task, "--json")
    experiments = json.loads(shown.stdout)["experiments"] if shown.returncode == 0 else []
    return experiments[number]["state"] if number < len(experiments) else None


def _of_experiment(daemon: Daemon, home: Path, number: str) -> str | None:
    """The running container of an experiment, if there is one."""
    for identity, attributes in daemon.inspected(home).items():
        labels = attributes["Config"]["Labels"]
        if labels["autotuner.experiment"] == number and attributes["State"]["Running"]:
            return identity
    return None


def _followed(program: Program, file: str) -> subprocess.Popen[str]:
    """`autotuner-tui run`, with what it prints kept."""
    return subprocess.Popen(
        [*PROGRAM, "run", file], env=program.environment, cwd=program.cwd, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def _vllm_task(image: str, vllm: Path, model: Path) -> dict[str, object]:
    """An image without a program: this machine's, with its libraries, is mounted into it."""
    asked: list[str | Path] = [vllm.parent / "python", "-c", "import sys; print(sys.base_prefix)"]
    python = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    folders = dict.fromkeys(["/usr", "/bin", "/lib", "/lib64", python, str(vllm.parent.parent)])
    return {
        "name": "real",
        "model": str(model),
        "engine": "vllm",
        "deploy": "docker",
        "image": image,
        "command": [str(vllm), "serve"],
        "mounts": [f"{folder}:{folder}:ro" for folder in folders],
        "docker": {"shm_size": "1g"},
        "gpus": 0,
        "environment": VLLM_ENVIRONMENT,
        "baseline": {"max-model-len": 1024, "enforce-eager": True},
        "parameters": {"max-num-seqs": [16], "max-model-len": 1024, "enforce-eager": True},
        "workload": {
            "scenarios": ["D(100,50)"],
            "concurrency": [4],
            "requests": 40,
            "max_duration": "1m",
        },
        "objective": "throughput",
        "budget": {"repeats": 0},
        "timeouts": {"start": "5m"},
    }


def _in_order(watched: Watched) -> list[Mapping[str, Any]]:
    """What was seen, by the number of the experiment."""
    number = "autotuner.experiment"
    return sorted(watched.seen.values(), key=lambda a: int(a["Config"]["Labels"][number]))


def _of(option: str, words: Sequence[str]) -> set[str]:
    """What is given with an option."""
    return {after for word, after in pairwise(words) if word == option}


def _rows(program: Program, task: str) -> list[tuple[int, int, float]]:
    shown = program("show", task, "--json")
    if shown.returncode:
        return []
    return [
        (e["number"], m["concurrency"], m["throughput"])
        for e in json.loads(shown.stdout)["experiments"]
        for m in e["measurements"]
    ]


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, f"`docker run` ended with {process.returncode}"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with suppress(OSError), direct.open(url, timeout=5) as answer:
        return bool(answer.status == 200)
    return False
