"""A registry on loopback with one image in it: enough of the protocol for `docker pull`.

Docker talks to registries on 127.0.0.1 without TLS.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
_CHUNK = 64 * 1024


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass
class Image:
    """Layers (tar archives, not compressed) and how its containers start."""

    layers: tuple[bytes, ...]
    entrypoint: tuple[str, ...]
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifest: bytes = b""

    def __post_init__(self) -> None:
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {"Entrypoint": self.entrypoint},
                "rootfs": {"type": "layers", "diff_ids": [digest(one) for one in self.layers]},
            }
        ).encode()
        self.blobs = {digest(one): one for one in (config, *self.layers)}
        described = [_described(_LAYER, one) for one in self.layers]
        self.manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": _described(_CONFIG, config),
                "layers": described,
            }
        ).encode()


def _described(kind: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "size": len(data), "digest": digest(data)}


class Registry(ThreadingHTTPServer):
    """Serves `image` as any repository's tag `ok`; every other tag is unknown.

    `pause` seconds pass between chunks of a layer; with `stall` no layer ever ends, and with
    `mute` no manifest is ever answered. `asked`: somebody wanted a manifest. `left`: somebody
    hung up in the middle of a layer.
    """

    daemon_threads = True

    def __init__(self, image: Image, *, pause: float = 0, stall: bool = False, mute: bool = False):
        super().__init__(("127.0.0.1", 0), _Answers)
        self.image = image
        self.pause = pause
        self.stall = stall
        self.mute = mute
        self.asked = threading.Event()
        self.left = threading.Event()
        self.closing = threading.Event()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Hung up upon, which is what many of these tests do."""

    def __enter__(self) -> Registry:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Registry

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        image = self.server.image
        words = self.path.strip("/").split("/")
        if words == ["v2"]:
            self.answer(200, b"{}", "application/json")
        elif words[-2] == "manifests":
            self.server.asked.set()
            if self.server.mute:
                self.hold()
            known = words[-1] in {"ok", digest(image.manifest)}
            self.found(image.manifest if known else None, _MANIFEST)
        else:
            self.found(image.blobs.get(words[-1]), "application/octet-stream")

    def found(self, data: bytes | None, kind: str) -> None:
        if data is None:
            error = {"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}
            self.answer(404, json.dumps({"errors": [error]}).encode(), "application/json")
        else:
            self.answer(200, data, kind)

    def answer(self, status: int, data: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Docker-Content-Digest", digest(data))
        self.end_headers()
        if self.command == "GET":
            self.send(data)

    def send(self, data: bytes) -> None:
        large = len(data) > _CHUNK
        for start in range(0, len(data), _CHUNK):
            if large and self.server.stall and start > len(data) // 2:
                self.hold()
            try:
                self.wfile.write(data[start : start + _CHUNK])
            except ConnectionError:
                self.server.left.set()
                raise
            if large:
                time.sleep(self.server.pause)

    def hold(self) -> None:
        """The line stays open, and nothing comes."""
        self.server.closing.wait()
        raise ConnectionError
