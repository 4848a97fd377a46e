"""A container that is started for what it prints, and removed at once."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from docker import APIClient
from docker.errors import APIError

from core.deploy.docker.create import LOG, gpus, mount
from core.deploy.docker.daemon import Daemon
from core.deploy.docker.labels import HOME
from core.values import Container

_POLL = 0.25
_TAIL = 20


@dataclass(frozen=True, slots=True)
class Printed:
    """What a container wrote to its standard output, the end of its standard error, and how it
    ended; `status` None: it did not end in time.
    """

    text: str
    errors: str
    status: int | None


def printed(
    daemon: Daemon,
    box: Container,
    argv: tuple[str, ...],
    environment: Mapping[str, str],
    *,
    home: str,
    limit: float,
    writable: tuple[str, ...] = (),
    network: str = "none",
    waiting: Callable[[], None],
) -> Printed:
    """Run `argv` behind the entrypoint of `box`, for `limit` seconds at most.

    The image has to be there. `home` is the label of a state folder: a sweep finds what a
    killed program leaves. `writable` folders are in memory. `waiting` is called now and then.
    Raises Unreachable and the SDK's APIError; the container is removed in any case.
    """

    def work(client: APIClient) -> Printed:
        made = _made(client, box, argv, environment, home, writable, network)
        try:
            client.start(made)
            status = _status(client, made, limit, waiting)
            return Printed(
                client.logs(made, stdout=True, stderr=False).decode("utf-8", "replace"),
                client.logs(made, stdout=False, stderr=True, tail=_TAIL).decode("utf-8", "replace"),
                status,
            )
        finally:
            with contextlib.suppress(APIError):
                client.remove_container(made, v=True, force=True)

    return daemon.call(work)


def _made(
    client: APIClient,
    box: Container,
    argv: tuple[str, ...],
    environment: Mapping[str, str],
    home: str,
    writable: tuple[str, ...],
    network: str,
) -> str:
    host = client.create_host_config(
        network_mode=network,
        mounts=[mount(one) for one in box.mounts],
        device_requests=gpus(box.devices),
        tmpfs=dict.fromkeys(writable, "mode=1777"),
        log_config=LOG,
    )
    config = client.create_container_config(
        box.image,
        [*box.entrypoint[1:], *argv],
        entrypoint=list(box.entrypoint[:1]) or None,
        environment=dict(environment),
        labels={HOME: home},
        user=box.user,
        host_config=host,
    )
    name = f"autotuner-look-{secrets.token_hex(4)}"
    return str(client.create_container_from_config(config, name)["Id"])


def _status(
    client: APIClient, container: str, limit: float, waiting: Callable[[], None]
) -> int | None:
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        state = client.inspect_container(container)["State"]
        if state["Status"] in {"exited", "dead"}:
            return int(state["ExitCode"])
        waiting()
        time.sleep(_POLL)
    return None
