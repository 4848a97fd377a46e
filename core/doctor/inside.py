"""The Hub as a container of the task sees it: asked from inside one, in its environment."""

from __future__ import annotations

import dataclasses

from docker.errors import APIError, NotFound

from core.deploy.base import StartError
from core.deploy.docker import Daemon
from core.deploy.docker.faults import said
from core.deploy.docker.once import Printed, printed
from core.doctor.report import Check, ok, unknown, warning
from core.engines import environments, registry
from core.engines.boxes import Host
from core.paths import Home
from core.settings import Settings
from core.space import Space
from core.task import Task
from core.values import Container, InputError, mask_urls, one_line

_ID = "container-hub"
_HUB = "https://huggingface.co"  # where engines look unless HF_ENDPOINT names another
_ASK = (
    "import os, sys, urllib.request as u\n"
    "try: print(u.urlopen(sys.argv[1], timeout=float(sys.argv[2])).status)\n"
    "except Exception as e: print(getattr(e, 'code', '') or f'{type(e).__name__}: {e}')"
)


def container_hub_check(
    task: Task, space: Space, resolved: Settings, home: Home, limit: float
) -> Check:
    """Whether the Hub answers inside; within `limit` seconds, in the task's network."""
    host = Host.of(resolved, home.cache)
    try:
        environment = environments.of_container(task, space.engine, host, resolved)
    except InputError as error:
        return unknown(_ID, str(error))
    spec = registry.launch(task, space.baseline, host)
    assert spec.container is not None
    # What the task mounts may be the certificates that its environment names.
    box = dataclasses.replace(
        spec.container, mounts=task.mounts, devices=(), entrypoint=("python3",)
    )
    address = f"{environment.get('HF_ENDPOINT', _HUB).rstrip('/')}/api/models?limit=1"
    try:
        ended = _asked(box, address, environment, resolved, home, task, limit)
    except NotFound:
        return unknown(_ID, f"{box.image} is not here, so nothing could be asked from inside it")
    except (StartError, APIError) as error:
        why = error.failure.message if isinstance(error, StartError) else said(error)
        return unknown(_ID, f"{box.image} has no python3 to ask with, or did not start: {why}")
    return _judged(ended, address, task)


def _asked(
    box: Container, address: str, environment: dict[str, str], resolved: Settings, home: Home,
    task: Task, limit: float,
) -> Printed:  # fmt: skip
    return printed(
        Daemon(resolved.values.get("DOCKER_HOST"), timeout=limit),
        box,
        ("-c", _ASK, address, str(limit * 0.5)),
        environment,
        home=home.label,
        limit=limit,
        network=task.docker.network or "bridge",
        waiting=lambda: None,
    )


def _judged(ended: Printed, address: str, task: Task) -> Check:
    told = one_line(mask_urls(ended.text), 200)
    where = f"{mask_urls(address)} from inside a container"
    if ended.status is None:
        return warning(_ID, f"{where}: no answer in time", _advice(task))
    if told == "200" or told == "401":
        return ok(_ID, f"{where} answers")
    if not told:
        return unknown(_ID, f"{where}: the image cannot ask: {one_line(ended.errors, 200)}")
    return warning(_ID, f"{where}: {told}", _advice(task))


def _advice(task: Task) -> str:
    other = "" if task.docker.network == "host" else ", or `docker: {network: host}` in the task"
    return f"set CONTAINER_HTTPS_PROXY to an address that containers reach{other}"
