"""Reaching the Docker daemon of this machine."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from docker import APIClient
from docker.context import ContextAPI
from docker.errors import APIError, DockerException

from core.deploy.base import StartError
from core.deploy.docker import faults
from core.deploy.docker.threads import in_thread
from core.values import Failure, FailureKind

T = TypeVar("T")

_DEFAULT = "unix:///var/run/docker.sock"
_RETRY = 0.5


class Unreachable(StartError):
    """The daemon does not answer, or not to this user."""


@dataclass(frozen=True, slots=True)
class Daemon:
    """Where the daemon is and how long it is waited for, seconds.

    `host` None: DOCKER_HOST, else what `docker context` says, as the `docker` command does.
    `timeout` bounds every call; `patience` is how long a daemon that went away may take to
    come back before what depends on it is given up.
    """

    host: str | None = None
    timeout: float = 60.0
    patience: float = 60.0

    def path(self) -> str:
        """Of its socket. StartError when it is on another machine."""
        host = self.host or os.environ.get("DOCKER_HOST") or _context_host()
        if not host.startswith("unix://"):
            raise StartError(
                Failure(
                    FailureKind.DOCKER,
                    f"Docker at {host} cannot be used: only a daemon of this machine can, by its "
                    "socket, because engines are published on 127.0.0.1",
                    "unset DOCKER_HOST, or set it to unix:///path/to/docker.sock",
                )
            )
        return host.removeprefix("unix://") or _DEFAULT.removeprefix("unix://")

    def client(self) -> APIClient:
        """A connection to the daemon, to be closed. Unreachable when there is none."""
        path = self.path()
        try:
            # The SDK wraps the reason three times; the socket says it plainly.
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(self.timeout)
                probe.connect(path)
        except OSError as error:
            raise Unreachable(faults.unreachable(path, error)) from None
        try:
            return APIClient(base_url=f"unix://{path}", version="auto", timeout=self.timeout)
        except (DockerException, OSError) as error:
            raise Unreachable(faults.silent(path, error)) from None

    def call(self, work: Callable[[APIClient], T]) -> T:
        """One conversation, in the calling thread.

        Unreachable when the daemon cannot be talked to; what it answers comes as the SDK's
        APIError.
        """
        client = self.client()
        try:
            return work(client)
        except APIError:
            raise
        except OSError as error:  # all that goes wrong on the way to the daemon
            raise Unreachable(faults.silent(self.path(), error)) from None
        finally:
            client.close()

    async def patiently(self, work: Callable[[APIClient], T]) -> T:
        """`call` in a thread, repeated while the daemon cannot be reached, for `patience`."""
        deadline = time.monotonic() + self.patience
        while True:
            try:
                return await in_thread(lambda: self.call(work))
            except APIError as error:
                if not error.is_server_error():
                    raise
                away = Unreachable(faults.silent(self.path(), error))  # so says one that ends
            except Unreachable as error:
                away = error
            if time.monotonic() >= deadline:
                raise away
            await asyncio.sleep(_RETRY)


def _context_host() -> str:
    """The daemon that `docker context use` chose."""
    try:
        context = ContextAPI.get_context(os.environ.get("DOCKER_CONTEXT"))
    except Exception as error:  # the SDK raises nothing narrower for a damaged context
        advice = "run `docker context ls`, or set DOCKER_HOST"
        raise StartError(Failure(FailureKind.DOCKER, f"docker context: {error}", advice)) from None
    host = context.Host if context is not None else None
    return str(host) if host else _DEFAULT
