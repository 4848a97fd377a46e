"""Docker: whether the daemon answers, gives GPUs to containers, and has room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docker.errors import APIError

from core.deploy.base import StartError
from core.deploy.docker.daemon import Daemon
from core.deploy.docker.faults import said
from core.doctor.disk import image_disk
from core.doctor.report import Check, ok, warning
from core.gpu.nvml import Nvml
from core.values import Failure

_Info = Mapping[str, Any]


def docker_checks(environ: Mapping[str, str], limit: float) -> list[Check]:
    """The daemon that a start would use. `limit` (seconds) ends each question to it."""
    daemon = Daemon(environ.get("DOCKER_HOST") or None, timeout=limit)
    try:
        path = daemon.path()
        info = daemon.call(lambda client: client.info())
    except StartError as error:
        return [_unusable(error.failure)]
    except APIError as error:
        return [warning("docker", said(error), "see the daemon's log: `journalctl -u docker`")]
    return [
        _daemon(info, path),
        _gpus(info),
        image_disk(str(info.get("DockerRootDir") or "")),
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
    found = f"runtimes: {', '.join(sorted(info.get('Runtimes') or {})) or 'none'}"
    if gives_gpus(info):
        return ok("docker-gpus", found)
    nvml = Nvml()
    gpus, _ = nvml.snapshot(lambda pid: None)
    nvml.close()
    if not gpus:
        return ok("docker-gpus", f"{found}; there is no NVIDIA GPU to give to containers")
    advice = "install nvidia-container-toolkit: sudo nvidia-ctk runtime configure --runtime=docker"
    return warning("docker-gpus", f"{found}; none of them gives GPUs to containers", advice)


def gives_gpus(info: _Info) -> bool:
    """Whether this daemon has a way to give NVIDIA GPUs to containers."""
    devices = [str(one.get("ID", "")) for one in info.get("DiscoveredDevices") or ()]
    return "nvidia" in (info.get("Runtimes") or {}) or any("nvidia.com/gpu" in d for d in devices)
