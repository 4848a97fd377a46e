"""An engine in a container: what it may see of this machine, and what it keeps between starts."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from core import settings
from core.engines.base import Engine
from core.settings import Settings
from core.task import Task
from core.values import Container, InputError, looks_secret, mask_urls

HUB = "/autotuner/hub"
CACHE = "/autotuner/cache"


@dataclass(frozen=True, slots=True)
class Host:
    """What containers get of this machine for one task.

    `hub` is the folder of the Hub cache, `cache` where compile caches are kept; `environment`
    is what settings give to containers. `user` is `uid:gid`, None for root. `driver`: there
    is an NVIDIA driver, so GPUs can be asked for.
    """

    hub: Path
    cache: Path
    environment: dict[str, str]
    user: str | None
    driver: bool

    @classmethod
    def of(cls, resolved: Settings, cache: Path) -> Host:
        """From a task's settings and the home's cache folder."""
        from core.gpu.nvml import has_driver  # commands that print a plan need no bindings

        user = resolved.values.get("HOME") or str(Path.home())
        hub = resolved.values.get("HF_HOME") or f"{user}/.cache/huggingface"
        # Files of a container that runs as root would be root's in the user's own folders.
        own = f"{os.getuid()}:{os.getgid()}" if os.getuid() else None
        given = settings.container_environment(resolved)
        return cls(Path(hub).expanduser(), cache, given, own, has_driver())


def container(
    task: Task, engine: Engine, port: int, devices: tuple[str, ...], host: Host
) -> Container:
    """How this task's engine runs in Docker. InputError when no image is known."""
    image = task.image or engine.image
    if image is None:
        raise InputError(f"image: the engine {engine.name} has no image of its own; name one")
    return Container(
        image=image,
        port=port,
        entrypoint=task.command,
        mounts=(*_mounts(task, image, engine, host), *task.mounts),
        devices=devices,
        shm_size=task.docker.shm_size,
        ipc=task.docker.ipc,
        network=task.docker.network,
        user=host.user,
    )


def caches(engine: Engine, image: str, host: Host) -> Path:
    """Where this engine version keeps what it compiled; other versions must not see it.

    It goes by the name that is asked for, known before the image is there. Where a name comes
    to mean another image (`latest`), it is the engine that looks: vLLM, Inductor, Triton and
    FlashInfer have their versions in the keys of what they keep.
    """
    return host.cache / "engines" / f"{engine.name}-{re.sub(r'[^A-Za-z0-9.]+', '-', image)}"


def environment(engine: Engine, host: Host) -> dict[str, str]:
    """What every container of this engine gets; a secret is a `${NAME}` reference."""
    given = {name: _reference(name, value) for name, value in host.environment.items()}
    if engine.loads_weights:
        given["HF_HOME"] = HUB
    if engine.caches:
        # A user of the host need not exist in the image: it gets a name and a home of ours.
        given |= {"HOME": CACHE, "USER": "autotuner"}
    return given | {name: f"{CACHE}/{folder}" for name, folder in engine.caches.items()}


def _reference(name: str, value: str) -> str:
    secret = looks_secret(name) or mask_urls(value) != value
    return f"${{{name}}}" if secret else value


def _mounts(task: Task, image: str, engine: Engine, host: Host) -> tuple[str, ...]:
    folders = dict.fromkeys(p for p in (task.model, task.tokenizer) if Path(p).is_absolute())
    return (
        *((f"{host.hub}:{HUB}",) if engine.loads_weights else ()),
        *((f"{caches(engine, image, host)}:{CACHE}",) if engine.caches else ()),
        *(f"{folder}:{folder}:ro" for folder in folders),
    )
