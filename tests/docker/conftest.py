"""Containers of a real Docker daemon, at DOCKER_HOST or where Docker listens by itself.

Without one these tests fail: whoever asks for this folder wants a real daemon. Some start
daemons of their own, so they run as root, with dockerd and a static busybox installed.
"""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import tarfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from core.deploy.docker import Daemon, DockerRunning, Labels, start
from core.values import Container, LaunchSpec
from tests.docker.machines import Machine, machine
from tests.docker.registry import Image

SECONDS = 60.0
_HOOK = """#!/bin/sh
# In the place of NVIDIA's hook: it knows one GPU, GPU-0.
bundle=$(sed 's/.*"bundle":"\\([^"]*\\)".*/\\1/')
if grep -q 'NVIDIA_VISIBLE_DEVICES=GPU-0"' "$bundle/config.json"; then exit 0; fi
echo 'nvidia-container-cli: device error: unknown device' >&2
exit 1
"""


def archive(files: Mapping[str, bytes]) -> bytes:
    """A tar of programs."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            tar.addfile(entry, io.BytesIO(data))
    return made.getvalue()


def busybox() -> bytes:
    program = shutil.which("busybox")
    assert program, "install busybox-static"
    return archive({"bin/busybox": Path(program).read_bytes()})


def load(daemon: Daemon) -> str:
    """An image that starts busybox, its first word the applet, under a name of its own."""
    tag = uuid.uuid4().hex[:8]
    changes = ['ENTRYPOINT ["/bin/busybox"]', "ENV FROM_IMAGE=yes", "VOLUME /scratch"]
    daemon.call(
        lambda client: client.import_image_from_data(
            busybox(), repository="autotuner-test/busybox", tag=tag, changes=changes
        )
    )
    return f"autotuner-test/busybox:{tag}"


async def quiet(done: int, total: int | None) -> None:
    """Progress that nobody looks at."""


async def until(condition: Callable[[], object], seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not come true"
        await asyncio.sleep(0.05)


class Bench:
    """A daemon, an image on it, and containers of one home started from it."""

    def __init__(self, daemon: Daemon, image: str, folder: Path, network: str | None = None):
        self.daemon = daemon
        self.image = image
        self.folder = folder
        self.network = network
        self.labels = Labels(uuid.uuid4().hex[:12], "1a2b3c4d", 2, 1)
        self.log = folder / "engine.log"

    def spec(self, *argv: str, **options) -> LaunchSpec:
        """busybox with these words; options are fields of Container."""
        given = {"image": self.image, "port": 18765, "network": self.network, **options}
        return LaunchSpec(argv=argv, container=Container(**given))

    async def start(self, spec: LaunchSpec, environment=None, **options) -> DockerRunning:
        given = {"labels": self.labels, "log": self.log, "progress": quiet, **options}
        return await start(spec, environment or {}, pull_limit=SECONDS, daemon=self.daemon, **given)

    async def sh(self, script: str, environment=None, **options) -> DockerRunning:
        """A shell script as the engine."""
        return await self.start(self.spec("sh", "-c", script, **options), environment)

    def inspect(self, container: str) -> dict:
        return dict(self.daemon.call(lambda client: client.inspect_container(container)))

    def containers(self) -> list[dict]:
        """Of this home, whatever their state."""
        wanted = {"label": [f"autotuner.home={self.labels.home}"]}
        return list(self.daemon.call(lambda c: c.containers(all=True, filters=wanted)))

    def volumes(self) -> set[str]:
        found = self.daemon.call(lambda client: client.volumes()["Volumes"]) or ()
        return {volume["Name"] for volume in found}

    def clean(self) -> None:
        def work(client: Any) -> None:
            for one in self.containers():
                client.remove_container(one["Id"], v=True, force=True)

        self.daemon.call(work)


@pytest.fixture(scope="session")
def daemon() -> Daemon:
    """The machine's own."""
    found = Daemon()
    found.call(lambda client: client.ping())
    return found


@pytest.fixture(scope="session")
def image(daemon: Daemon) -> Iterator[str]:
    name = load(daemon)
    yield name
    daemon.call(lambda client: client.remove_image(name, force=True))


@pytest.fixture
def bench(daemon: Daemon, image: str, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(daemon, image, tmp_path)
    yield made
    made.clean()


@pytest.fixture(scope="session")
def gpu_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A daemon that believes in one GPU, and that may be stopped and started."""
    assert os.geteuid() == 0, "these tests start daemons of their own: run them as root"
    programs = tmp_path_factory.mktemp("bin")
    hook = programs / "nvidia-container-runtime-hook"
    hook.write_text(_HOOK)
    hook.chmod(0o755)
    with machine("--add-runtime", "nvidia=/usr/sbin/runc", path=str(programs)) as made:
        yield made


@pytest.fixture(scope="session")
def gpu_image(gpu_machine: Machine) -> str:
    return load(gpu_machine.daemon())


@pytest.fixture
def gpu_bench(gpu_machine: Machine, gpu_image: str, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(gpu_machine.daemon(), gpu_image, tmp_path, "none")
    yield made
    made.clean()


@pytest.fixture
def stored() -> Image:
    """An image for a registry: busybox, and a layer of four megabytes; never the same twice."""
    return Image((busybox(), archive({"filler": os.urandom(4_000_000)})), ("/bin/busybox",))


@pytest.fixture
def fragile(gpu_machine: Machine) -> Iterator[Machine]:
    """A daemon that a test may end; it runs again afterwards."""
    yield gpu_machine
    if gpu_machine.process is None or gpu_machine.process.poll() is not None:
        gpu_machine.start()
