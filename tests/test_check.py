"""Single checks of a task: folders, limits, models in folders, what waits too long."""

from __future__ import annotations

import json
import os
import resource
import time
from pathlib import Path

import pytest

from core.doctor.folders import compile_cache_check, model_cache_check, results_check
from core.doctor.limits import files_check, port_check, shm_check
from core.doctor.machine import Look, together
from core.doctor.model import lacking, model_found
from core.doctor.report import Check, Verdict, ok
from core.engines import registry
from core.engines.boxes import Host
from core.paths import Home
from core.settings import Settings
from core.space import build
from core.task import DockerOptions, Task, parse
from tests.nobody import nobody


@pytest.fixture
def open_path(tmp_path: Path) -> Path:
    """A folder that others can reach: pytest's own are closed to them."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == Path.home().owner() and folder.name.startswith(
            ("pytest-", "popen", "test_")
        ):
            folder.chmod(0o755)
    return tmp_path


def test_a_local_model_lacks_what_its_index_names(tmp_path: Path):
    assert lacking(tmp_path) == ["config.json", "weights (*.safetensors)"]
    (tmp_path / "config.json").write_text("{}")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text("{")
    assert lacking(tmp_path) == ["a readable model.safetensors.index.json"]
    shards = {"a": "1-of-2.safetensors", "b": "2-of-2.safetensors"}
    index.write_text(json.dumps({"weight_map": shards}))
    (tmp_path / "1-of-2.safetensors").touch()
    assert lacking(tmp_path) == ["2-of-2.safetensors"]
    (tmp_path / "2-of-2.safetensors").touch()
    assert lacking(tmp_path) == []
    # A second format that is not whole is no harm beside one that is.
    other = tmp_path / "pytorch_model.bin.index.json"
    other.write_text(json.dumps({"weight_map": {"a": "gone.bin"}}))
    assert lacking(tmp_path) == []


def test_a_model_folder_that_is_not_there(tmp_path: Path):
    gone = Task(str(tmp_path / "gone"), "vllm")
    (found,), facts = model_found(gone, Settings({}), 3.0)
    assert (found.verdict, facts) == (Verdict.FAILURE, None)
    assert "owner/name" in found.advice


@pytest.mark.parametrize(
    "left",
    [
        "models--o--m/blobs",
        ".locks/models--o--m/x.lock",
        "models--o--m/refs/main",
        "models--o--m/blobs/y.incomplete",
    ],
)
def test_what_another_user_left_in_the_cache_is_found(open_path: Path, left: str):
    cache = open_path / "hub"
    place = cache / left
    place.parent.mkdir(parents=True)
    place.mkdir() if left.endswith("blobs") else place.touch()
    for folder in (cache, *cache.rglob("*")):
        folder.chmod(0o777)
    task, settings = Task("o/m", "vllm"), Settings({"HF_HUB_CACHE": str(cache)})
    with nobody():
        assert model_cache_check(task, settings).verdict is Verdict.OK
    place.chmod(0o555)
    with nobody():
        found = model_cache_check(task, settings)
    assert found.verdict is Verdict.FAILURE
    assert str(place) in found.evidence
    assert "chown" in found.advice
    assert "HF_HOME" in found.advice


def test_folders_of_results_and_of_what_was_compiled(open_path: Path):
    home = Home(open_path / "home")
    home.root.mkdir()
    home.root.chmod(0o755)
    host = Host(open_path, home.cache, {}, None, driver=False)
    task = Task("o/m", "vllm", deploy="docker")
    if os.getuid() == 0:
        with nobody():
            assert results_check(home).verdict is Verdict.FAILURE
            found = compile_cache_check(task, host)
            assert found is not None
            assert found.verdict is Verdict.FAILURE
    assert results_check(home).verdict is Verdict.OK
    assert compile_cache_check(Task("o/m", "vllm", deploy="process"), host) is None


def test_open_files_and_ports():
    assert port_check().verdict is Verdict.OK
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
        found = files_check(Task("m", "vllm"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found.verdict is Verdict.WARNING
    assert "open files: 1024; locked memory: " in found.evidence
    assert "ulimit -n 4096" in found.advice


def test_shared_memory_is_asked_for_when_gpus_exchange_data():
    text = "model: m\nengine: vllm\ndeploy: docker\nparallel: {tp: [1, 2]}\n"
    task = parse(text, "t.yaml", Path("/"))
    space = build(task, registry.find("vllm"))
    found = shm_check(task, space)
    assert found is not None
    assert found.verdict is Verdict.WARNING
    assert "shm_size" in found.advice
    given = Task("m", "vllm", deploy="docker", docker=DockerOptions(shm_size="16g"))
    found = shm_check(given, space)
    assert found is not None
    assert found.verdict is Verdict.OK
    single = Task("m", "vllm", deploy="docker")
    assert shm_check(single, build(single, registry.find("vllm"))) is None


def test_each_look_has_its_own_limit_and_what_waits_is_said():
    def slow(seconds: float) -> list[Check]:
        time.sleep(seconds)
        return [ok("slow", "done")]

    told: set[str] = set()
    looks = [
        Look("slow", lambda: slow(0.6), 5.0),
        Look("late", lambda: slow(3.0)),
        Look("quick", lambda: [ok("quick", "")]),
    ]
    found = together(looks, 0.2, told.update)
    assert [one.id for one in found] == ["slow", "late", "quick"]
    assert [one.verdict for one in found] == [Verdict.OK, Verdict.UNKNOWN, Verdict.OK]
    assert {"slow", "late"} <= told
