"""A server of fixed latency that speaks vLLM's chat stream; its port is its first line.

The first part of the path says how it behaves: `ok`, `reject` (every fourth request is a
429), `empty` (200, no tokens), `broken` (not JSON), `hang` (nothing after ten answers),
`stuck` (nothing at all), `die` (the process exits in the middle of the fortieth answer).
Slower ones: `fixed` (a token every 20 ms from 0.2 s on), `half` (of it, every second request is
a 429, which takes 0.2 s), `never` (nothing but these).

What stands behind a dash, as in `fixed-plain`, tells clients apart. `GET /truth/NAME` gives the
time of every token sent under that name; without one, under `ok`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import sys
import time

TTFT = 0.05
TPOT = 0.005
SLOW_TTFT = 0.2
SLOW_TPOT = 0.02
SLOW = frozenset({"fixed", "half", "never"})
PROMPT_TOKENS = 7

tokens: dict[str, list[float]] = {}
received: dict[str, itertools.count[int]] = {}


def chunk(**fields: object) -> bytes:
    data = b"data: " + json.dumps(fields).encode() + b"\n\n"
    return b"%x\r\n" % len(data) + data + b"\r\n"


def choice(content: str, reason: str | None = None) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": reason}]}


async def stream(writer: asyncio.StreamWriter, count: int, name: str, dies: bool) -> None:
    start = time.monotonic()
    ttft, tpot = (SLOW_TTFT, SLOW_TPOT) if kind(name) in SLOW else (TTFT, TPOT)
    for index in range(count):
        # Absolute times, so that a late wake-up delays one token and not all that follow.
        await asyncio.sleep(start + ttft + index * tpot - time.monotonic())
        reason = "length" if index == count - 1 else None
        writer.write(chunk(**choice(" a", reason)))
        tokens.setdefault(name, []).append(time.time())
        if dies and index == count // 2:
            await writer.drain()
            os._exit(1)
    if not count:
        writer.write(chunk(**choice("", "stop")))
    usage = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": count}
    writer.write(chunk(choices=[], usage=usage))
    done = b"data: [DONE]\n\n"
    writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(done), done))


def kind(name: str) -> str:
    """How it behaves under this name."""
    return name.partition("-")[0]


def refuses(mode: str, number: int) -> bool:
    """Whether this request is a 429."""
    every = {"reject": 4, "half": 2, "never": 1}.get(mode)
    return every is not None and number % every == 0


async def answer(writer: asyncio.StreamWriter, name: str, path: str, body: bytes) -> None:
    mode = kind(name)
    number = next(received.setdefault(name, itertools.count(1)))
    if mode == "stuck" or (mode == "hang" and number > 10):
        await asyncio.sleep(3600)
    if mode == "truth":
        asked = path.split("/")[2] or "ok"
        plain(writer, 200, json.dumps(tokens.get(asked, [])).encode())
    elif refuses(mode, number):
        await asyncio.sleep(SLOW_TTFT if mode in SLOW else 0)
        plain(writer, 429, b"too many requests")
    elif path.endswith("/embeddings"):
        await asyncio.sleep(TTFT)
        plain(writer, 200, json.dumps({"usage": {"prompt_tokens": PROMPT_TOKENS}}).encode())
    else:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        writer.write(head)
        if mode == "broken":
            writer.write(b"10\r\ndata: {not json\n\r\n0\r\n\r\n")
            return
        count = 0 if mode == "empty" else json.loads(body)["max_tokens"] or 5
        await stream(writer, count, name, mode == "die" and number == 40)


def plain(writer: asyncio.StreamWriter, status: int, body: bytes) -> None:
    head = f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + body)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = [line for line in head.split("\r\n") if line.lower().startswith("content-length")]
        body = await reader.readexactly(int(length[0].split(":")[1]) if length else 0)
        path = head.split()[1]
        await answer(writer, path.split("/")[1], path, body)
        await writer.drain()
    writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
