"""Watching, from outside, the containers that a task starts."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import NotFound

from core.paths import Home

LABEL = "autotuner.home"
_EXPERIMENT = "autotuner.experiment"
_POLL = 0.2


@dataclass(frozen=True)
class Watched:
    """A command that ran to its end, and what `docker inspect` said of each container of it."""

    done: subprocess.CompletedProcess[str]
    seen: Mapping[str, Mapping[str, Any]]

    def environments(self) -> list[dict[str, str]]:
        """The environment each container really had."""
        each = (attributes["Config"]["Env"] for attributes in self.seen.values())
        return [dict(word.split("=", 1) for word in words) for words in each]


@dataclass(frozen=True)
class Daemon:
    """The Docker daemon as this test sees it."""

    client: Any

    def inspected(self, home: Path) -> dict[str, Mapping[str, Any]]:
        """What there is of this home's experiments, stopped ones too, by id."""
        return {
            container.id: container.attrs
            for container in self._containers(home)
            if _EXPERIMENT in container.labels
        }

    def left(self, home: Path) -> list[str]:
        """Containers, networks and volumes with the label of this home."""
        networks = self.client.networks.list(filters=_ours(home))
        volumes = self.client.volumes.list(filters=_ours(home))
        return [one.id for one in (*self._containers(home), *networks, *volumes)]

    def volumes(self) -> set[str]:
        """All volumes, whoever made them."""
        return {volume.id for volume in self.client.volumes.list()}

    def watch(self, process: subprocess.Popen[str], home: Path, limit: float) -> Watched:
        """Look at this home's containers until the process ends."""
        seen: dict[str, Mapping[str, Any]] = {}
        deadline = time.monotonic() + limit
        while process.poll() is None:
            now = self.inspected(home)
            # A stopped container has no ports any more: what it was while it ran is kept.
            seen.update({i: a for i, a in now.items() if a["State"]["Running"] or i not in seen})
            assert time.monotonic() < deadline, f"did not end within {limit} s"
            time.sleep(_POLL)
        output, errors = process.communicate()
        done = subprocess.CompletedProcess(process.args, process.returncode, output, errors)
        return Watched(done, seen)

    @contextmanager
    def pasted(self, command: str, image: str) -> Iterator[subprocess.Popen[bytes]]:
        """The command as a person's shell runs it; its container is removed at the end."""
        before = self._of_image(image)
        process = subprocess.Popen(
            ["bash", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        try:
            yield process
        finally:
            for container in self._of_image(image) - before:
                with suppress(NotFound):
                    self.client.api.remove_container(container, v=True, force=True)
            process.terminate()
            process.wait(60)

    def _containers(self, home: Path) -> list[Any]:
        """All with the label of this home: those that only answer a question of a check too."""
        return list(self.client.containers.list(all=True, filters=_ours(home), ignore_removed=True))

    def _of_image(self, image: str) -> set[str]:
        wanted = {"ancestor": image}
        return {c["Id"] for c in self.client.api.containers(all=True, filters=wanted)}


def _ours(home: Path) -> dict[str, str]:
    return {"label": f"{LABEL}={Home(home).label}"}


@contextmanager
def connected() -> Iterator[Daemon]:
    """The daemon of DOCKER_HOST, or the machine's own; the test fails when none answers."""
    client = docker.from_env(timeout=120)
    try:
        client.ping()
    except docker.errors.DockerException as error:
        pytest.fail(f"these tests need a Docker daemon: {error}")
    try:
        yield Daemon(client)
    finally:
        client.close()


def manifests(home: Path, document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """manifest.json of every start of a task, in order."""
    found = []
    for experiment in document["experiments"]:
        for start in experiment["starts"]:
            task, number = document["task"]["id"], experiment["number"]
            folder = Home(home).start(task, number, start["attempt"])
            found.append(json.loads((folder / "manifest.json").read_text(encoding="utf-8")))
    return found
