"""Ending containers for sure: asked to stop, killed, removed, and looked for again."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Mapping, Sequence

from docker import APIClient
from docker.errors import APIError, NotFound

from core.deploy.base import StartError
from core.deploy.docker.daemon import Daemon

_REMOVE_SECONDS = 30.0
_AGAIN = 0.2


async def stopped(daemon: Daemon, container: str, limit: float) -> None:
    """The signal its image asks for, after `limit` seconds (whole ones) SIGKILL.

    Raises StartError when the daemon cannot be reached.
    """
    seconds = math.ceil(limit)

    def work(client: APIClient) -> None:
        # A container that is gone is stopped; one that cannot be is met again at its removal.
        with contextlib.suppress(APIError):
            client.stop(container, timeout=seconds)

    await daemon.patiently(work)


async def gone(daemon: Daemon, container: str, volumes: Sequence[str] = ()) -> bool:
    """Remove a container and its anonymous volumes; whether it is really gone.

    `volumes` are those volumes: when somebody else removes the container they may stay.
    """
    deadline = time.monotonic() + _REMOVE_SECONDS
    while True:
        try:
            if await daemon.patiently(lambda client: _removed(client, container, volumes)):
                return True
        except StartError:
            return False
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(_AGAIN)


async def gone_all(daemon: Daemon, filters: Mapping[str, Sequence[str]]) -> None:
    """Remove what a start that came to nothing has made; what stays is for the next sweep."""
    with contextlib.suppress(StartError, APIError):
        found = await daemon.patiently(
            lambda client: client.containers(all=True, filters=dict(filters))
        )
        for one in found:
            await gone(daemon, one["Id"])


def by_hand(container: str) -> str:
    """What a person does with a container that could not be removed."""
    return f"docker rm -f {container[:12]}"


def _removed(client: APIClient, container: str, volumes: Sequence[str]) -> bool:
    # Refusals tell little: it may be gone, or on its way. The look afterwards is what counts.
    with contextlib.suppress(APIError):
        client.remove_container(container, v=True, force=True)
    try:
        client.inspect_container(container)
    except NotFound:
        for volume in volumes:
            with contextlib.suppress(APIError):
                client.remove_volume(volume)
        return True
    return False
