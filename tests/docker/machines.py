"""Docker daemons of a test's own, on any folder, with any switches, that may be ended."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from core.deploy.base import StartError
from core.deploy.docker import Daemon

_SECONDS = 60.0
_ADDRESS, _MASK = "10.253.47.1", "255.255.255.0"
_ADD_BRIDGE, _REMOVE_BRIDGE = 0x89A0, 0x89A1  # ioctls of Linux
_SET_FLAGS, _SET_ADDRESS, _SET_MASK = 0x8914, 0x8916, 0x891C


@dataclass
class Machine:
    """A daemon with a bridge of its own.

    One without any would take away the bridge `docker0` that other daemons here use.
    """

    folder: Path
    bridge: str
    switches: tuple[str, ...] = ()
    path: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def socket(self) -> str:
        return f"unix://{self.folder}/docker.sock"

    def daemon(self, patience: float = _SECONDS) -> Daemon:
        return Daemon(self.socket, patience=patience)

    def start(self) -> None:
        """Until it answers."""
        command: list[str | Path] = [
            "dockerd", "--host", self.socket, "--data-root", self.folder / "data",
            "--exec-root", self.folder / "exec", "--pidfile", self.folder / "pid",
            "--bridge", self.bridge, "--iptables=false", *self.switches,
        ]  # fmt: skip
        path = ":".join(filter(None, [self.path, os.environ["PATH"]]))
        with (self.folder / "dockerd.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env={**os.environ, "PATH": path}, stdout=log, stderr=log
            )
        deadline = time.monotonic() + _SECONDS
        while True:
            try:
                self.daemon().call(lambda client: client.ping())
                return
            except StartError:
                assert time.monotonic() < deadline, (self.folder / "dockerd.log").read_text()
                assert self.process.poll() is None, (self.folder / "dockerd.log").read_text()
                time.sleep(0.1)

    def stop(self) -> None:
        """As an administrator does; its containers end with it."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """As a crash does; its containers live until it comes back."""
        containerd = Path("/proc", (self.folder / "exec/containerd/containerd.pid").read_text())
        self._end(signal.SIGKILL)
        # It dies with the daemon. The next daemon would take a zombie of it for a living one.
        deadline = time.monotonic() + _SECONDS
        while containerd.exists():
            assert time.monotonic() < deadline, containerd
            time.sleep(0.1)

    def _end(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(_SECONDS)


@contextmanager
def machine(*switches: str, path: str = "", memory: str = "") -> Iterator[Machine]:
    """A daemon that lasts as long as the block; with `memory` on a disk of that size."""
    # A socket's path has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="docker-", dir="/tmp") as name:
        made = Machine(Path(name), name.removeprefix("/tmp/")[:15], switches, path)
        if memory:
            mount = ["mount", "-t", "tmpfs", "-o", f"size={memory}", "tmpfs", name]
            subprocess.run(mount, check=True)
        _make_bridge(made.bridge)
        try:
            made.start()
            yield made
        finally:
            if made.process is not None and made.process.poll() is None:
                made.stop()
            _remove_bridge(made.bridge)
            _unmount(name)


def _make_bridge(name: str) -> None:
    _ioctl(_ADD_BRIDGE, struct.pack("16s", name.encode()))
    for number, address in ((_SET_ADDRESS, _ADDRESS), (_SET_MASK, _MASK)):
        internet = (socket.AF_INET, 0, socket.inet_aton(address))
        _ioctl(number, struct.pack("16sHH4s8x", name.encode(), *internet))


def _remove_bridge(name: str) -> None:
    _ioctl(_SET_FLAGS, struct.pack("16sH14x", name.encode(), 0))  # down
    _ioctl(_REMOVE_BRIDGE, struct.pack("16s", name.encode()))


def _ioctl(number: int, argument: bytes) -> None:
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, number, argument)


def _unmount(folder: str) -> None:
    """Everything that is mounted at or below a folder, the deepest first."""
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for place in sorted(mounted, reverse=True):
        if place == folder or place.startswith(f"{folder}/"):
            subprocess.run(["umount", "-l", place], check=True)
