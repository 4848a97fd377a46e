"""What a process or container has in its environment, read from itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import psutil
from docker import APIClient
from docker.errors import APIError, NotFound

from core.deploy.base import StartError
from core.deploy.docker import Daemon, Labels
from core.deploy.docker.faults import said
from core.deploy.process import LABEL, labelled
from core.values import AutotunerError

_DOCKER_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Having:
    """An environment as it is, nothing hidden. `source` says whose; `running`: it is at work."""

    source: str
    running: bool
    environment: Mapping[str, str]


def of_process(label: str) -> Having | None:
    """Of the oldest process of exactly this label that leads its session; None: there is none.

    It is what the process was started with: the kernel shows nothing that a program sets in
    itself later.
    """
    for process in sorted(labelled(label), key=lambda one: one.pid):
        try:
            environment = process.environ()
            if environment.get(LABEL) == label and os.getsid(process.pid) == process.pid:
                return Having(f"process {process.pid}", True, environment)
        except (psutil.Error, OSError):  # it has just ended
            continue
    return None


def of_container(labels: Labels, host: str | None) -> Having | None:
    """Of a start's container, also of one that has ended; None: there is none.

    `host` is where the daemon is. AutotunerError when it does not answer.
    """

    def look(client: APIClient) -> Having | None:
        for listed in client.containers(all=True, filters=labels.filters):
            try:
                return _inspected(client.inspect_container(listed["Id"]))
            except NotFound:  # removed since it was listed
                continue
        return None

    try:
        return Daemon(host, timeout=_DOCKER_SECONDS).call(look)
    except StartError as error:
        raise AutotunerError(f"{error.failure.message}; {error.failure.advice}") from None
    except APIError as error:
        raise AutotunerError(f"Docker: {said(error)}") from None


def _inspected(box: Mapping[str, dict[str, object]]) -> Having:
    listed = box["Config"].get("Env") or ()
    assert isinstance(listed, list | tuple)
    pairs = (str(entry).partition("=") for entry in listed)
    running = bool(box["State"].get("Running"))
    name = str(box["Name"]).removeprefix("/")
    ended = "" if running else ", which has ended"
    return Having(f"container {name}{ended}", running, {n: value for n, _, value in pairs})
