"""Finding a home's containers again, and removing them; nobody else's are touched."""

from __future__ import annotations

import asyncio

from docker.errors import APIError, NotFound

from core.deploy.docker import faults
from core.deploy.docker.daemon import Daemon
from core.deploy.docker.ending import by_hand, gone, stopped
from core.deploy.docker.labels import HOME, Found, Labels, home_filter
from core.deploy.docker.threads import in_thread
from core.values import AutotunerError

_STOP_SECONDS = 10.0


async def find(home: str, daemon: Daemon | None = None) -> tuple[Found, ...]:
    """The containers of a home, ended ones too. StartError without a daemon."""
    daemon = daemon or Daemon()
    listed = await in_thread(
        lambda: daemon.call(lambda client: client.containers(all=True, filters=home_filter(home)))
    )
    return tuple(Found.of(one) for one in listed)


async def sweep(
    home: str,
    limit: float = _STOP_SECONDS,
    daemon: Daemon | None = None,
    spare: Labels | None = None,
) -> tuple[str, ...]:
    """Stop and remove every container of a home; the ids of those that stay.

    What belongs to the start `spare` is left alone.
    """
    daemon = daemon or Daemon()
    found = [one for one in await find(home, daemon) if spare is None or not one.of_start(spare)]
    removed = await asyncio.gather(*(_ended(daemon, one.id, limit) for one in found))
    return tuple(one.id for one, away in zip(found, removed, strict=True) if not away)


async def stop_ours(
    container: str, home: str, limit: float = _STOP_SECONDS, daemon: Daemon | None = None
) -> None:
    """Stop and remove one container of this home; AutotunerError for any other."""
    daemon = daemon or Daemon()
    try:
        box = await in_thread(
            lambda: daemon.call(lambda client: client.inspect_container(container))
        )
    except NotFound:
        raise AutotunerError(f"container {container[:12]}: there is none any more") from None
    except APIError as error:
        raise AutotunerError(f"container {container[:12]}: {faults.said(error)}") from None
    if (box["Config"]["Labels"] or {}).get(HOME) != home:
        raise AutotunerError(
            f"container {container[:12]} was not started from here; "
            "end it with the program that started it"
        )
    if not await _ended(daemon, box["Id"], limit):
        raise AutotunerError(
            f"container {container[:12]} could not be removed: {by_hand(box['Id'])}"
        )


async def _ended(daemon: Daemon, container: str, limit: float) -> bool:
    await stopped(daemon, container, limit)
    return await gone(daemon, container)
