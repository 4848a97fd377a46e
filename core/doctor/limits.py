"""What the machine allows a process: ports, files, locked memory, shared memory."""

from __future__ import annotations

import os
import resource
import shutil
import socket
from pathlib import Path

from core.doctor.report import Check, failure, ok, warning
from core.space import Space
from core.task import Task
from core.values import size_text

_FILES = 4096  # a connection is a file, in the engine and in the benchmark
_SHM = 8 << 30  # bytes that engines of several GPUs want for their exchange


def port_check() -> Check:
    """Engines get a free port of loopback each."""
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
    except OSError as error:
        said = f"no port of 127.0.0.1 can be had: {error.strerror}"
        return failure("ports", said, "is loopback up? see `ip addr show lo`")
    return ok("ports", "each start takes a free port of 127.0.0.1")


def files_check(task: Task) -> Check:
    """Open files, for the highest load; locked memory is told, for exchange over InfiniBand."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    loads = task.workload.concurrency
    most = max(loads) if isinstance(loads, tuple) and loads else 0
    wanted = max(_FILES, 4 * most)
    files = "no limit" if soft == resource.RLIM_INFINITY else f"{soft}"
    locked, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    memory = "no limit" if locked == resource.RLIM_INFINITY else size_text(locked)
    said = f"open files: {files}; locked memory: {memory}"
    if soft != resource.RLIM_INFINITY and soft < wanted:
        return warning("ulimits", said, f"run `ulimit -n {wanted}` before")
    return ok("ulimits", said)


def shm_check(task: Task, space: Space) -> Check | None:
    """Shared memory for the processes of several GPUs; None where one GPU is used."""
    if space.engine.gpus(space.baseline) < 2 and not space.parallel:
        return None
    if task.deploy == "docker":
        if task.docker.ipc == "host":
            return _shm_of_host()
        if task.docker.shm_size is None:
            said = "a container has 64 MB of /dev/shm, and GPUs exchange data through it"
            return warning("shm", said, "set `docker: {shm_size: 16g}`, or `ipc: host`")
        return ok("shm", f"the container gets {task.docker.shm_size}")
    return _shm_of_host()


def _shm_of_host() -> Check:
    place = Path("/dev/shm")  # noqa: S108 (looked at, not written)
    if not os.access(place, os.W_OK):
        return failure("shm", f"{place} is not writable", "mount it, or `chmod 1777 /dev/shm`")
    free = shutil.disk_usage(place).free
    said = f"{size_text(free)} free in {place}"
    if free < _SHM:
        return warning("shm", said, "remount it larger: sudo mount -o remount,size=16g /dev/shm")
    return ok("shm", said)
