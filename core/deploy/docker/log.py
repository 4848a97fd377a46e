"""A container's output in a file, every byte of it once."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

from docker.errors import APIError, DockerException
from docker.types import CancellableStream

from core.deploy.base import StartError
from core.deploy.docker.daemon import Daemon


class LogCopy:
    """Appends to `log`. `have` bytes of the output are in it already.

    The daemon gives the output always from its beginning, in the same order; so the bytes
    that are here say exactly where to go on after a broken connection.
    """

    def __init__(self, daemon: Daemon, container: str, log: Path, have: int) -> None:
        self._daemon = daemon
        self._container = container
        self._log = log
        self._have = have
        self._stream: CancellableStream | None = None
        self._closed = False

    def follow(self) -> None:
        """In a thread, until the container ends, the connection breaks or `close`."""
        self._copy(follow=True)

    def rest(self) -> None:
        """What of the output is not here yet."""
        self._copy(follow=False)

    def close(self) -> None:
        """Ends `follow`, from another thread."""
        self._closed = True
        if self._stream is not None:
            # The SDK trips over a stream that has just ended by itself.
            with contextlib.suppress(AttributeError, DockerException, OSError):
                self._stream.close()

    def _copy(self, *, follow: bool) -> None:
        try:
            client = self._daemon.client()
        except StartError:
            return
        try:
            self._stream = client.logs(self._container, stream=True, follow=follow)
            if self._closed and follow:
                return
            self._append(self._stream)
        except (APIError, OSError, struct.error):
            return  # broken off: whoever called looks what became of the container
        finally:
            client.close()

    def _append(self, stream: CancellableStream) -> None:
        known = self._have
        with self._log.open("ab", buffering=0) as file:
            for data in stream:
                new = data[known:]
                known = max(0, known - len(data))
                while new:
                    written = file.write(new)
                    self._have += written
                    new = new[written:]
