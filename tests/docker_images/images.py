"""Images for tests, made on this machine by its own Docker daemon."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import docker

from tests.docker_images import roots

REPOSITORY = "autotuner-test"


@contextmanager
def simulated() -> Iterator[str]:
    """An image that serves as vLLM's does: flags alone start the simulated engine."""
    entrypoint = (str(roots.python()), "-m", "core.engines.simserver")
    environment = {
        "PYTHONPATH": str(roots.APPLICATION),
        "LD_LIBRARY_PATH": roots.library_path(),
        "PYTHONUNBUFFERED": "1",
    }
    changes = [f"ENV {name}={value}" for name, value in environment.items()]
    # A volume that Docker makes for each container, and removes only when asked to.
    changes += ["VOLUME /data", f"ENTRYPOINT {json.dumps(entrypoint)}"]
    with _image("simulated", roots.simulated(), changes) as name:
        yield name


@contextmanager
def base() -> Iterator[str]:
    """An image without a program of its own: a task mounts what it runs."""
    with _image("base", roots.base(), ["ENV PATH=/usr/bin:/bin"]) as name:
        yield name


@contextmanager
def _image(name: str, root: bytes, changes: Sequence[str]) -> Iterator[str]:
    """An image of this root, with Dockerfile lines, under a name of its own; removed at the end."""
    tag = uuid.uuid4().hex[:8]
    client = docker.from_env()
    try:
        client.api.import_image_from_data(
            root, repository=f"{REPOSITORY}/{name}", tag=tag, changes=changes
        )
        full = f"{REPOSITORY}/{name}:{tag}"
        try:
            yield full
        finally:
            client.images.remove(full, force=True)
    finally:
        client.close()
