"""What runs in Docker on this machine: ours, and whatever else holds GPUs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from docker import APIClient
from docker.errors import APIError

from core import settings
from core.deploy.base import StartError
from core.deploy.docker import faults
from core.deploy.docker.daemon import Daemon
from core.deploy.docker.labels import HOME, Found
from core.deploy.docker.threads import in_thread
from core.store.views import ContainerView
from core.values import Failure, FailureKind

_AT_ONCE = 16
_NO_GPUS = {"", "none", "void"}
_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?")
_INACTIVE = ("inactive_file", "total_inactive_file")  # cgroup v2, v1


_before: dict[str, _Sample] = {}
"""The last reading of each container: how much it works is the difference of two."""


class _Sample(NamedTuple):
    """A reading: the daemon's time and the CPU time since the start, seconds; bytes of memory."""

    at: float
    cpu: float
    memory: int | None


async def snapshot(home: str, daemon: Daemon | None = None) -> tuple[ContainerView, ...]:
    """Containers of this home first, then running ones that hold GPUs. StartError without Docker.

    CPU is what was used since the snapshot before; a container's first one does not know it.
    """
    daemon = daemon or Daemon(timeout=5.0)
    try:
        return await in_thread(lambda: daemon.call(lambda client: _taken(client, home)))
    except APIError as error:
        advice = "see the daemon's log: `journalctl -u docker`"
        raise StartError(Failure(FailureKind.DOCKER, faults.said(error), advice)) from None


def _taken(client: APIClient, home: str) -> tuple[ContainerView, ...]:
    shown = [
        (listed, box, ours, gpus)
        for listed in client.containers(all=True)
        if (ours := (listed.get("Labels") or {}).get(HOME) == home) or listed["State"] == "running"
        if (box := _inspected(client, listed["Id"]))
        if (gpus := _gpus(box)) or ours
    ]
    loads = _loads(client, [box["Id"] for _, box, _, _ in shown if box["State"]["Running"]])
    views = [_view(*one, loads.get(one[1]["Id"])) for one in shown]
    return tuple(sorted(views, key=lambda view: (not view.ours, view.name)))


def _view(
    listed: Mapping[str, Any],
    box: Mapping[str, Any],
    ours: bool,
    gpus: tuple[str, ...],
    load: tuple[float | None, int | None] | None,
) -> ContainerView:
    found = Found.of(listed)
    cpu, memory = load or (None, None)
    return ContainerView(
        id=found.id,
        name=found.name,
        image=str(box["Config"]["Image"]),
        state=str(box["State"]["Status"]),
        ours=ours,
        task=found.task if ours else None,
        experiment=found.experiment if ours else None,
        started=_time(box["State"]["StartedAt"]),
        ports=_ports(box),
        gpus=gpus,
        cpu=cpu,
        memory=memory,
        environment=tuple(sorted(settings.masked_environment(_environment(box)).items())),
    )


def _inspected(client: APIClient, container: str) -> Mapping[str, Any] | None:
    """None: it went away since it was listed."""
    try:
        return dict(client.inspect_container(container))
    except APIError:
        return None


def _gpus(box: Mapping[str, Any]) -> tuple[str, ...]:
    """The GPUs it was given, as it was asked for; `all` for every one."""
    requests = [
        one
        for one in box["HostConfig"].get("DeviceRequests") or ()
        if any("gpu" in group for group in one.get("Capabilities") or ())
    ]
    if requests:
        return tuple(name for one in requests for name in one.get("DeviceIDs") or _count(one))
    # Images made for CUDA set this variable; only NVIDIA's runtime acts on it.
    if "nvidia" not in (box["HostConfig"].get("Runtime") or ""):
        return ()
    named = _environment(box).get("NVIDIA_VISIBLE_DEVICES", "")
    return () if named in _NO_GPUS else tuple(named.split(","))


def _count(request: Mapping[str, Any]) -> tuple[str, ...]:
    count = int(request.get("Count") or 0)
    return ("all",) if count < 0 else (f"any {count}",)


def _environment(box: Mapping[str, Any]) -> dict[str, str]:
    pairs = (entry.partition("=") for entry in box["Config"]["Env"] or ())
    return {name: value for name, _, value in pairs}


def _ports(box: Mapping[str, Any]) -> tuple[str, ...]:
    """`127.0.0.1:8000 → 8000/tcp`, as published now."""
    published = box["NetworkSettings"].get("Ports") or {}
    return tuple(
        f"{one['HostIp']}:{one['HostPort']} → {inside}"
        for inside, outside in sorted(published.items())
        for one in outside or ()
    )


def _time(text: str) -> float | None:
    """Epoch seconds of `2026-01-31T10:20:30.123456789Z`; None: it has not come to that."""
    if not (match := _TIMESTAMP.match(text)):
        return None
    at = datetime.fromisoformat(f"{match[1]}+00:00")
    return at.timestamp() + float(f"0{match[2] or ''}") if at.year > 1 else None


def _loads(
    client: APIClient, containers: Sequence[str]
) -> dict[str, tuple[float | None, int | None]]:
    """Cores in use and bytes of memory; without containers that went away."""
    # A daemon may take a second to answer this, for each.
    with ThreadPoolExecutor(_AT_ONCE) as readers:
        samples = dict(
            zip(containers, readers.map(partial(_sample, client), containers), strict=True)
        )
    found = {one: sample for one, sample in samples.items() if sample is not None}
    loads = {
        one: (_cores(_before.get(one), sample), sample.memory) for one, sample in found.items()
    }
    _before.clear()
    _before.update(found)
    return loads


def _cores(before: _Sample | None, after: _Sample) -> float | None:
    if before is None or after.at <= before.at or after.cpu < before.cpu:
        return None
    return (after.cpu - before.cpu) / (after.at - before.at)


def _sample(client: APIClient, container: str) -> _Sample | None:
    try:
        stats = client.stats(container, stream=False, one_shot=True)
    except (APIError, OSError):
        return None
    cpu = stats.get("cpu_stats", {}).get("cpu_usage", {}).get("total_usage")
    at = _time(stats.get("read", ""))
    if cpu is None or at is None:
        return None
    return _Sample(at, cpu / 1e9, _memory(stats.get("memory_stats", {})))


def _memory(stats: Mapping[str, Any]) -> int | None:
    """What it uses without the page cache that can go, as `docker stats` counts."""
    if (usage := stats.get("usage")) is None:
        return None
    details = stats.get("stats", {})
    cache = next((details[name] for name in _INACTIVE if name in details), 0)
    return max(0, int(usage) - int(cache))
