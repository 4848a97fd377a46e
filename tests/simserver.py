"""The simulated server as a real process, and a plain client for it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent
MODEL = "sim-8b"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def spawn(log: Path, *flags: str) -> subprocess.Popen[bytes]:
    """Start it with these flags, quickly; its output goes to `log`."""
    command = [sys.executable, "-P", "-m", "core.engines.simserver", "--start-scale", "0.001"]
    with log.open("wb") as output:
        return subprocess.Popen(
            [*command, *flags],
            stdout=output,
            stderr=output,
            cwd=log.parent,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )


@dataclass
class Server:
    process: subprocess.Popen[bytes]
    port: int
    log: Path
    client: httpx.Client

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def metric(self, name: str) -> float:
        for line in self.client.get("/metrics").text.splitlines():
            if line.startswith(f"vllm:{name}{{"):
                return float(line.rpartition(" ")[2])
        raise KeyError(name)

    def until_ready(self, limit: float = 20.0) -> None:
        end = time.monotonic() + limit
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if self.client.get("/health").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.02)
        raise AssertionError(f"not ready after {limit} s:\n{self.log.read_text()}")


@contextmanager
def running(folder: Path, *flags: str) -> Iterator[Server]:
    """A server that is ready; ended when the block ends."""
    port, log = free_port(), folder / "engine.log"
    process = spawn(log, "--model", MODEL, "--port", str(port), *flags)
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False)
    server = Server(process, port, log, client)
    try:
        server.until_ready()
        yield server
    finally:
        client.close()
        process.kill()
        process.wait()


def chat(prompt: str, tokens: int | None, **more: object) -> dict[str, object]:
    """A chat completion's body."""
    body: dict[str, object] = {"model": MODEL, "messages": [{"role": "user", "content": prompt}]}
    if tokens is not None:
        body["max_tokens"] = tokens
    return {**body, **more}


STREAM = {"stream": True, "stream_options": {"include_usage": True}, "ignore_eos": True}


@dataclass
class Streamed:
    """One streamed answer: when it was asked for, when each token came, what it was."""

    sent: float
    times: list[float] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    finish: str | None = None
    usage: dict[str, int] = field(default_factory=dict)
    done: bool = False

    @property
    def ttft(self) -> float:
        return self.times[0] - self.sent

    @property
    def tpot(self) -> float:
        return (self.times[-1] - self.times[0]) / (len(self.times) - 1)


async def stream(port: int, body: dict[str, object]) -> Streamed:
    """POST a streamed chat on a connection of its own, as genai-bench does."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    data = json.dumps(body).encode()
    result = Streamed(time.monotonic())
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(data), data)
    )
    assert b"200" in await reader.readline()
    while line := await reader.readline():
        if line.startswith(b"data: "):
            _note(result, line[6:].strip())
    writer.close()
    return result


def _note(result: Streamed, data: bytes) -> None:
    if data == b"[DONE]":
        result.done = True
        return
    event = json.loads(data)
    result.usage = event.get("usage") or result.usage
    for choice in event["choices"]:
        result.finish = choice["finish_reason"] or result.finish
        if word := choice["delta"].get("content"):
            result.times.append(time.monotonic())
            result.words.append(word)
