"""Having an image: it is there, or it is pulled, with its progress and its limit."""

from __future__ import annotations

import asyncio
import http
import json
import socket
import urllib.parse
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

from docker import APIClient, auth
from docker.errors import APIError, DockerException, NotFound
from docker.transport.unixconn import UnixHTTPConnection
from docker.utils import parse_repository_tag
from urllib3.exceptions import HTTPError

from core.deploy.base import StartError
from core.deploy.docker import faults
from core.deploy.docker.daemon import Daemon
from core.deploy.docker.threads import in_thread
from core.values import Failure, FailureKind

Progress = Callable[[int, int | None], Awaitable[None]]
"""Gets the bytes that are here, and how many there are in all (None: not known yet)."""

_STEP = 0.25
_CLOSING = 10.0


async def pull(image: str, progress: Progress, limit: float, daemon: Daemon | None = None) -> str:
    """The id of an image, pulled when it is not there, which may take `limit` seconds.

    Raises StartError. Cancelling ends the daemon's pull as well; of an unfinished one it
    keeps the layers that were complete.
    """
    daemon = daemon or Daemon()
    if found := await in_thread(lambda: _present(daemon, image)):
        return found
    await _pulled(daemon, image, progress, limit)
    if found := await in_thread(lambda: _present(daemon, image)):
        return found
    advice = f"try `docker pull {image}`"
    raise StartError(Failure(FailureKind.IMAGE, f"{image}: the pull ended too early", advice))


async def _pulled(daemon: Daemon, image: str, progress: Progress, limit: float) -> None:
    pulling = await in_thread(lambda: _Pull(daemon, image))
    work = in_thread(pulling.run)
    try:
        async with asyncio.timeout(limit):
            while not work.done():
                await progress(*pulling.progress)
                await asyncio.wait({work}, timeout=_STEP)
        work.result()
        await progress(*pulling.progress)
    except TimeoutError:
        advice = f"raise `timeouts.pull`, or run `docker pull {image}` before"
        message = f"{image}: not pulled within timeouts.pull ({limit:g} s)"
        raise StartError(Failure(FailureKind.IMAGE, message, advice)) from None
    finally:
        # A daemon pulls on until nobody listens.
        pulling.close()
        await asyncio.wait({work}, timeout=_CLOSING)
        if work.done():
            work.exception()


class _Pull:
    """One pull, in a thread of its own, on a connection that another thread can break off.

    The SDK's own `pull` hands out no connection, and blocks without a limit until the
    registry has answered the daemon.
    """

    def __init__(self, daemon: Daemon, image: str) -> None:
        self._image = image
        self._layers: dict[str, tuple[int, int]] = {}
        self._path = daemon.path()
        self._url, self._headers = daemon.call(self._request)
        self._connection = UnixHTTPConnection(f"http+unix://{self._path}", self._path, None)
        self._connection.connect()
        self._socket: socket.socket = self._connection.sock

    @property
    def progress(self) -> tuple[int, int | None]:
        """Bytes here and in all, of the layers whose size is known so far."""
        layers = list(self._layers.values())
        return sum(done for done, _ in layers), sum(size for _, size in layers) or None

    def run(self) -> None:
        """Until the image is there. StartError says why it cannot be."""
        try:
            self._connection.request(
                "POST", self._url, headers=self._headers, preload_content=False
            )
            response = self._connection.getresponse()
            if response.status != http.HTTPStatus.OK:
                raise StartError(faults.of_pull(self._image, _message(response.read())))
            for event in _events(response):
                self._note(event)
        except (OSError, HTTPError, ValueError) as error:
            raise StartError(faults.silent(self._path, error)) from None
        finally:
            self._connection.close()

    def close(self) -> None:
        """Break off: `run` ends."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it has ended by itself

    def _request(self, client: APIClient) -> tuple[str, dict[str, str]]:
        """Address and headers, with the login of this user for the image's registry."""
        try:
            repository, tag = parse_repository_tag(self._image)
            registry, _ = auth.resolve_repository_name(repository)
            login = auth.get_config_header(client, registry)
        except APIError:
            raise
        except DockerException as error:
            raise StartError(faults.of_pull(self._image, f"repository name: {error}")) from None
        wanted = urllib.parse.urlencode({"fromImage": repository, "tag": tag or "latest"})
        headers = {"X-Registry-Auth": login} if login else {}
        return f"/v{client.api_version}/images/create?{wanted}", headers

    def _note(self, event: Mapping[str, object]) -> None:
        if error := event.get("error"):
            raise StartError(faults.of_pull(self._image, str(error)))
        layer, status = str(event.get("id", "")), event.get("status")
        if status == "Downloading":
            detail = event.get("progressDetail")
            if isinstance(detail, Mapping) and detail.get("total"):
                self._layers[layer] = (int(detail.get("current", 0)), int(detail["total"]))
        elif status in {"Download complete", "Pull complete"} and layer in self._layers:
            total = self._layers[layer][1]
            self._layers[layer] = (total, total)


def _present(daemon: Daemon, image: str) -> str | None:
    """The id of an image that is here."""
    try:
        return str(daemon.call(lambda client: client.inspect_image(image))["Id"])
    except NotFound:
        return None
    except APIError as error:
        raise StartError(faults.of_pull(image, faults.said(error))) from None


def _events(chunks: Iterable[bytes]) -> Iterator[Mapping[str, object]]:
    """The daemon's progress: one JSON document a line."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in filter(None, map(bytes.strip, lines)):
            yield json.loads(line)


def _message(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["message"])
    except (ValueError, KeyError, TypeError):
        return answer.decode("utf-8", "replace")
