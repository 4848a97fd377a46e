"""One client's connection: requests in, answers out, in order."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from http import HTTPStatus

from core.engines.simserver.log import access
from core.engines.simserver.wire import BadRequest, Parser, Request

Handler = Callable[[Request, "Connection"], None]
_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nserver: uvicorn\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"connection: %b\r\ntransfer-encoding: chunked\r\n\r\n"
)


class Connection(asyncio.Protocol):
    """Calls `handler` for one request at a time; the next waits until the answer is complete.

    `on_close` is called when the client goes before its answer is complete.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._parser = Parser()
        self._queue: deque[Request] = deque()
        self._current: Request | None = None
        self._transport: asyncio.Transport | None = None
        self.on_close: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None
        self._queue.clear()
        if self.on_close is not None:
            self.on_close()

    def data_received(self, data: bytes) -> None:
        try:
            self._queue.extend(self._parser.feed(data))
        except BadRequest as error:
            self._refuse(error)
            return
        if self._parser.wants_continue:
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._next()

    def respond(self, body: bytes, status: int = 200, kind: str = "application/json") -> None:
        """The whole answer to the current request."""
        reason = HTTPStatus(status).phrase
        head = (
            f"HTTP/1.1 {status} {reason}\r\nserver: uvicorn\r\ncontent-type: {kind}\r\n"
            f"content-length: {len(body)}\r\nconnection: {self._persistence()}\r\n\r\n"
        )
        bodiless = self._current is not None and self._current.method == "HEAD"
        self._write(head.encode() + (b"" if bodiless else body))
        self._finish(status)

    def respond_json(self, value: object, status: int = 200) -> None:
        self.respond(json.dumps(value).encode(), status)

    def start_stream(self) -> bytes:
        """The head of a streamed answer, to be written with its first event."""
        return _STREAM_HEAD % self._persistence().encode()

    def write(self, data: bytes) -> None:
        """Bytes of a streamed answer, already framed with `frame`."""
        self._write(data)

    def end_stream(self) -> None:
        self._write(b"0\r\n\r\n")
        self._finish(200)

    def _next(self) -> None:
        while self._current is None and self._queue and self._transport is not None:
            self._current = self._queue.popleft()
            self._handler(self._current, self)

    def _finish(self, status: int) -> None:
        request, self._current, self.on_close = self._current, None, None
        if request is None or self._transport is None:
            return
        peer = self._transport.get_extra_info("peername") or ("-", 0)
        access(peer, request.method, request.path, status)
        if request.keep_alive:
            asyncio.get_running_loop().call_soon(self._next)
        else:
            self._transport.close()

    def _refuse(self, error: BadRequest) -> None:
        """Answer what is no request and hang up; there is no telling where the next begins."""
        self._queue.clear()
        if self._current is None:
            body = str(error).encode()
            reason = HTTPStatus(error.status).phrase
            self._write(
                f"HTTP/1.1 {error.status} {reason}\r\ncontent-type: text/plain\r\n"
                f"content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode()
                + body
            )
        if self._transport is not None:
            self._transport.close()

    def _persistence(self) -> str:
        return "keep-alive" if self._current is None or self._current.keep_alive else "close"

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


def frame(data: bytes) -> bytes:
    """One chunk of a chunked answer."""
    return b"%x\r\n%b\r\n" % (len(data), data)
