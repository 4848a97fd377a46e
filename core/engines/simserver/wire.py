"""HTTP/1.1 requests out of bytes as they come. Pure: no sockets."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

_HEAD_LIMIT = 64 * 1024
_BODY_LIMIT = 32 * 1024 * 1024
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})


class BadRequest(Exception):
    """The client sent something that is no request; `status` is the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Header names are lower-case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    keep_alive: bool


class Parser:
    """Feed it bytes, get requests. After a BadRequest it is of no more use."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: Request | None = None
        self._length = 0
        self._searched = 0

    @property
    def wants_continue(self) -> bool:
        """True while a client waits for `100 Continue` before it sends its body."""
        head = self._head
        return (
            head is not None
            and not self._buffer
            and head.headers.get("expect", "").lower() == "100-continue"
        )

    def feed(self, data: bytes) -> list[Request]:
        """The requests these bytes complete. Raises BadRequest."""
        self._buffer += data
        requests: list[Request] = []
        while (request := self._next()) is not None:
            requests.append(request)
        return requests

    def _next(self) -> Request | None:
        if self._head is None and not self._read_head():
            return None
        assert self._head is not None
        if len(self._buffer) < self._length:
            return None
        head, body = self._head, bytes(self._buffer[: self._length])
        del self._buffer[: self._length]
        self._head = None
        return Request(head.method, head.path, head.query, head.headers, body, head.keep_alive)

    def _read_head(self) -> bool:
        while self._buffer[:2] == b"\r\n":  # blank lines between requests are allowed
            del self._buffer[:2]
        end = self._buffer.find(b"\r\n\r\n", max(0, self._searched - 3))
        if max(end, len(self._buffer) if end < 0 else 0) > _HEAD_LIMIT:
            raise BadRequest(431, "Request header fields too large")
        if end < 0:
            self._searched = len(self._buffer)
            return False
        self._searched = 0
        text = bytes(self._buffer[:end]).decode("latin-1")
        del self._buffer[: end + 4]
        self._head = _head(text)
        self._length = _body_length(self._head.headers)
        return True


def _head(text: str) -> Request:
    first, *rest = text.split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or words[0] not in _METHODS or words[2] not in {"HTTP/1.0", "HTTP/1.1"}:
        raise BadRequest(400, "Invalid HTTP request received.")
    headers: dict[str, str] = {}
    for line in rest:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise BadRequest(400, "Invalid HTTP request received.")
        headers[name.lower()] = value.strip()
    try:
        target = urlsplit(words[1])
    except ValueError:
        raise BadRequest(400, "Invalid HTTP request received.") from None
    keep = headers.get("connection", "").lower() != "close" and words[2] == "HTTP/1.1"
    query = dict(parse_qsl(target.query))
    return Request(words[0], target.path, query, headers, b"", keep)


def _body_length(headers: dict[str, str]) -> int:
    if "transfer-encoding" in headers:
        raise BadRequest(411, "A request body needs a Content-Length")
    text = headers.get("content-length", "0")
    if not (text.isascii() and text.isdigit()):
        raise BadRequest(400, "Invalid Content-Length")
    # Leading zeros aside, more digits than the limit has are too many for `int`, too.
    if len(text) > 20 or int(text) > _BODY_LIMIT:
        raise BadRequest(413, "Request body too large")
    return int(text)
