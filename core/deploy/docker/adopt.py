"""Finding the container of one start again, and going on with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from docker import APIClient
from docker.errors import APIError, NotFound

from core.deploy.base import StartError
from core.deploy.docker import faults
from core.deploy.docker.daemon import Daemon
from core.deploy.docker.ending import by_hand, gone
from core.deploy.docker.facts import known
from core.deploy.docker.labels import Labels
from core.deploy.docker.running import ALIVE, DockerRunning
from core.values import Failure, FailureKind

T = TypeVar("T")

_NEVER_RAN = "created"


async def find_start(
    labels: Labels, log: Path, daemon: Daemon | None = None
) -> DockerRunning | None:
    """The container that an earlier program started for this start; None: none ever ran.

    Its output goes on in `log` where that stops. One that has ended has its exit code at
    once. What was made and never started is removed. Raises StartError when the daemon stays
    away, or when such a container cannot be removed.
    """
    daemon = daemon or Daemon()
    log.parent.mkdir(parents=True, exist_ok=True)
    listed = await _asked(
        daemon, lambda client: client.containers(all=True, filters=labels.filters)
    )
    for one in listed:
        if one["State"] == _NEVER_RAN and not await gone(daemon, one["Id"]):
            raise StartError(_in_the_way(one["Id"]))
    ran = [one for one in listed if one["State"] != _NEVER_RAN]
    if not ran:
        return None
    return await _attached(daemon, min(ran, key=lambda one: one["State"] not in ALIVE), log)


async def _attached(daemon: Daemon, listed: Mapping[str, Any], log: Path) -> DockerRunning | None:
    """None: it was removed since it was listed."""

    def look(client: APIClient) -> tuple[dict[str, Any], tuple[str, ...]] | None:
        try:
            return known(client, listed["Id"])
        except NotFound:
            return None

    if (found := await _asked(daemon, look)) is None:
        return None
    facts, volumes = found
    have = log.stat().st_size if log.exists() else 0
    ended = listed["State"] not in ALIVE
    running = DockerRunning(daemon, facts, log, volumes, have, unwatched=ended)
    if ended:
        await running.wait()
    return running


async def _asked(daemon: Daemon, work: Callable[[APIClient], T]) -> T:
    """Of a daemon that may be away for a while. StartError when it stays away, or refuses."""
    try:
        return await daemon.patiently(work)
    except APIError as error:
        raise StartError(faults.of_start(error)) from None


def _in_the_way(container: str) -> Failure:
    message = f"container {container[:12]}, which was never started, could not be removed"
    return Failure(FailureKind.DOCKER, message, by_hand(container))
