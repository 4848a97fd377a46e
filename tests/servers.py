"""Small HTTP servers on loopback that answer as a Hub, a proxy or a Docker daemon would."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseServer, ThreadingMixIn, UnixStreamServer

Answer = tuple[int, str]
"""A status and a body."""


@dataclass
class Server:
    """`asked` are the requests that came: target as written, headers in lower case."""

    port: int = 0
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _UnixServer(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True


Respond = Callable[[str, dict[str, str]], Answer]
"""The answer to a target, given the headers."""


@contextmanager
def serving(answer: Respond) -> Iterator[Server]:
    """A server on loopback."""
    server = Server()
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(answer, server))
    server.port = http.server_port
    with _running(http):
        yield server


@contextmanager
def serving_at(path: Path, answer: Respond) -> Iterator[Server]:
    """A server on a socket in the file system."""
    server = Server()
    with _running(_UnixServer(str(path), _handler(answer, server))):
        yield server


@contextmanager
def _running(server: BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _handler(answer: Respond, server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            server.asked.append((self.path, headers))
            status, body = answer(self.path, headers)
            data = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_CONNECT = do_HEAD = do_POST = do_DELETE = do_GET  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            pass

    return Handler


def a_hub(tokens: dict[str, str]) -> Respond:
    """A Hub that knows these tokens and whose they are."""

    def answer(path: str, headers: dict[str, str]) -> Answer:
        if not path.partition("?")[0].endswith("/api/whoami-v2"):
            return 200, "[]"
        name = tokens.get(headers.get("authorization", "").removeprefix("Bearer "))
        return (200, json.dumps({"name": name})) if name else (401, '{"error": "Invalid"}')

    return answer
