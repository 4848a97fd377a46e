"""What the daemon's refusals mean, and what a person can do about each."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Sequence
from typing import NamedTuple

from docker.errors import APIError

from core.values import Failure, FailureKind, mask_urls, one_line

_TEXT = 600


class Sign(NamedTuple):
    """Words of the daemon, what they mean, and what to do. `transient` as in Failure."""

    pattern: str
    kind: FailureKind
    message: str
    advice: str
    transient: bool = False


_DISK = Sign(
    r"no space left on device|disk quota exceeded",
    FailureKind.DISK,
    "the disk of Docker's data folder is full",
    "see `docker system df`; free space with `docker system prune`, or move Docker's data-root",
)

_RESTART = Sign(
    r"shutting down|shutdown in progress|(?:transport|connection) is closing|"
    r"containerd.*(?:unavailable|not available|not running)",
    FailureKind.DOCKER,
    "the Docker daemon was being stopped",
    "start it again, and retry the experiment",
    transient=True,
)

PULL = (
    _DISK,
    _RESTART,
    Sign(
        r"invalid reference format|repository name",
        FailureKind.CONFIG,
        "not the name of an image",
        "write `image:` as REPOSITORY:TAG, in lower case",
    ),
    Sign(
        r"toomanyrequests|rate limit",
        FailureKind.IMAGE,
        "the registry refuses more pulls for now",
        "wait, or log in with `docker login`",
        transient=True,
    ),
    Sign(
        r"pull access denied|unauthorized|denied|authentication required|no basic auth",
        FailureKind.IMAGE,
        "the image does not exist, or the registry wants a login",
        "check `image:`; for a private one run `docker login` as this user",
    ),
    Sign(
        r"no matching manifest|does not match the specified platform",
        FailureKind.IMAGE,
        "the image is not made for this machine's processor",
        "choose an image for this platform",
    ),
    Sign(
        r"manifest unknown|manifest for .* not found|not found|name unknown|no such image",
        FailureKind.IMAGE,
        "no such image",
        "check the name and tag of `image:`",
    ),
    Sign(
        r"x509|certificate|server gave HTTP",
        FailureKind.IMAGE,
        "the Docker daemon does not trust the registry",
        "give the daemon its certificate (/etc/docker/certs.d), or name it under "
        '"insecure-registries" in /etc/docker/daemon.json',
    ),
    Sign(
        r"proxyconnect|proxy authentication",
        FailureKind.IMAGE,
        "the Docker daemon's proxy does not let it reach the registry",
        "the daemon has its own proxy settings: `systemctl edit docker`, or load the image "
        "with `docker load`",
        transient=True,
    ),
    Sign(
        r"no such host|timeout|deadline exceeded|connection refused|connection reset|"
        r"unreachable|tls:|\bEOF\b",
        FailureKind.IMAGE,
        "the Docker daemon cannot reach the registry",
        "check the network; the daemon has its own proxy settings (`systemctl edit docker`); "
        "without a network load the image with `docker load`",
        transient=True,
    ),
)

START = (
    _DISK,
    _RESTART,
    Sign(
        r"port is already allocated|address already in use|ports are not available",
        FailureKind.PORT,
        "the port is taken",
        "find who holds it with `ss -ltnp`, end it, and retry",
        transient=True,
    ),
    Sign(
        r"could not select device driver|unknown runtime|unknown or invalid runtime",
        FailureKind.DOCKER,
        "Docker cannot give GPUs to containers here",
        "install nvidia-container-toolkit, run `sudo nvidia-ctk runtime configure "
        "--runtime=docker`, restart Docker; or set `gpus: 0`",
    ),
    Sign(
        r"unknown device|invalid device|no such device|unresolvable CDI|device error|"
        r"no cuda-capable device|invalid DeviceRequest",
        FailureKind.CONFIG,
        "a GPU that was asked for does not exist",
        "see the GPUs of this machine with `nvidia-smi -L`",
    ),
    Sign(
        r"nvidia-container|libnvidia-ml|nvml|driver/library version mismatch|unsatisfied condition",
        FailureKind.DOCKER,
        "the NVIDIA container toolkit could not prepare the GPUs",
        "run `nvidia-smi`; after a driver update reboot; check nvidia-container-toolkit",
    ),
    Sign(
        r"bind source path does not exist|error while creating mount source path",
        FailureKind.CONFIG,
        "a folder to be mounted does not exist",
        "create it, or correct `mounts:`",
    ),
    Sign(
        r"invalid mount|invalid volume|mount denied|mounts denied|duplicate mount point|"
        r"not a directory",
        FailureKind.CONFIG,
        "a mount is not possible",
        "correct `mounts:`",
    ),
    Sign(
        r"executable file not found|exec format error|no command specified|"
        r"exec: .*(?:no such file|permission denied)|stat .*: no such file",
        FailureKind.CONFIG,
        "the program to start is not in the image",
        "correct `command:`, or leave it out for the image's own entrypoint",
    ),
    Sign(
        r"unable to find user|no matching entries in (?:passwd|group)",
        FailureKind.CONFIG,
        "the image does not know the user it should run as",
        "use an image that runs as any user",
    ),
    Sign(
        r"container name .* is already in use",
        FailureKind.DOCKER,
        "another container has this name",
        "see it with `docker ps -a`; remove it, or give this one another name",
    ),
    Sign(
        r"network .*not found|could not find a network",
        FailureKind.CONFIG,
        "no such Docker network",
        "see `docker network ls`, and correct `docker.network:`",
    ),
    Sign(
        r"ipc mode|shm|memory \(|string value for memory|SHM size",
        FailureKind.CONFIG,
        "a value under `docker:` is not possible",
        "write `docker.shm_size:` like 16g, and `docker.ipc:` host, private or shareable",
    ),
    Sign(
        r"no such container",
        FailureKind.DOCKER,
        "the container is gone",
        "retry the experiment",
        transient=True,
    ),
    Sign(
        r"no such image",
        FailureKind.IMAGE,
        "the image was removed before it could be started",
        "retry, and the image is pulled again",
        transient=True,
    ),
    Sign(
        r"permission denied|operation not permitted",
        FailureKind.PERMISSION,
        "Docker may not do what is asked",
        "check the rights of the mounted folders; a rootless daemon has only its user's",
    ),
)


def of_pull(image: str, text: str) -> Failure:
    """Why an image could not be had; `text` is what the daemon said."""
    found = _first(PULL, text)
    what = found.message if found else "the image could not be pulled"
    advice = found.advice if found else f"try `docker pull {image}`"
    kind = found.kind if found else FailureKind.IMAGE
    passes = found is not None and found.transient
    return Failure(kind, f"{image}: {what}", advice, text=_evidence(text), transient=passes)


def of_start(error: Exception) -> Failure:
    """Why a container could not be created or started."""
    text = said(error)
    if found := _first(START, text):
        evidence = _evidence(text)
        return Failure(
            found.kind, found.message, found.advice, text=evidence, transient=found.transient
        )
    refused = not isinstance(error, APIError) or error.is_client_error()
    if refused:
        advice = "correct `docker:`, `mounts:` or `command:` in the task file"
        return Failure(FailureKind.CONFIG, "Docker refuses this container", advice, text=text)
    advice = "see the daemon's log: `journalctl -u docker`"
    return Failure(FailureKind.DOCKER, "Docker could not start the container", advice, text=text)


def said(error: Exception) -> str:
    """What the daemon said, without the SDK's own words around it."""
    text = error.explanation if isinstance(error, APIError) and error.explanation else error
    return _evidence(str(text))


def unreachable(path: str, error: OSError) -> Failure:
    """Why nothing could be connected to at this path."""
    text = f"{path}: {error.strerror or error}"
    if error.errno in {errno.EACCES, errno.EPERM}:
        advice = (
            "join the group docker (`sudo usermod -aG docker $USER`) and log in again, or use sudo"
        )
        return Failure(FailureKind.PERMISSION, f"not permitted to use Docker: {text}", advice)
    if error.errno == errno.ENOENT and not (shutil.which("dockerd") or shutil.which("docker")):
        advice = "install Docker, or use `deploy: process`"
        return Failure(FailureKind.DOCKER, f"Docker is not installed: {text}", advice)
    advice = "start it (`sudo systemctl start docker`), or set DOCKER_HOST to its socket"
    return Failure(FailureKind.DOCKER, f"Docker is not running: {text}", advice, transient=True)


def silent(path: str, error: Exception) -> Failure:
    """Why a daemon that can be connected to cannot be talked to."""
    advice = "see the daemon's log: `journalctl -u docker`"
    text = _evidence(f"{path}: {error}")
    message = "the Docker daemon does not answer"
    return Failure(FailureKind.DOCKER, message, advice, text=text, transient=True)


def disk_full(text: str) -> bool:
    """Whether the daemon speaks of a full disk."""
    return _first((_DISK,), text) is not None


def _first(signs: Sequence[Sign], text: str) -> Sign | None:
    return next((sign for sign in signs if re.search(sign.pattern, text, re.IGNORECASE)), None)


def _evidence(text: str) -> str:
    return one_line(mask_urls(text), _TEXT)
