"""Docker: whether the daemon answers, gives GPUs to containers, and has room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docker.errors import APIError

from core.deploy.base import StartError
from core.deploy.docker.daemon import Daemon
from core.deploy.docker.faults import said
from core.deploy.docker.labels import Found, home_filter
from core.doctor.disk import image_disk
from core.doctor.report import Check, ok, warning
from core.gpu.nvml import Nvml
from core.paths import Home
from core.store.lock import runner_status
from core.values import Failure

_Info = Mapping[str, Any]


def docker_checks(environ: Mapping[str, str], home: Home, limit: float) -> list[Check]:
    """The daemon that a start would use. `limit` (seconds) ends each question to it."""
    daemon = Daemon(environ.get("DOCKER_HOST") or None, timeout=limit)
    try:
        path = daemon.path()
        info, listed = daemon.call(
            lambda client: (
                client.info(),
                client.containers(all=True, filters=home_filter(home.label)),
            )
        )
    except StartError as error:
        return [_unusable(error.failure)]
    except APIError as error:
        return [warning("docker", said(error), "see the daemon's log: `journalctl -u docker`")]
    left = [Found.of(one).name for one in listed]
    return [
        _daemon(info, path),
        _gpus(info),
        image_disk(str(info.get("DockerRootDir") or "")),
        _containers(left, home),
    ]


def _unusable(failure: Failure) -> Check:
    evidence = f"{failure.message} ({failure.text})" if failure.text else failure.message
    return warning("docker", evidence, f"{failure.advice}; `deploy: process` needs no Docker")


def _daemon(info: _Info, path: str) -> Check:
    parts = [f"{info.get('ServerVersion')} at {path}", str(info.get("Driver"))]
    if any("rootless" in option for option in info.get("SecurityOptions") or ()):
        parts.append("rootless")
    names = ("HttpProxy", "HttpsProxy", "NoProxy")
    parts += [f"pulls with {name} {info[name]}" for name in names if info.get(name)]
    return ok("docker", ", ".join(parts))


def _gpus(info: _Info) -> Check:
    """Whether containers can have GPUs: the nvidia runtime, or devices of the CDI."""
    runtimes = sorted(info.get("Runtimes") or {})
    devices = [str(one.get("ID", "")) for one in info.get("DiscoveredDevices") or ()]
    found = f"runtimes: {', '.join(runtimes) or 'none'}"
    if "nvidia" in runtimes or any("nvidia.com/gpu" in device for device in devices):
        return ok("docker-gpus", found)
    nvml = Nvml()
    gpus, _ = nvml.snapshot(lambda pid: None)
    nvml.close()
    if not gpus:
        return ok("docker-gpus", f"{found}; there is no NVIDIA GPU to give to containers")
    advice = "install nvidia-container-toolkit: sudo nvidia-ctk runtime configure --runtime=docker"
    return warning("docker-gpus", f"{found}; none of them gives GPUs to containers", advice)


def _containers(names: list[str], home: Home) -> Check:
    if not names:
        return ok("containers", "none of this home")
    listed = ", ".join(names)
    if runner_status(home.lock).alive:
        return ok("containers", f"of this home, at work for the runner: {listed}")
    advice = f"the next runner removes them; or: docker rm -f {' '.join(names)}"
    return warning("containers", f"left of this home: {listed}", advice)
