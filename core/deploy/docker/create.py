"""From a LaunchSpec to a container that runs, or to nothing at all."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docker import APIClient
from docker.errors import APIError, DockerException
from docker.types import DeviceRequest, Mount

from core.deploy.base import StartError
from core.deploy.docker import faults
from core.deploy.docker.daemon import Daemon
from core.deploy.docker.ending import gone_all
from core.deploy.docker.facts import known
from core.deploy.docker.image import Progress, pull
from core.deploy.docker.labels import Labels
from core.deploy.docker.running import DockerRunning
from core.deploy.docker.threads import finished, in_thread
from core.values import Container, LaunchSpec

_NAMES = 5
_CONFLICT = 409

# The log is read from the daemon, also again from its beginning: none of it may be rotated
# away or dropped, whatever the daemon's own settings say.
LOG = {"type": "json-file", "config": {"max-size": "1t", "mode": "blocking"}}


async def start(
    spec: LaunchSpec,
    environment: Mapping[str, str],
    log: Path,
    labels: Labels,
    *,
    progress: Progress,
    pull_limit: float,
    daemon: Daemon | None = None,
) -> DockerRunning:
    """Pull what is missing, create and start; the output is appended to `log`.

    `environment` is all the container gets besides its image's own. Raises StartError;
    then, and when cancelled, no container of these labels is left.
    """
    daemon = daemon or Daemon()
    box = spec.container
    assert box is not None
    await pull(box.image, progress, pull_limit, daemon)
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        facts, volumes = await finished(
            in_thread(lambda: _launched(daemon, box, spec.argv, environment, labels))
        )
    except BaseException:
        await gone_all(daemon, labels.filters)
        raise
    return DockerRunning(daemon, facts, log, volumes)


def _launched(
    daemon: Daemon,
    box: Container,
    argv: tuple[str, ...],
    environment: Mapping[str, str],
    labels: Labels,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Facts of a container that was started, and the volumes that were made for it."""

    def work(client: APIClient) -> tuple[dict[str, Any], tuple[str, ...]]:
        made = _created(client, _config(client, box, argv, environment, labels), labels.name)
        client.start(made)
        return known(client, made)

    try:
        return daemon.call(work)
    except DockerException as error:
        raise StartError(faults.of_start(error)) from None


def _created(client: APIClient, config: Mapping[str, Any], stem: str) -> str:
    """The id of a new container under a name that nobody has."""
    for attempt in range(_NAMES):
        name = f"{stem}-{secrets.token_hex(2)}"
        try:
            return str(client.create_container_from_config(config, name)["Id"])
        except APIError as error:
            if error.status_code != _CONFLICT or attempt == _NAMES - 1:
                raise
    raise AssertionError


def _config(
    client: APIClient,
    box: Container,
    argv: tuple[str, ...],
    environment: Mapping[str, str],
    labels: Labels,
) -> Any:
    """What the daemon is asked for; `LaunchSpec.shell` says the same as a command."""
    published = {} if box.network == "host" else {box.port: ("127.0.0.1", box.port)}
    host = client.create_host_config(
        network_mode=box.network,
        port_bindings=published,
        ipc_mode=box.ipc,
        shm_size=box.shm_size,
        mounts=[mount(one) for one in box.mounts],
        device_requests=gpus(box.devices),
        log_config=LOG,
    )
    return client.create_container_config(
        box.image,
        [*box.entrypoint[1:], *argv],
        entrypoint=list(box.entrypoint[:1]) or None,
        environment=dict(environment),
        labels=labels.values,
        ports=list(published),
        user=box.user,
        host_config=host,
    )


def mount(written: str) -> Mount:
    """`SOURCE:TARGET[:ro|rw]`; a source that is no path names a volume."""
    source, target, *mode = written.split(":")
    # A bind mount of this kind is refused when its source is missing; `-v` would make it, as root.
    kind = "bind" if source.startswith("/") else "volume"
    return Mount(target, source, type=kind, read_only=mode == ["ro"])


def gpus(devices: tuple[str, ...]) -> list[DeviceRequest] | None:
    """The request for these GPUs; none where there are none to ask for."""
    if not devices:
        return None
    return [DeviceRequest(device_ids=list(devices), capabilities=[["gpu"]])]
