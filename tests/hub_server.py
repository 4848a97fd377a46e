"""A Hub on loopback that huggingface_hub talks to: listings, files, redirects to a storage host.

Large files live, as on the real one, behind a redirect to another host (`localhost` instead
of `127.0.0.1`), are served in ranges, and are named by their SHA-256.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import socket
import struct
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

REVISION = "0123456789abcdef0123456789abcdef01234567"
_LARGE = (".safetensors", ".bin", ".gguf", ".pth")
_PIECE = 128 * 1024


@dataclass
class Repo:
    """One repository. `declared` files have a size and no content."""

    files: dict[str, bytes]
    declared: dict[str, int] = field(default_factory=dict)
    gated: bool = False

    def size(self, name: str) -> int:
        return self.declared[name] if name in self.declared else len(self.files[name])

    def blob(self, name: str) -> str:
        content = self.files.get(name, name.encode())
        hashed = hashlib.sha256(content) if name.endswith(_LARGE) else hashlib.sha1(content)
        return hashed.hexdigest()

    def listing(self) -> list[dict[str, object]]:
        return [self._entry(name) for name in (*self.files, *self.declared)]

    def _entry(self, name: str) -> dict[str, object]:
        size, blob = self.size(name), self.blob(name)
        entry: dict[str, object] = {"type": "file", "path": name, "size": size, "oid": blob[:40]}
        if name.endswith(_LARGE):
            entry["lfs"] = {"oid": blob, "size": size, "pointerSize": 134}
        return entry


@dataclass
class Hub:
    """What is served and how, and what was asked for."""

    repos: dict[str, Repo] = field(default_factory=dict)
    pause: float = 0.0
    """Seconds between two pieces of 128 KiB of a large file."""
    stop_at: int | None = None
    """Hold every large file back behind this many bytes."""
    break_after: int | None = None
    """Cut each connection after this many bytes of a large file."""
    status: int | None = None
    """Answer everything with this status."""
    url: str = ""
    sent: dict[str, int] = field(default_factory=dict)
    """Bytes of large files that were sent, per file."""
    starts: list[tuple[str, int]] = field(default_factory=list)
    """Each time a large file was asked for: its name, and the byte it was to begin at."""
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Host, path and Authorization of each request."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the tests read what was asked from the hub."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        host = str(self.headers["Host"]).partition(":")[0]
        path = urlsplit(self.path).path
        self.hub.asked.append((host, path, self.headers["Authorization"]))
        if self.hub.status:
            self._plain(self.hub.status, {"error": "as told"})
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(/.*)?", path):
            self._api(found[1], found[2] or "")
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/[^/]+/(.+)", path):
            self._resolve(found[1], found[2])
        elif found := re.fullmatch(r"/storage/([^/]+/[^/]+)/(.+)", path):
            self._storage(self.hub.repos[found[1]], found[2])
        else:
            self._plain(404, {})

    def _api(self, name: str, rest: str) -> None:
        repo = self.hub.repos.get(name)
        if repo is None:
            self._plain(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        elif rest.startswith("/tree/"):
            self._plain(200, repo.listing())
        else:
            siblings = [{"rfilename": entry["path"]} for entry in repo.listing()]
            self._plain(200, {"id": name, "sha": REVISION, "siblings": siblings})

    def _resolve(self, name: str, file: str) -> None:
        repo = self.hub.repos[name]
        if repo.gated:
            self._plain(403, {"error": "restricted"}, {"X-Error-Code": "GatedRepo"})
            return
        about = {"X-Repo-Commit": REVISION, "ETag": f'"{repo.blob(file)[:40]}"'}
        if not file.endswith(_LARGE):
            self._send(200, repo.files[file], about)
            return
        about["X-Linked-Etag"] = f'"{repo.blob(file)}"'
        about["X-Linked-Size"] = str(repo.size(file))
        host = self.hub.url.replace("127.0.0.1", "localhost")
        about["Location"] = f"{host}/storage/{name}/{file}"
        self._send(302, b"", about)

    def _storage(self, repo: Repo, file: str) -> None:
        content = repo.files[file]
        ranged = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(ranged[1]) if ranged else 0
        self.hub.starts.append((file, start))
        self.send_response(206 if ranged else 200)
        if ranged:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self._stream(file, content, start)

    def _stream(self, file: str, content: bytes, start: int) -> None:
        cut = self.hub.break_after
        for at in range(start, len(content), _PIECE):
            while self.hub.stop_at is not None and at >= self.hub.stop_at:
                time.sleep(0.02)
            piece = content[at : at + _PIECE]
            self.wfile.write(piece)
            self.hub.sent[file] = self.hub.sent.get(file, 0) + len(piece)
            if cut is not None and at - start + len(piece) >= cut:
                self._reset()
                return
            time.sleep(self.hub.pause)

    def _reset(self) -> None:
        """End the connection as a failing network does, when all that was sent has arrived."""
        while struct.unpack("i", fcntl.ioctl(self.connection, termios.TIOCOUTQ, b"\0" * 4))[0]:
            time.sleep(0.01)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def _plain(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(body).encode(), headers or {})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed is no error."""


@contextmanager
def serving(**repos: Repo) -> Iterator[Hub]:
    """A hub with repositories `org/NAME`."""
    hub = Hub({f"org/{name}": repo for name, repo in repos.items()})
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        hub.stop_at = None
        server.shutdown()
        thread.join()
        server.server_close()
