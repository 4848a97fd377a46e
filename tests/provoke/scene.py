"""A place where an engine is provoked: a tiny model, its broken copies, a false Hub."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from tests.provoke.keeping import ROOT

VLLM = ROOT / ".vllm" / "bin"
ENVIRONMENT = {
    "VLLM_TARGET_DEVICE": "cpu",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_NO_USAGE_STATS": "1",
}
HEAD = {401: "RepoNotFound", 403: "GatedRepo", 404: "RepoNotFound"}


@dataclass
class Scene:
    """The folder all lies in, the whole model in it, a free port and a taken one."""

    folder: Path
    model: Path
    port: int
    taken: int
    hubs: list[ThreadingHTTPServer] = field(default_factory=list)

    def copy(self, change: Callable[[Path], object]) -> str:
        """A copy of the model after a change."""
        target = self.folder / "models" / "broken"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.model, target)
        change(target)
        return str(target)

    def configured(self, **changes: object) -> str:
        """A copy of the model with other words in its config.json."""

        def change(folder: Path) -> None:
            file = folder / "config.json"
            file.write_text(json.dumps(json.loads(file.read_text()) | changes))

        return self.copy(change)

    def hub(self, status: int, body: object = None) -> str:
        """The address of a server that answers everything with this status, as a Hub does."""
        text = b"" if body is None else json.dumps(body).encode()

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.send_response(status)
                if code := HEAD.get(status):
                    self.send_header("X-Error-Code", code)
                    self.send_header("X-Error-Message", f"{code}: see the model's page")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(text)

            def do_GET(self) -> None:
                self.do_HEAD()

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.do_HEAD()

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=server.serve_forever, daemon=True).start()
        self.hubs.append(server)
        return f"http://127.0.0.1:{server.server_port}"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@contextmanager
def running(words: Sequence[str], environment: dict[str, str], log: Path) -> Iterator[int]:
    """A process in a session of its own that writes into `log`; ended with all of its own."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            words,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=log.parent,
            env={"PATH": os.environ["PATH"], "HOME": str(log.parent / "home"), **environment},
            start_new_session=True,
        )
    try:
        yield process.pid
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def ended(pid: int, limit: float) -> bool:
    """Whether the process ends within `limit` seconds; it is left as a zombie to reap."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return True
        time.sleep(0.2)
    return False


def healthy(port: int, pid: int, limit: float = 300) -> bool:
    """Whether the engine answers before it ends."""
    end = time.monotonic() + limit
    while time.monotonic() < end and not ended(pid, 0.5):
        with suppress(OSError):
            if ask(port, "GET", "/health")[0] == http.client.OK:
                return True
    return False


def ask(
    port: int, method: str, path: str, body: object = None, limit: float = 60
) -> tuple[int, str]:
    """Status and text of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=limit)
    sent = json.dumps(body) if body is not None else None
    connection.request(method, path, sent, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, answer.read().decode("utf-8", "replace")
