"""What runs in Docker on this machine: ours, and whatever else holds GPUs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import datetime
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

_WINDOW = 0.25
_NO_GPUS = {"", "none", "void"}
_INACTIVE = ("inactive_file", "total_inactive_file")  # cgroup v2, v1


class _Sample(NamedTuple):
    """A reading: monotonic seconds, CPU seconds used since the start, bytes of memory."""

    at: float
    cpu: float
    memory: int | None


async def snapshot(home: str, daemon: Daemon | None = None) -> tuple[ContainerView, ...]:
    """Containers of this home first, then running ones that hold GPUs. StartError without Docker.

    CPU is what was used within a quarter of a second.
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
    """Epoch seconds; None: never started."""
    at = datetime.fromisoformat(text[:19] + "+00:00")  # Docker's times are UTC
    return at.timestamp() if at.year > 1 else None


def _loads(
    client: APIClient, containers: Iterable[str]
) -> dict[str, tuple[float | None, int | None]]:
    """Cores in use and bytes of memory, from two readings; without those that went away."""
    first = {one: sample for one in containers if (sample := _sample(client, one))}
    if first:
        time.sleep(_WINDOW)
    second = {one: sample for one in first if (sample := _sample(client, one))}
    return {one: (_cores(first[one], sample), sample.memory) for one, sample in second.items()}


def _cores(before: _Sample, after: _Sample) -> float | None:
    used, passed = after.cpu - before.cpu, after.at - before.at
    return used / passed if passed > 0 and used >= 0 else None


def _sample(client: APIClient, container: str) -> _Sample | None:
    try:
        stats = client.stats(container, stream=False, one_shot=True)
    except APIError:
        return None
    cpu = stats.get("cpu_stats", {}).get("cpu_usage", {}).get("total_usage")
    if cpu is None:
        return None
    return _Sample(time.monotonic(), cpu / 1e9, _memory(stats.get("memory_stats", {})))


def _memory(stats: Mapping[str, Any]) -> int | None:
    """What it uses without the page cache that can go, as `docker stats` counts."""
    if (usage := stats.get("usage")) is None:
        return None
    details = stats.get("stats", {})
    cache = next((details[name] for name in _INACTIVE if name in details), 0)
    return max(0, int(usage) - int(cache))
