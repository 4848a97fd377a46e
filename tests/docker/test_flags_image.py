"""An image's engine is asked for its flags in a container that leaves nothing behind."""

from __future__ import annotations

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from core.deploy.docker import Daemon
from core.doctor.flags import read_catalogue
from core.engines.flags import Catalogue
from core.paths import Home
from core.settings import Settings
from core.task import Task
from tests.docker_images import images

# `sh -c SCRIPT engine --help=all`: the word is $1.
_SERVER = """
[ "$1" = --help=all ] || exit 3
{before}
echo 'options:'
for name in max-num-seqs a b c d e f g h i; do echo "  --$name VALUE  Text. (default: 1)"; done
echo "  --network-$(ls /sys/class/net | tr '\\n' '-')x"
echo "  --token-$HF_TOKEN-$COLUMNS"
"""


class Asking:
    """Tasks whose engine is a script in busybox, and what Docker shows meanwhile."""

    def __init__(self, daemon: Daemon, image: str, folder: Path) -> None:
        self.daemon = daemon
        self.image = image
        self.home = Home(folder / "home")
        self.told: list[str] = []

    def task(self, before: str = "", **options: Any) -> Task:
        words = ("/bin/busybox", "sh", "-c", _SERVER.format(before=before), "engine")
        given = {"command": words, "image": self.image, **options}
        return Task("m", "vllm", deploy="docker", **given)

    def read(self, task: Task, limit: float = 30) -> Catalogue:
        settings = Settings({"HF_TOKEN": "abc"})
        return read_catalogue(task, settings, self.home, limit, self.told.append)

    def containers(self) -> list[dict[str, Any]]:
        wanted = {"label": [f"autotuner.home={self.home.label}"]}
        return list(self.daemon.call(lambda c: c.containers(all=True, filters=wanted)))

    def inspect(self, container: str) -> dict[str, Any]:
        return dict(self.daemon.call(lambda client: client.inspect_container(container)))


@pytest.fixture
def asking(daemon: Daemon, image: str, tmp_path: Path) -> Asking:
    return Asking(daemon, image, tmp_path)


def test_it_is_asked_once_without_a_network_and_removed(asking: Asking):
    with ThreadPoolExecutor() as pool:
        reading = pool.submit(asking.read, asking.task("sleep 2"))
        while not (found := asking.containers()):
            assert not reading.done()
        box = asking.inspect(found[0]["Id"])
        read = reading.result()
    assert box["HostConfig"]["NetworkMode"] == "none"
    assert (read.source, read.reason) == ("help", "")
    names = {flag.name for flag in read.flags}
    assert {"max-num-seqs", "network-lo-x", "token-abc-100000"} <= names
    assert asking.containers() == []
    (mine,) = {mount["Name"] for mount in box["Mounts"] if mount["Type"] == "volume"}
    volumes = asking.daemon.call(lambda client: client.volumes()["Volumes"]) or ()
    assert mine not in {volume["Name"] for volume in volumes}
    asking.told.clear()
    assert asking.read(asking.task("sleep 2")) == read
    assert asking.told == []


def test_the_same_tag_of_another_image_is_asked_anew(asking: Asking):
    tag = f"autotuner-test/moved:{uuid.uuid4().hex[:8]}"

    def tagged(client: Any) -> None:
        client.tag(asking.image, *tag.split(":"), force=True)

    def other(client: Any) -> None:
        made = client.create_container(asking.image, ["true"])["Id"]
        client.commit(made, *tag.split(":"), changes="ENV MOVED=yes")
        client.remove_container(made, v=True)

    asking.daemon.call(tagged)
    try:
        asking.read(asking.task(image=tag))
        assert len(asking.told) == 1
        asking.daemon.call(other)
        asking.read(asking.task(image=tag))
        assert len(asking.told) == 2
    finally:
        asking.daemon.call(lambda client: client.remove_image(tag, force=True))


def test_one_that_hangs_is_removed(asking: Asking):
    begun = time.monotonic()
    read = asking.read(asking.task("sleep 600"), limit=2)
    assert time.monotonic() - begun < 20
    assert "in time" in read.reason
    assert read.source == "shipped"
    assert asking.containers() == []


def test_one_that_fails_says_why(asking: Asking):
    read = asking.read(asking.task("echo no such device >&2; exit 4"))
    # Of two ways to ask, the last one's end is told.
    assert "status 3" in read.reason
    read = asking.read(asking.task(image="autotuner-test/none:v0.32.0"))
    assert "is not here yet" in read.reason
    assert read.exact, "the list that comes along is of the version in the tag"
    read = asking.read(asking.task(command=("/bin/none",)))
    assert "/bin/none" in read.reason
    assert asking.containers() == []


def test_one_that_is_removed_by_others_meanwhile(asking: Asking):
    def remove() -> None:
        while not (found := asking.containers()):
            time.sleep(0.05)
        asking.daemon.call(lambda c: c.remove_container(found[0]["Id"], v=True, force=True))

    thief = threading.Thread(target=remove)
    thief.start()
    read = asking.read(asking.task("sleep 60"))
    thief.join()
    assert read.source == "shipped"
    assert read.reason


def test_the_image_of_an_engine_with_its_own_entrypoint(tmp_path: Path):
    with images.simulated() as image:
        task = Task("m", "simulated", deploy="docker", image=image)
        read = read_catalogue(task, Settings({}), Home(tmp_path))
    assert (read.source, read.reason) == ("help", "")
    assert read.find("max-num-seqs") is not None
