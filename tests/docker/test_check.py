"""What `check` asks of a real daemon and finds out inside a container."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.doctor.image import image_checks
from core.doctor.inside import container_hub_check
from core.doctor.report import Check, Verdict
from core.engines import registry
from core.paths import Home
from core.settings import Settings
from core.space import build
from core.task import DockerOptions, Task
from tests.docker_images import images, roots
from tests.hub_server import Hub, serving


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    with images.simulated() as name:
        yield name


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving() as hub:
        hub.status = 200
        yield hub


def task(image: str, network: str) -> Task:
    """One that has a `python3`, as images of real engines do."""
    python = roots.python()
    mounts = (f"{python}:/usr/local/bin/python3:ro",)
    docker = DockerOptions(network=network)
    return Task("org/m", "vllm", deploy="docker", image=image, mounts=mounts, docker=docker)


def asked(task: Task, folder: Path, **settings: str) -> Check:
    space = build(task, registry.find(task.engine))
    home = Home(folder / "home")
    return container_hub_check(task, space, Settings(settings), home, 20.0)


def test_the_hub_is_asked_where_the_container_is(image: str, hub: Hub, tmp_path: Path):
    found = asked(task(image, "host"), tmp_path, HF_ENDPOINT=hub.url)
    assert (found.verdict, found.id) == (Verdict.OK, "container-hub"), found
    # In a network of its own, loopback is the container.
    found = asked(task(image, "bridge"), tmp_path, HF_ENDPOINT=hub.url)
    assert found.verdict is Verdict.WARNING
    assert "Connection refused" in found.evidence
    assert "CONTAINER_HTTPS_PROXY" in found.advice
    assert "network: host" in found.advice


def test_its_proxy_is_the_one_that_containers_get(image: str, hub: Hub, tmp_path: Path):
    settings = {"HF_ENDPOINT": hub.url.replace("127.0.0.1", "hub.example"), "HTTP_PROXY": hub.url}
    found = asked(task(image, "host"), tmp_path, **settings)
    assert found.verdict is Verdict.WARNING  # the host's proxy is not the container's
    found = asked(task(image, "host"), tmp_path, **settings, CONTAINER_HTTP_PROXY=hub.url)
    assert found.verdict is Verdict.OK, found


def test_an_image_that_cannot_ask_is_no_verdict(image: str, tmp_path: Path):
    bare = Task("org/m", "vllm", deploy="docker", image=image)
    found = asked(bare, tmp_path)
    assert found.verdict is Verdict.UNKNOWN
    assert "python3" in found.evidence
    missing = Task("org/m", "vllm", deploy="docker", image="autotuner-test/none:1")
    assert asked(missing, tmp_path).verdict is Verdict.UNKNOWN


def test_an_image_is_here_or_said_to_be_missing(image: str):
    space = build(Task("m", "vllm"), registry.find("vllm"))
    here = Task("m", "vllm", deploy="docker", image=image)
    checks = {one.id: one for one in image_checks(here, space, Settings({}), 5.0, driver=True)}
    assert checks["docker"].verdict is checks["image"].verdict is Verdict.OK
    assert checks["docker-gpus"].verdict is Verdict.WARNING
    assert "nvidia-container-toolkit" in checks["docker-gpus"].advice
    gone = Task("m", "vllm", deploy="docker", image="localhost:1/none:1")
    checks = {one.id: one for one in image_checks(gone, space, Settings({}), 5.0, driver=False)}
    assert checks["image"].verdict in {Verdict.UNKNOWN, Verdict.FAILURE}
    assert "docker pull" in checks["image"].advice
    assert "docker-gpus" not in checks


def test_no_daemon_is_a_failure_with_a_way_out():
    space = build(Task("m", "vllm"), registry.find("vllm"))
    nowhere = Settings({"DOCKER_HOST": "unix:///nowhere.sock"})
    (found,) = image_checks(Task("m", "vllm", deploy="docker"), space, nowhere, 2.0, driver=False)
    assert found.verdict is Verdict.FAILURE
    assert "deploy: process" in found.advice
